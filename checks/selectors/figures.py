"""The figures of monitors, as lists and pages show them: read for many at once, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from checks.columns import CHECKED_AT
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


class Figures(NamedTuple):
    """What a list shows of a monitor: little, since it shows many."""

    uptime_24h: float | None
    last_response_ms: float | None
    first_results: int
    """While no windows were computed: how many results the region has that has most, counted to ten; else 0."""


def figures_by_monitor(monitors: Sequence[UUID]) -> dict[UUID, Figures]:
    """The figures of these monitors, in one query."""
    return {pk: Figures(*found) for pk, *found in _rows(FIGURES, {"ids": list(monitors), "ticks": TICKS})}


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
    hours = [(begin, int(begin.timestamp())) for begin in begins]
    found: dict[UUID, dict[int, tuple[int, ...]]] = {pk: {} for pk in monitors}
    for pk, seconds, *sums in _rows(LAST_HOURS, {"ids": list(monitors), "since": begins[0]}):
        found[pk] = dict(zip(seconds, zip(*sums, strict=True), strict=True))
    return {pk: [HourSum(begin, *own.get(hour, ())) for begin, hour in hours] for pk, own in found.items()}


LAST_HOURS = """
SELECT monitor_id, array_agg(hour), array_agg(up), array_agg(degraded), array_agg(down), array_agg(unknown)
FROM (
    SELECT monitor_id, extract(epoch FROM bucket)::bigint AS hour,
        sum(up)::integer AS up, sum(degraded)::integer AS degraded,
        sum(down)::integer AS down, sum(unknown)::integer AS unknown
    FROM checks_hours WHERE monitor_id = ANY (%(ids)s) AND bucket >= %(since)s
    GROUP BY monitor_id, bucket
) AS sums
GROUP BY monitor_id
"""
"""A list reads a thousand hours: they come by the monitor, and with seconds, as Python takes long over timestamps."""

LAST_TICKS = f"""
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
        SELECT slot, {CHECKED_AT} AS checked_at, outcome, total_ms, attempts FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
    ) AS result
) AS newest
WHERE monitor.id = ANY (%(ids)s) AND newest.ticks IS NOT NULL
ORDER BY monitor.id, region.place
"""  # noqa: S608 - the constant above
"""The key of the results serves this: ten steps back from the end for each region. A list reads a thousand ticks or
more, so PostgreSQL makes them what they are shown as (``checks.rules.Tick``); value by value they cost Python more."""

FIGURES = f"""
SELECT monitor.id, stats.uptime_24h, last.total_ms, coalesce(first.number, 0)
FROM monitors_monitor AS monitor
LEFT JOIN checks_monitorstats AS stats ON stats.monitor_id = monitor.id
LEFT JOIN LATERAL (
    SELECT answer.total_ms
    FROM unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
    CROSS JOIN LATERAL (
        SELECT checked_at, total_ms
        FROM (
            SELECT slot, {CHECKED_AT} AS checked_at, total_ms, attempts FROM checks_checkresult
            WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
        ) AS newest
        WHERE attempts > 0 ORDER BY slot DESC LIMIT 1
    ) AS answer
    ORDER BY answer.checked_at DESC, region.place DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT max(own.number) AS number
    FROM unnest(monitor.regions) AS region (code)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM (
            SELECT FROM checks_checkresult
            WHERE monitor_id = monitor.id AND region = region.code AND stats.refreshed_at IS NULL LIMIT %(ticks)s
        ) AS result
    ) AS own
) AS first ON true
WHERE monitor.id = ANY (%(ids)s)
"""  # noqa: S608 - the constant above
"""Mostly one step back from the end of each region: each further one is another page of the table, which on a large one
is seldom at hand."""
