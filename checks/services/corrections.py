"""Uptime as it is after people have corrected the past. Results and rollups stay what they were.

Within the days whose single results are kept a correction is exact. Of older hours it takes the part that its span
covers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncHour

from checks.models import CheckResult, Day, Hour, MonitorStats
from incidents import selectors as incident_selectors
from incidents.models import Correction
from incidents.rules.corrections import Counts, Span, pieces

HOUR = timedelta(hours=1)
BY_HOUR = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
BY_DAY = {"30d": timedelta(days=30), "90d": timedelta(days=90)}
WINDOWS = {"1h": HOUR, **BY_HOUR, **BY_DAY}

GOOD, DOWN, UNKNOWN = ("up", "degraded"), ("down",), ("unknown",)


def uptimes(monitor: UUID, spans: Sequence[Span], *, now: datetime) -> dict[str, float | None]:
    """Uptime over the windows of ``MonitorStats`` with these corrections."""
    inside = _inside(monitor, pieces(spans), since=now - WINDOWS["90d"])
    figures = {name: _uptime(monitor, inside, name, now=now) for name in WINDOWS if name != "1h"}
    return {"1h": _last_hour(monitor, pieces(spans), now=now), **figures}


def corrected(monitor: UUID, counts: Counts, *, since: datetime) -> Counts:
    """Counts of all that was due since the beginning of an hour, as they are after what people said of that time."""
    spans = incident_selectors.corrected_spans([monitor], since=since).get(monitor, [])
    return _without(counts, _inside(monitor, pieces(spans), since=since), since=since)


def apply(monitors: Iterable[UUID], *, now: datetime) -> None:
    """Correct the windows that ``stats.compute`` has just written. Costs one query where nobody corrected anything."""
    by_monitor = incident_selectors.corrected_spans(monitors, since=now - WINDOWS["90d"])
    for monitor, spans in by_monitor.items():
        figures = {f"uptime_{name}": value for name, value in uptimes(monitor, spans, now=now).items()}
        MonitorStats.objects.filter(pk=monitor).update(**figures)


@transaction.atomic
def compare(
    monitor: UUID, act: Callable[[], Correction], *, now: datetime
) -> tuple[Correction, dict[str, dict[str, float | None]]]:
    """Correct something, and say what it does to the uptime: before and after, by window."""
    before = uptimes(monitor, _spans(monitor, now=now), now=now)
    correction = act()
    after = uptimes(monitor, _spans(monitor, now=now), now=now)
    return correction, {name: {"before": before[name], "after": after[name]} for name in WINDOWS}


def _spans(monitor: UUID, *, now: datetime) -> list[Span]:
    return incident_selectors.corrected_spans([monitor], since=now - WINDOWS["90d"]).get(monitor, [])


def uptime_of_days(monitor: UUID, *, since: datetime) -> float | None:
    """Uptime since the beginning of that day (UTC), with the corrections: for spans that ``MonitorStats`` lacks."""
    since = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = _counted(Day.objects.filter(monitor=monitor, bucket__gte=since))
    return corrected(monitor, counts, since=since).uptime


def _uptime(
    monitor: UUID, inside: Sequence[tuple[datetime, Span, Counts]], window: str, *, now: datetime
) -> float | None:
    """Windows begin with the same whole hours or days as in ``stats``."""
    since = (now - WINDOWS[window]).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if window in BY_DAY:
        since = since.replace(hour=0)
        counts = _counted(Day.objects.filter(monitor=monitor, bucket__gte=since))
    else:
        counts = _counted(Hour.objects.filter(monitor=monitor, bucket__gte=since))
    return _without(counts, inside, since=since).uptime


def _without(counts: Counts, inside: Sequence[tuple[datetime, Span, Counts]], *, since: datetime) -> Counts:
    for hour, span, found in inside:
        if hour >= since:
            counts = counts.without(found, span.verdict)
    return counts


def _last_hour(monitor: UUID, spans: Sequence[Span], *, now: datetime) -> float | None:
    """The one window that slides by the second: its results are there one by one, and so few that all are read."""
    rows = CheckResult.objects.filter(monitor=monitor, slot__gt=now - HOUR, slot__lte=now + timedelta(minutes=1))
    counts = Counts()
    for slot, slots, outcome in rows.values_list("slot", "slots", "outcome"):
        single = Counts(*(slots * (outcome in kind) for kind in (GOOD, DOWN, UNKNOWN)))
        span = next((span for span in spans if span.starts_at <= slot < span.ends_at), None)
        counts += single.without(single, span.verdict) if span else single
    return counts.uptime


def _counted(spans: QuerySet[Hour] | QuerySet[Day]) -> Counts:
    sums = spans.aggregate(*(Sum(name) for name in ("up", "degraded", "down", "unknown")))
    return Counts(
        (sums["up__sum"] or 0) + (sums["degraded__sum"] or 0), sums["down__sum"] or 0, sums["unknown__sum"] or 0
    )


def _inside(monitor: UUID, spans: Sequence[Span], *, since: datetime) -> list[tuple[datetime, Span, Counts]]:
    """What lies inside of the corrected spans, hour by hour."""
    found = []
    for span in spans:
        if span.ends_at <= since:
            continue
        single = _single(monitor, span)
        for hour, counts in _hours(monitor, span).items():
            covered = (min(span.ends_at, hour + HOUR) - max(span.starts_at, hour)) / HOUR
            raw = single.get(hour)
            found.append((hour, span, counts.share(covered) if raw is None else raw))
    return found


def _hours(monitor: UUID, span: Span) -> dict[datetime, Counts]:
    first = span.starts_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours: dict[datetime, Counts] = defaultdict(Counts)
    for row in Hour.objects.filter(monitor=monitor, bucket__gte=first, bucket__lt=span.ends_at):
        hours[row.bucket] += Counts(row.up + row.degraded, row.down, row.unknown)
    return hours


def _single(monitor: UUID, span: Span) -> dict[datetime, Counts]:
    """Counts of single results inside a span, by hour; hours of which no single result is kept are left out."""
    first = span.starts_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    last = span.ends_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    here = Q(slot__gte=span.starts_at, slot__lt=span.ends_at)
    rows = (
        CheckResult.objects.filter(monitor=monitor, slot__gte=first, slot__lt=last)
        .annotate(hour=TruncHour("slot", tzinfo=UTC))
        .values("hour")
        .annotate(
            good=Sum("slots", filter=here & Q(outcome__in=GOOD)),
            down=Sum("slots", filter=here & Q(outcome__in=DOWN)),
            unknown=Sum("slots", filter=here & Q(outcome__in=UNKNOWN)),
        )
    )
    return {row["hour"]: Counts(row["good"] or 0, row["down"] or 0, row["unknown"] or 0) for row in rows}
