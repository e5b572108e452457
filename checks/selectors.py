"""Reading what is due, what is overdue, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Q, QuerySet

from accounts.models import Team
from checks import broker
from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult, MonitorStats, RegionWorker, Watermark
from checks.rules import TICKS, Tick
from monitors import rules
from monitors.models import Monitor, Region
from probes import names

WORKER_GONE_AFTER = timedelta(seconds=60)
BEHIND_S = 15
"""Handing out checks this late is worth a word; a tick comes every second."""


def database_now() -> datetime:
    """The database's clock, which all schedulers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def intervals_in_use() -> list[int]:
    return list(Monitor.objects.active().order_by("interval").values_list("interval", flat=True).distinct())


def monitors_due(region: Region, *, interval: int, turn: int, after: int, until: int) -> Iterable[Monitor]:
    """Active monitors of a region and interval with a slot in (after, until], by the index on (interval, phase)."""
    phases = rules.due_phases(turn=turn, interval=interval, after=after, until=until)
    if not phases:
        return []
    window = Q()
    for low, high in phases:
        window |= Q(phase__range=(low, high))
    due = Monitor.objects.active().in_region(region.code).filter(window, interval=interval).order_by("phase", "id")
    return due.only(
        "id", "phase", "interval", "timeout", "config_version", "status", "status_since", "created_at"
    ).iterator(chunk_size=1000)


def overdue_batches(*, now: datetime, unsent_since: datetime) -> QuerySet[CheckBatch]:
    """Open batches that have been out longer than their patience, or were never sent, locked; others' are left out."""
    return (
        CheckBatch.objects.filter(state=CheckBatch.State.OPEN)
        .extra(
            where=["coalesce(sent_at + make_interval(secs => patience_s), created_at + %s) < %s"],
            params=[now - unsent_since, now],
        )
        .order_by("created_at")
        .select_for_update(skip_locked=True)
    )


def missing_checks(batch: CheckBatch) -> list[CheckId]:
    """Checks of a batch that are still owed: no result, and the monitor still as it was when they were due."""
    checks = [CheckId.parse(item) for item in batch.check_ids]
    monitors = dict(
        Monitor.objects.active().filter(pk__in={check.monitor for check in checks}).values_list("pk", "config_version")
    )
    slots = [check.slot_at for check in checks]
    stored = set(
        CheckResult.objects.filter(
            region=batch.region, monitor__in=list(monitors), slot__range=(min(slots), max(slots))
        ).values_list("monitor_id", "slot")
    )
    return [
        check
        for check in checks
        if monitors.get(check.monitor) == check.version and (check.monitor, check.slot_at) not in stored
    ]


def results_of(monitor: Monitor) -> QuerySet[CheckResult]:
    return CheckResult.objects.filter(monitor=monitor).order_by("-slot", "-region")


def latest_results(monitor: Monitor) -> list[CheckResult]:
    """The newest result of each region."""
    newest = [
        CheckResult.objects.filter(monitor=monitor, region=region).order_by("-slot").first()
        for region in monitor.regions
    ]
    return [result for result in newest if result]


def stats_of(monitor: Monitor) -> MonitorStats:
    """The monitor's figures; empty ones while nothing was ever stored."""
    return stats_by_monitor([monitor])[monitor.pk]


def stats_by_monitor(monitors: Iterable[Monitor]) -> dict[UUID, MonitorStats]:
    """Each monitor's figures with its last ticks, in two queries."""
    wanted = list(monitors)
    stored = MonitorStats.objects.in_bulk([monitor.pk for monitor in wanted])
    figures = {monitor.pk: stored.get(monitor.pk) or MonitorStats(monitor_id=monitor.pk) for monitor in wanted}
    for monitor in wanted:
        figures[monitor.pk].monitor = monitor
        _clear_ticks(figures[monitor.pk])
    with connection.cursor() as cursor:
        cursor.execute(LAST_TICKS, {"ids": list(figures), "ticks": TICKS})
        for monitor_id, *tick in cursor.fetchall():
            _add_tick(figures[monitor_id], *tick)
    return figures


LAST_TICKS = """
SELECT monitor.id, region.code, newest.slot, newest.checked_at, newest.outcome, newest.total_ms, newest.attempts
FROM monitors_monitor AS monitor
CROSS JOIN LATERAL unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
CROSS JOIN LATERAL (
    SELECT slot, checked_at, outcome, total_ms, attempts FROM checks_checkresult
    WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
) AS newest
WHERE monitor.id = ANY (%(ids)s)
ORDER BY monitor.id, region.place, newest.slot
"""
"""The key of the results serves this: ten steps back from the end for each region."""


def _clear_ticks(stats: MonitorStats) -> None:
    stats.ticks, stats.last_checked, stats.last_response_ms = {}, None, None


def _add_tick(
    stats: MonitorStats,
    region: str,
    slot: datetime,
    checked_at: datetime,
    outcome: str,
    total_ms: float | None,
    attempts: int,
) -> None:
    tick = Tick(outcome=outcome, total_ms=None if total_ms is None else round(total_ms, 1), slot=slot.isoformat())
    stats.ticks.setdefault(region, []).append(tick)
    if attempts and (stats.last_checked is None or checked_at >= stats.last_checked):
        stats.last_checked, stats.last_response_ms = checked_at, total_ms


def region_health(*, now: datetime) -> list[dict[str, Any]]:
    """Each enabled region: when it was last heard of, how many workers live, how far handing out is behind."""
    workers = RegionWorker.objects.filter(last_seen__gt=now - timedelta(days=1))
    marks = dict(Watermark.objects.values_list("region_id", "at"))
    health = []
    for region in Region.objects.filter(enabled=True):
        own = [worker for worker in workers if worker.region == region.code]
        last_seen = max((worker.last_seen for worker in own), default=None)
        mark = marks.get(region.code)
        health.append(
            {
                "region": region.code,
                "online": last_seen is not None and now - last_seen <= WORKER_GONE_AFTER,
                "last_seen": last_seen,
                "workers": sum(now - worker.last_seen <= WORKER_GONE_AFTER for worker in own),
                "schedule_behind_s": round((now - mark).total_seconds(), 1) if mark else None,
            }
        )
    return health


def results_before(results: QuerySet[CheckResult], *, slot: datetime, region: str) -> QuerySet[CheckResult]:
    """The rows behind a cursor's key, in the list's own order (slot, region, both falling)."""
    return results.filter(Q(slot__lt=slot) | Q(slot=slot, region__lt=region))


def monitoring_status(team: Team, *, now: datetime) -> dict[str, Any]:
    """How checking goes for one team: regions, queue lengths, monitors by status."""
    regions = region_health(now=now)
    counts = Monitor.objects.for_team(team).values_list("status").annotate(number=Count("pk")).order_by("status")
    waiting = broker.queue_lengths([names.region_queue(region["region"]) for region in regions])
    for region in regions:
        region["queued_batches"] = waiting[names.region_queue(region["region"])]
    return {"now": now, "monitors": dict(counts), "regions": regions, "delayed": is_delayed(regions)}


def is_delayed(regions: list[dict[str, Any]]) -> bool:
    """Whether somebody waits longer for checks than they should."""
    return any(not region["online"] or (region["schedule_behind_s"] or 0) > BEHIND_S for region in regions)


def health(*, now: datetime) -> dict[str, Any]:
    """Each part and whether it does its work; ``status`` is ok only when all do."""
    regions = region_health(now=now)
    parts = {
        "database": True,
        "migrations": not pending_migrations(),
        "broker": broker.queue_lengths([names.RESULTS_QUEUE])[names.RESULTS_QUEUE] is not None,
        "scheduler": all((region["schedule_behind_s"] or 0) <= BEHIND_S for region in regions),
        "regions": all(region["online"] for region in regions),
    }
    return {
        "status": "ok" if all(parts.values()) else "degraded",
        "parts": {name: "ok" if well else "failing" for name, well in parts.items()},
        "regions": regions,
    }


def pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
