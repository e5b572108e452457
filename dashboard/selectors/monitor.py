"""The page of one monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from checks.models import CheckResult, MonitorStats
from checks.rules import Tick
from checks.selectors.figures import stats_of
from checks.selectors.results import Wanted, latest_results, newest_results
from checks.services.corrections import corrected
from dashboard.selectors.delays import Delay, delays, pace_s
from dashboard.selectors.listing import FAILING, figures_awaited
from dashboard.selectors.maintenance import work_on
from dashboard.words import reason_in_words
from heartbeats import selectors as heartbeats
from heartbeats.models import Ping
from incidents.models import Incident, IncidentEvent
from incidents.rules import RegionState
from incidents.rules.corrections import Counts
from incidents.selectors import incidents_on, states_of
from maintenance.models import Window as Work
from monitors.models import Monitor
from monitors.rules import Status, next_slot, region_turn
from monitors.selectors import enabled_regions
from probes.contract import Outcome

RECENT_CHECKS = 20
RECENT_INCIDENTS = 10
RECENT_PINGS = 20
RECENT_RUNS = 30
RECENT_NOTES = 5
NO_TICKS: Mapping[str, list[Tick]] = {}

SPEAKERS: dict[str, set[Outcome | None]] = {
    Status.DOWN: {Outcome.DOWN},
    Status.PARTIAL: {Outcome.DOWN},
    Status.DEGRADED: {Outcome.DEGRADED},
}
"""Of a monitor with this status, the regions with such a last word say why."""


@dataclass(frozen=True, slots=True)
class RegionView:
    """What one region has to say."""

    code: str
    state: RegionState
    latest: CheckResult | None
    ticks: list[Tick]
    asked: bool
    """A check that somebody waits for is on its way."""
    next_at: datetime | None
    """When it looks next by its timetable; None while it does not."""

    @property
    def status(self) -> str:
        """The region's own word, as a status to draw; unknown while its latest check told nothing."""
        if self.state.silence is not None:
            return Status.UNKNOWN
        return self.state.outcome or Status.PENDING

    @property
    def reason(self) -> str:
        return reason_in_words(self.state.silence or self.state.reason)

    @property
    def message(self) -> str:
        return "" if self.state.silence else self.state.message

    @property
    def timings_ms(self) -> dict[str, float | None]:
        return self.latest.timings_ms if self.latest else {}

    @property
    def phases_ms(self) -> float:
        """How long the picture of the latest check's phases is."""
        return sum(length or 0.0 for phase, length in self.timings_ms.items() if phase != "total")

    def facts(self) -> tuple[object, ...]:
        latest = (self.latest.slot, self.latest.outcome, self.latest.total_ms) if self.latest else None
        return (self.code, self.state, latest, self.ticks, self.asked, self.next_at)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, with the regions that say the same."""

    reason: str
    regions: list[str]
    messages: list[str]


@dataclass(frozen=True, slots=True)
class Window:
    """Uptime over a span: the share of known time, and how much of the time is known."""

    name: str
    label: str
    uptime: float | None
    coverage: float | None

    @property
    def known(self) -> bool:
        """Whether anything is; what is not known is neither up nor down."""
        return bool(self.coverage) and self.uptime is not None


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job that reports: its state in one word, when it is due, and what it said of late."""

    state: str
    due: datetime | None
    deadline: datetime | None
    runs: int
    pings: list[Ping]
    ended: list[Ping]
    """Of the last runs, oldest first: how each ended and what it took."""


@dataclass(frozen=True)
class MonitorPage:
    monitor: Monitor
    stats: MonitorStats
    regions: list[RegionView]
    windows: list[Window]
    recent: list[CheckResult]
    incidents: list[Incident]
    notes: list[IncidentEvent]
    """What people wrote of these incidents, newest first."""
    delays: list[Delay]
    work: list[Work]
    """Planned work that goes on."""
    job: Job | None
    """How the job of a passive monitor does."""

    @property
    def failing(self) -> int:
        return int(self.monitor.status in FAILING)

    @property
    def asked(self) -> list[str]:
        """Regions whose word is awaited right now."""
        if self.monitor.wanted_at:
            return list(self.monitor.regions)
        return [region.code for region in self.regions if region.asked]

    @property
    def pace_s(self) -> int:
        results = max(map(len, self.stats.ticks.values()), default=0) if self.stats.refreshed_at is None else 0
        awaited = self.asked or self.monitor.status == Status.PENDING or figures_awaited(results)
        return pace_s(awaited=bool(awaited) and not self.monitor.paused, delayed=bool(self.delays))

    @property
    def causes(self) -> list[Cause]:
        """Why the monitor is not simply up, the same words said once."""
        if self.monitor.status not in {*SPEAKERS, Status.UNKNOWN}:
            return []
        wanted = SPEAKERS.get(self.monitor.status)
        speaking = [
            region for region in self.regions if region.reason and (wanted is None or region.state.outcome in wanted)
        ]
        groups = groupby(sorted(speaking, key=lambda region: region.reason), lambda region: region.reason)
        return [_cause(reason, list(regions)) for reason, regions in groups]

    @property
    def scale_ms(self) -> float:
        """The common width of the regions' phases, so that they can be compared."""
        return max((region.phases_ms for region in self.regions), default=0.0)

    def facts(self) -> tuple[object, ...]:
        monitor = self.monitor
        status = (monitor.status, monitor.status_since, monitor.status_reason)
        shown = (monitor.name, monitor.url, monitor.shadow, *status)
        regions = [region.facts() for region in self.regions]
        newest = [(result.region, result.slot) for result in self.recent]
        stories = [(incident.pk, incident.resolved_at) for incident in self.incidents]
        notes = [note.pk for note in self.notes]
        work = [(window.pk, window.title, window.next_ends) for window in self.work]
        job = self.job and (self.job.state, self.job.due, self.job.runs, [ping.pk for ping in self.job.pings])
        parts = (monitor.wanted_at, regions, self.windows, newest, stories, notes, self.delays, work, job, self.pace_s)
        return (*shown, *parts)


def _cause(reason: str, regions: list[RegionView]) -> Cause:
    messages = sorted({region.message for region in regions if region.message})
    return Cause(reason, [region.code for region in regions], messages)


def monitor_page(monitor: Monitor, *, now: datetime) -> MonitorPage:
    stats = stats_of(monitor)
    incidents = list(incidents_on(monitor)[:RECENT_INCIDENTS])
    return MonitorPage(
        monitor=monitor,
        stats=stats,
        regions=region_words(monitor, stats.ticks, now=now),
        windows=windows(monitor, stats, now=now),
        recent=newest_results(monitor, Wanted(), limit=RECENT_CHECKS),
        incidents=incidents,
        notes=notes_on(incidents),
        delays=[] if monitor.paused else delays(now=now, regions=monitor.regions),
        work=work_on(monitor, now=now),
        job=job_of(monitor, now=now) if monitor.is_passive else None,
    )


def region_words(monitor: Monitor, ticks: Mapping[str, list[Tick]] = NO_TICKS, *, now: datetime) -> list[RegionView]:
    """What each of its regions has to say."""
    states = states_of([monitor])[monitor.pk]
    latest = {result.region: result for result in latest_results(monitor)}
    asked = regions_asked(monitor.pk, now=now)
    coming = next_checks(monitor, now=now)
    return [
        RegionView(
            code=code,
            state=states.get(code) or RegionState(code),
            latest=latest.get(code),
            ticks=ticks.get(code, []),
            asked=code in asked,
            next_at=coming.get(code),
        )
        for code in monitor.regions
    ]


def job_of(monitor: Monitor, *, now: datetime) -> Job:
    told = heartbeats.job(monitor, now=now)
    pings = list(heartbeats.pings_of(monitor)[:RECENT_PINGS])
    return Job(
        told["state"],
        told["due"],
        told["deadline"],
        len(told["runs"]),
        pings,
        heartbeats.runs_of(monitor, limit=RECENT_RUNS),
    )


ASKED = """
SELECT DISTINCT region FROM checks_checkbatch
WHERE state = 'open' AND lane = 'now' AND created_at > %s
    AND EXISTS (SELECT 1 FROM unnest(check_ids) AS check_id WHERE starts_with(check_id, %s))
"""


def regions_asked(monitor_id: UUID, *, now: datetime) -> set[str]:
    """Regions that were asked outside the timetable in the last minute and have not answered yet."""
    with connection.cursor() as cursor:
        cursor.execute(ASKED, [now - timedelta(minutes=1), f"{monitor_id}/"])
        return {row[0] for row in cursor.fetchall()}


def next_checks(monitor: Monitor, *, now: datetime) -> dict[str, datetime]:
    """By arithmetic, as dispatch does it: when each region looks next. Left out are those that do not."""
    if monitor.paused or monitor.maintenance_pauses or monitor.is_passive:
        return {}
    enabled, interval = enabled_regions(), monitor.effective_interval
    found = {}
    for place, region in enumerate(enabled):
        works = region.state == "online" or region.code in monitor.stand_ins
        if region.code in monitor.regions and works:
            turn = region_turn(interval, place, len(enabled))
            slot = next_slot(phase=monitor.phase, turn=turn, interval=interval, after=int(now.timestamp()))
            found[region.code] = datetime.fromtimestamp(slot, UTC)
    return found


def notes_on(incidents: list[Incident]) -> list[IncidentEvent]:
    found = IncidentEvent.objects.filter(incident__in=incidents, kind=IncidentEvent.Kind.NOTED)
    return list(found.select_related("actor").order_by("-happened_at", "-id")[:RECENT_NOTES])


def windows(monitor: Monitor, stats: MonitorStats, *, now: datetime) -> list[Window]:
    """The spans of the page: the ratios are read, the coverage and the year are counted from its rows."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = _counted(monitor, now=now, today=today)
    uptime = corrected(monitor.pk, counts["1y"], since=today - YEAR).uptime
    return [
        Window("1h", _("1 hour"), stats.uptime_1h, _coverage(counts["1h"])),
        Window("24h", _("24 hours"), stats.uptime_24h, stats.coverage_24h),
        Window("7d", _("7 days"), stats.uptime_7d, _coverage(counts["7d"])),
        Window("30d", _("30 days"), stats.uptime_30d, _coverage(counts["30d"])),
        Window("90d", _("90 days"), stats.uptime_90d, _coverage(counts["90d"])),
        Window("1y", _("1 year"), uptime, _coverage(counts["1y"])),
    ]


YEAR = timedelta(days=365)

COUNTED = """
SELECT hour.*, edge.*, days.*
FROM (
    SELECT sum(slots) FILTER (WHERE outcome NOT IN ('down', 'unknown')), sum(slots) FILTER (WHERE outcome = 'down'),
        sum(slots) FILTER (WHERE outcome = 'unknown')
    FROM checks_checkresult WHERE monitor_id = %(monitor)s AND slot > %(hour)s AND slot <= %(now)s
) AS hour, (
    SELECT sum(up + degraded), sum(down), sum(unknown)
    FROM checks_hours WHERE monitor_id = %(monitor)s AND bucket >= %(week)s AND bucket < %(midnight)s
) AS edge, (
    SELECT sum(up + degraded) FILTER (WHERE in_week), sum(down) FILTER (WHERE in_week),
        sum(unknown) FILTER (WHERE in_week), sum(up + degraded) FILTER (WHERE in_month),
        sum(down) FILTER (WHERE in_month), sum(unknown) FILTER (WHERE in_month),
        sum(up + degraded) FILTER (WHERE in_quarter), sum(down) FILTER (WHERE in_quarter),
        sum(unknown) FILTER (WHERE in_quarter), sum(up + degraded), sum(down), sum(unknown)
    FROM checks_days
    CROSS JOIN LATERAL (
        SELECT bucket >= %(midnight)s AS in_week, bucket >= %(month)s AS in_month, bucket >= %(quarter)s AS in_quarter
    ) AS part
    WHERE monitor_id = %(monitor)s AND bucket >= %(year)s
) AS days
"""
"""Three columns for each span. Of the week only the first, broken day is read by the hour: each is on another page of
the table. One row: by UNION ALL PostgreSQL would start workers for it, which takes far longer."""


def _counted(monitor: Monitor, *, now: datetime, today: datetime) -> dict[str, Counts]:
    """What was found over each span whose coverage is not kept; the longer ones begin with a whole hour or day."""
    week = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=7)
    asked: dict[str, Any] = {
        "monitor": monitor.pk,
        "now": now,
        "hour": now - timedelta(hours=1),
        "week": week,
        "midnight": today - timedelta(days=6 if week.hour else 7),
        "month": today - timedelta(days=30),
        "quarter": today - timedelta(days=90),
        "year": today - YEAR,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, asked)
        numbers = [number or 0 for number in cursor.fetchone()]
    hour, edge, *days = (Counts(*numbers[at : at + 3]) for at in range(0, len(numbers), 3))
    counts = dict(zip(("7d", "30d", "90d", "1y"), days, strict=True))
    return counts | {"1h": hour, "7d": edge + counts["7d"]}


def _coverage(counts: Counts) -> float | None:
    known = counts.good + counts.down
    every = known + counts.unknown
    return known / every if every else None
