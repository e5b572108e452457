"""What is due, what is overdue, and what each region has in hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, QuerySet

from checks import broker, pressure
from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult, RegionWorker
from checks.pressure import Load
from monitors import secrets
from monitors.models import Monitor, Region
from monitors.rules import Policy
from probes import names

FOR_EVER_S = 1e9

INTERVALS_IN_USE = """
WITH RECURSIVE used (interval) AS (
    (
        SELECT coalesce(slowed_to, interval) FROM monitors_monitor WHERE NOT paused
        ORDER BY coalesce(slowed_to, interval) LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT coalesce(monitor.slowed_to, monitor.interval) FROM monitors_monitor AS monitor
        WHERE NOT paused AND coalesce(monitor.slowed_to, monitor.interval) > used.interval
        ORDER BY coalesce(monitor.slowed_to, monitor.interval) LIMIT 1
    )
    FROM used WHERE used.interval IS NOT NULL
)
SELECT interval FROM used WHERE interval IS NOT NULL
"""
"""From one interval to the next longer one by the index: one step for each, however many monitors share it."""


def intervals_in_use() -> list[int]:
    """The effective intervals of active monitors, shortest first."""
    with connection.cursor() as cursor:
        cursor.execute(INTERVALS_IN_USE)
        return [row[0] for row in cursor.fetchall()]


class DueMonitor(NamedTuple):
    """What handing out needs to know of a monitor, read once."""

    pk: UUID
    phase: int
    interval: int
    """The effective one."""
    timeout: int
    config_version: int
    kind: str
    stand_in: str | None
    """Who checks it in the place of the region that was asked about."""
    spec: dict[str, Any]
    retries: int
    watched_since: datetime
    """When the watch began: at creation, or at the resume whose first result is still to come."""


DUE = """
SELECT monitor.id, monitor.phase, due.interval, monitor.timeout, monitor.config_version, monitor.kind,
    monitor.stand_ins ->> %(region)s, monitor.spec, monitor.sealed, monitor.policy,
    CASE WHEN monitor.status = 'pending' THEN monitor.status_since ELSE monitor.created_at END
FROM unnest(%(intervals)s::int[], %(lows)s::int[], %(highs)s::int[]) AS due (interval, low, high)
CROSS JOIN LATERAL (
    SELECT * FROM monitors_monitor
    WHERE NOT paused AND NOT maintenance_pauses
        AND coalesce(slowed_to, interval) = due.interval AND phase BETWEEN due.low AND due.high
        AND %(region)s = ANY (regions) AND jsonb_exists(stand_ins, %(region)s) = %(stood_in_for)s
    OFFSET 0
) AS monitor
ORDER BY due.interval, monitor.phase, monitor.id
"""
"""OFFSET 0 keeps the planner to one look into the index monitors_due for each window."""


def monitors_due(
    region: Region, windows: Sequence[tuple[int, int, int]], *, stood_in_for: bool = False
) -> list[DueMonitor]:
    """Active monitors of a region that are in one of the windows (interval, lowest phase, highest phase).

    Either those that the region checks itself, or those that another one checks in its place.
    """
    if not windows:
        return []
    intervals, lows, highs = (list(column) for column in zip(*windows, strict=True))
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"region": region.code, "stood_in_for": stood_in_for}
        cursor.execute(DUE, asked | {"intervals": intervals, "lows": lows, "highs": highs})
        return [
            DueMonitor._make([*row, json.loads(spec) | secrets.unseal(sealed), _retries(policy), watched_since])
            for *row, spec, sealed, policy, watched_since in cursor
        ]


@lru_cache(maxsize=1_000)
def _retries(policy: str) -> int:
    """The policy as its JSON text: most monitors share a few."""
    return Policy.parse(json.loads(policy)).retries


REGION_LOADS = """
SELECT region,
    count(*) FILTER (WHERE state = 'open'),
    count(*) FILTER (WHERE state = 'done' AND created_at > %(minute_ago)s),
    coalesce(sum(stored) FILTER (WHERE created_at > %(minute_ago)s), 0),
    min(created_at + make_interval(secs => patience_s - %(patience)s))
        FILTER (WHERE state = 'open' AND stored = 0 AND lane = 'slots')
FROM checks_checkbatch WHERE state = 'open' OR created_at > %(minute_ago)s
GROUP BY region
"""


def region_loads(regions: Sequence[str], *, now: datetime) -> dict[str, Load]:
    """What each of these regions has in hand and when it was last heard of, by ledger, broker and life signs."""
    waiting = broker.queue_lengths([*(names.region_queue(region) for region in regions), names.RESULTS_QUEUE])
    with connection.cursor() as cursor:
        cursor.execute(REGION_LOADS, {"minute_ago": now - timedelta(minutes=1), "patience": pressure.PATIENCE_S})
        counts = {row[0]: row[1:] for row in cursor.fetchall()}
    signs = dict(RegionWorker.objects.values_list("region").annotate(last=Max("last_seen")))
    return {
        region: _load(
            *counts.get(region, (0, 0, 0, None)),
            queued=waiting[names.region_queue(region)],
            reports=waiting[names.RESULTS_QUEUE] or 0,
            last_seen=signs.get(region),
            now=now,
        )
        for region in regions
    }


def _load(
    opened: int,
    finished: int,
    checks_home: int,
    oldest: datetime | None,
    *,
    queued: int | None,
    reports: int,
    last_seen: datetime | None,
    now: datetime,
) -> Load:
    """Results are as good as a life sign: those may be dropped where many reports wait."""
    return Load(
        open=opened,
        queued=queued,
        finished=finished,
        checks_home=checks_home,
        oldest_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        reports=reports,
        last_sign=now if checks_home else last_seen,
    )


def overdue_batches(*, now: datetime, unsent_since: datetime, extra_s: Mapping[str, float]) -> QuerySet[CheckBatch]:
    """Open batches that have been out longer than their patience, or were never sent, locked; others' are left out.

    ``extra_s``: how much longer than usual each region is waited for; what has expired is not waited for at all.
    """
    waited_for = json.dumps({region: min(extra, FOR_EVER_S) for region, extra in extra_s.items()})
    return (
        CheckBatch.objects.filter(state=CheckBatch.State.OPEN)
        .extra(
            where=[
                (
                    "expires_at <= %s OR coalesce(sent_at + make_interval(secs => patience_s), created_at + %s)"
                    " + make_interval(secs => coalesce((%s::jsonb ->> region)::float8, 0)) < %s"
                )
            ],
            params=[now, now - unsent_since, waited_for, now],
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
