"""The figures of monitors, as lists and pages show them: read for many at once, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from checks.facts import CERTIFICATE, moment
from checks.models import Fact, MonitorStats
from checks.rules import HOURS, TICKS, HourSum
from monitors.models import Monitor


def stats_of(monitor: Monitor) -> MonitorStats:
    """The monitor's figures; empty ones while nothing was ever stored."""
    return stats_by_monitor([monitor])[monitor.pk]


def stats_by_monitor(monitors: Iterable[Monitor]) -> dict[UUID, MonitorStats]:
    """Each monitor's figures with its last ticks, in two queries."""
    figures = _stored_figures(monitors)
    for monitor, region, ticks, *last in _rows(LAST_TICKS, {"ids": list(figures), "ticks": TICKS}):
        figures[monitor].ticks[region] = ticks
        _note_last(figures[monitor], *last)
    return figures


def figures_by_monitor(monitors: Iterable[Monitor]) -> dict[UUID, tuple[MonitorStats, int]]:
    """The same without the ticks, which cost a list more than all the rest. For monitors whose windows were never
    computed, with how many results there are, up to ten, in the region that has most; for the others with 0."""
    figures = _stored_figures(monitors)
    new = [pk for pk, stats in figures.items() if stats.refreshed_at is None]
    most = dict.fromkeys(figures, 0)
    for monitor, number, *last in _rows(LAST_ANSWERS, {"ids": list(figures), "new": new, "ticks": TICKS}):
        most[monitor] = max(most[monitor], number)
        _note_last(figures[monitor], *last)
    return {pk: (stats, most[pk]) for pk, stats in figures.items()}


def _stored_figures(monitors: Iterable[Monitor]) -> dict[UUID, MonitorStats]:
    wanted = list(monitors)
    stored = MonitorStats.objects.in_bulk([monitor.pk for monitor in wanted])
    figures = {monitor.pk: stored.get(monitor.pk) or MonitorStats(monitor_id=monitor.pk) for monitor in wanted}
    for monitor in wanted:
        stats = figures[monitor.pk]
        stats.monitor, stats.ticks, stats.last_checked, stats.last_response_ms = monitor, {}, None, None
    return figures


def _note_last(stats: MonitorStats, checked_at: datetime | None, response_ms: float | None) -> None:
    """Of the regions, the one that looked last."""
    if checked_at and (stats.last_checked is None or checked_at >= stats.last_checked):
        stats.last_checked, stats.last_response_ms = checked_at, response_ms


def _rows(statement: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def certificates_end(monitors: Sequence[Monitor]) -> dict[UUID, datetime]:
    """When the certificate of a monitor's site runs out: of those that its regions see at present, the first to."""
    regions = {monitor.pk: set(monitor.voters) for monitor in monitors}
    seen = Fact.objects.filter(monitor__in=list(regions), kind=CERTIFICATE).order_by("monitor", "region", "-since")
    ends: dict[UUID, datetime] = {}
    for pk, region, value in seen.distinct("monitor", "region").values_list("monitor", "region", "value"):
        if region in regions[pk] and (end := moment(value.get("not_after"))):
            ends[pk] = min(end, ends.get(pk, end))
    return ends


def last_hours(monitors: Sequence[UUID], *, now: datetime) -> dict[UUID, list[HourSum]]:
    """Each monitor's last 24 hours by the clock, oldest first, the running one included; all regions together."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins = [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]
    found: dict[UUID, dict[int, list[int]]] = {pk: {} for pk in monitors}
    for pk, hour, *sums in _rows(LAST_HOURS, {"ids": list(monitors), "since": begins[0]}):
        found[pk][hour] = sums
    hours = [(begin, int(begin.timestamp())) for begin in begins]
    return {pk: [HourSum(begin, *own.get(hour, ())) for begin, hour in hours] for pk, own in found.items()}


LAST_HOURS = """
SELECT monitor_id, extract(epoch FROM bucket)::bigint,
    sum(up)::integer, sum(degraded)::integer, sum(down)::integer, sum(unknown)::integer
FROM checks_hours WHERE monitor_id = ANY (%(ids)s) AND bucket >= %(since)s
GROUP BY monitor_id, bucket
"""
"""Seconds and no timestamps: a list reads a thousand of them, and Python takes long over a timestamp."""

LAST_TICKS = """
SELECT monitor.id, region.code, newest.ticks, newest.last_checked[1], newest.last_response_ms[1]
FROM monitors_monitor AS monitor
CROSS JOIN LATERAL unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
CROSS JOIN LATERAL (
    SELECT
        json_agg(
            json_build_object(
                'outcome', outcome,
                'total_ms', round(total_ms::numeric, 1),
                'slot', to_char(slot AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
            ) ORDER BY slot
        ) AS ticks,
        array_agg(checked_at ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_checked,
        array_agg(total_ms ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_response_ms
    FROM (
        SELECT slot, checked_at, outcome, total_ms, attempts FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
    ) AS result
) AS newest
WHERE monitor.id = ANY (%(ids)s) AND newest.ticks IS NOT NULL
ORDER BY monitor.id, region.place
"""
"""The key of the results serves this: ten steps back from the end for each region. A list reads a thousand ticks or
more, so PostgreSQL makes them what they are shown as (``checks.rules.Tick``); value by value they cost Python more."""

LAST_ANSWERS = """
SELECT monitor.id, first.number, answer.checked_at, answer.total_ms
FROM monitors_monitor AS monitor
CROSS JOIN LATERAL unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
LEFT JOIN LATERAL (
    SELECT checked_at, total_ms
    FROM (
        SELECT slot, checked_at, total_ms, attempts FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
    ) AS newest
    WHERE attempts > 0 ORDER BY slot DESC LIMIT 1
) AS answer ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS number
    FROM (
        SELECT FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code AND monitor.id = ANY (%(new)s) LIMIT %(ticks)s
    ) AS result
) AS first
WHERE monitor.id = ANY (%(ids)s)
ORDER BY monitor.id, region.place
"""
"""Mostly one step back from the end of each region: each further one is another page of the table, which on a large one
is seldom at hand."""
