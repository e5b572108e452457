"""Response times over time, in equal steps: a line for each region, or for each phase of one region's checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from checks.models import Day, Hour, Span
from checks.rules import merge_histograms, percentile
from dashboard.pictures import PHASES
from dashboard.selectors.periods import Period
from incidents.models import Incident, StatusChange
from monitors.models import Monitor
from monitors.rules import Status

HOUR_S, DAY_S = 3600, 86_400
RAW_STEPS_S = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
MOST_STEPS = 400
FEWEST_STEPS = 10
MOST_RAW = 10_000
"""Results that are read one by one for a picture; where there are more, sums by hour or day tell as much."""

SHARES = (0.5, 0.95, 0.99)


class Measure(StrEnum):
    """So many of the checks were at least as quick."""

    HALF = "p50"
    MOST = "p95"
    NEARLY_ALL = "p99"

    @property
    def label(self) -> str:
        return {Measure.HALF: _("Median"), Measure.MOST: "95 %", Measure.NEARLY_ALL: "99 %"}[self]

    @classmethod
    def parse(cls, text: str) -> Measure:
        return cls(text) if text in set(cls) else cls.HALF


class Times(NamedTuple):
    """How quick checks were, milliseconds: half of them, 95 % and 99 % at least so, and the extremes."""

    p50: float
    p95: float
    p99: float
    fastest: float
    slowest: float


Steps = dict[str, dict[int, Times]]
"""By line and by the step's beginning (epoch)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One region, or one phase. ``values`` are of the chart's measure; ``whole`` is of the period as one."""

    key: str
    name: str
    steps: list[Times | None]
    values: list[float | None]
    whole: Times | None


@dataclass(frozen=True, slots=True)
class Band:
    """A time that is shaded: an outage, or planned work."""

    kind: Status
    starts_at: datetime
    ends_at: datetime | None
    incident: UUID | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A step of the table."""

    at: datetime
    ends_at: datetime
    cells: list[Times | None]


@dataclass(frozen=True)
class Chart:
    """A step in which no check passed is None: a gap, and shown as one."""

    period: Period
    measure: Measure
    phases_of: str
    """The region whose phases are drawn; empty: the regions."""
    step_s: int
    exact: bool
    """From single results, and not from sums with classes of latency."""
    times: list[int]
    lines: list[Line]
    bands: list[Band]

    @property
    def empty(self) -> bool:
        return all(line.whole is None for line in self.lines)

    @property
    def untold(self) -> str:
        """Why phases are not drawn, though they were asked for."""
        if not self.phases_of or self.exact:
            return ""
        return _("Phases are kept with single checks only: choose a shorter time, or a later one.")

    @property
    def table(self) -> list[Row]:
        """Newest first; steps of which nothing is known are left out."""
        step = timedelta(seconds=self.step_s)
        rows = [
            Row(at := datetime.fromtimestamp(second, UTC), at + step, [line.steps[place] for line in self.lines])
            for place, second in enumerate(self.times)
        ]
        return [row for row in reversed(rows) if any(row.cells)]

    @property
    def outages(self) -> list[Band]:
        return [band for band in self.bands if band.kind is Status.DOWN]

    @property
    def works(self) -> list[Band]:
        return [band for band in self.bands if band.kind is Status.MAINTENANCE]

    def as_json(self) -> dict[str, Any]:
        return {
            "step_s": self.step_s,
            "since": int(self.period.since.timestamp()),
            "until": int(self.period.until.timestamp()),
            "times": self.times,
            "series": [{"key": line.key, "name": line.name, "values": line.values} for line in self.lines],
            "region": self.phases_of,
            "bands": [
                {
                    "kind": band.kind,
                    "from": int(band.starts_at.timestamp()),
                    "to": int((band.ends_at or self.period.until).timestamp()),
                }
                for band in self.bands
            ],
        }


def chart(monitor: Monitor, period: Period, *, measure: Measure, phases_of: str = "", now: datetime) -> Chart:
    """Single results where they are kept and not too many, else sums by hour or, over more than two weeks, by day."""
    phases_of = phases_of if phases_of in monitor.regions else ""
    step_s, exact = resolution(monitor, period, now=now)
    times = _steps(period, step_s=step_s, born=monitor.created_at)
    since, until = datetime.fromtimestamp(times[0], UTC), period.until
    if phases_of:
        names: Mapping[str, str] = PHASES
        read = _phases(monitor, phases_of, since, until, step_s) if exact else ({}, {})
    else:
        names = {code: code for code in monitor.regions}
        read = _raw(monitor, since, until, step_s) if exact else _summed(monitor, since, until, step_s)
    steps, whole = read
    place = list(Measure).index(measure)
    return Chart(
        period=period,
        measure=measure,
        phases_of=phases_of,
        step_s=step_s,
        exact=exact,
        times=times,
        lines=[_line(key, name, steps.get(key, {}), whole.get(key), times, place) for key, name in names.items()],
        bands=bands(monitor, since=since, until=until),
    )


def resolution(monitor: Monitor, period: Period, *, now: datetime) -> tuple[int, bool]:
    """The length of a step in seconds, and whether single results are there to be read."""
    kept_since = now - timedelta(days=settings.RETENTION_DAYS)
    due = period.length_s / monitor.interval * max(1, len(monitor.regions))
    if due <= MOST_RAW and period.since >= kept_since:
        least = max(monitor.interval, period.length_s / MOST_STEPS)
        return next((step for step in RAW_STEPS_S if step >= least), HOUR_S), True
    return (HOUR_S if period.length_s <= MOST_STEPS * HOUR_S else DAY_S), False


def _steps(period: Period, *, step_s: int, born: datetime) -> list[int]:
    """The beginnings of the steps. A young monitor has few, as the time before it is no gap."""
    last = (int(period.until.timestamp()) - (0 if period.range else 1)) // step_s
    first = int(period.since.timestamp()) // step_s
    lived = int(born.timestamp()) // step_s
    return [step * step_s for step in range(max(first, min(lived, last - FEWEST_STEPS)), last + 1)]


def _line(
    key: str, name: str, steps: Mapping[int, Times], whole: Times | None, times: Sequence[int], place: int
) -> Line:
    known = [steps.get(at) for at in times]
    return Line(key, name, known, [round(step[place], 1) if step else None for step in known], whole)


# --- from single results ---

BY_REGION = """
SELECT region, at, percentile_disc(%(shares)s) WITHIN GROUP (ORDER BY total_ms), min(total_ms), max(total_ms)
FROM (
    SELECT region, floor(extract(epoch FROM slot) / %(step)s)::bigint * %(step)s AS at, total_ms
    FROM checks_checkresult
    WHERE monitor_id = %(monitor)s AND slot >= %(since)s AND slot < %(until)s
        AND outcome IN ('up', 'degraded') AND total_ms IS NOT NULL
) AS passed
GROUP BY GROUPING SETS ((region, at), (region))
"""
"""The same results that the sums count: those that passed."""

BY_PHASE = """
SELECT phase, at, percentile_disc(%(shares)s) WITHIN GROUP (ORDER BY took_ms), min(took_ms), max(took_ms)
FROM (
    SELECT phase, floor(extract(epoch FROM slot) / %(step)s)::bigint * %(step)s AS at, took_ms
    FROM checks_checkresult
    CROSS JOIN LATERAL (
        VALUES ('dns', dns_ms), ('connect', connect_ms), ('tls', nullif(tls_ms, 0)), ('first_byte', first_byte_ms),
            ('download', download_ms)
    ) AS part (phase, took_ms)
    WHERE monitor_id = %(monitor)s AND slot >= %(since)s AND slot < %(until)s AND region = %(region)s
        AND outcome IN ('up', 'degraded') AND took_ms IS NOT NULL
) AS passed
GROUP BY GROUPING SETS ((phase, at), (phase))
"""

Read = tuple[Steps, dict[str, Times]]
"""Each step of each line, and each line's whole period."""


def _raw(monitor: Monitor, since: datetime, until: datetime, step_s: int) -> Read:
    return _queried(BY_REGION, monitor=monitor.pk, since=since, until=until, step=step_s)


def _phases(monitor: Monitor, region: str, since: datetime, until: datetime, step_s: int) -> Read:
    return _queried(BY_PHASE, monitor=monitor.pk, since=since, until=until, step=step_s, region=region)


def _queried(sql: str, **asked: Any) -> Read:
    steps: Steps = defaultdict(dict)
    whole: dict[str, Times] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, asked | {"shares": list(SHARES)})
        for key, at, shares, fastest, slowest in cursor.fetchall():
            times = Times._make([*shares, fastest, slowest])
            if at is None:
                whole[key] = times
            else:
                steps[key][at] = times
    return steps, whole


# --- from sums ---


def _summed(monitor: Monitor, since: datetime, until: datetime, step_s: int) -> Read:
    model: type[Hour] | type[Day] = Hour if step_s == HOUR_S else Day
    found: QuerySet[Any] = model.objects.filter(monitor=monitor, bucket__gte=since, bucket__lt=until, timed__gt=0)
    spans: dict[str, list[Span]] = defaultdict(list)
    for span in found.only("region", "bucket", "min_ms", "max_ms", "histogram"):
        spans[span.region].append(span)
    steps = {
        region: {int(span.bucket.timestamp()): times for span in own if (times := _times([span]))}
        for region, own in spans.items()
    }
    return steps, {region: times for region, own in spans.items() if (times := _times(own))}


def _times(spans: Iterable[Span]) -> Times | None:
    """Percentiles from classes of latency, never beyond what was measured."""
    own = list(spans)
    merged = merge_histograms([span.latencies for span in own])
    if not merged:
        return None
    fastest = min(span.min_ms or 0.0 for span in own)
    slowest = max(span.max_ms or 0.0 for span in own)
    shares = [min(max(percentile(merged, share) or 0.0, fastest), slowest) for share in SHARES]
    return Times._make([*shares, fastest, slowest])


# --- what is shaded ---

MOST_BANDS = 300


def bands(monitor: Monitor, *, since: datetime, until: datetime) -> list[Band]:
    """Outages and planned work that touch the time, in its order; the newest, where there are very many."""
    met = Q(resolved_at__isnull=True) | Q(resolved_at__gt=since)
    incidents = Incident.objects.filter(met, monitor=monitor, started_at__lt=until).order_by("-started_at")
    outages = [
        Band(Status.DOWN, max(started, since), resolved, pk)
        for pk, started, resolved in incidents.values_list("pk", "started_at", "resolved_at")[:MOST_BANDS]
    ]
    return sorted([*outages, *_works(monitor, since=since, until=until)], key=lambda band: band.starts_at)


def _works(monitor: Monitor, *, since: datetime, until: datetime) -> list[Band]:
    """When planned work was going on, as the changes of status tell it."""
    turns = Q(after=Status.MAINTENANCE) | Q(before=Status.MAINTENANCE)
    changes = StatusChange.objects.filter(turns, monitor=monitor, happened_at__gt=since, happened_at__lt=until)
    newest = changes.order_by("-happened_at", "-id").values_list("happened_at", "before", "after")[:MOST_BANDS]
    found: list[Band] = []
    began = monitor.status_since if not newest and monitor.status == Status.MAINTENANCE else None
    for at, before, after in reversed(newest):
        if before == Status.MAINTENANCE:
            found.append(Band(Status.MAINTENANCE, began or since, at))
        began = at if after == Status.MAINTENANCE else None
    if began is not None and began < until:
        found.append(Band(Status.MAINTENANCE, max(began, since), None))
    return found
