"""Writing results down, once: the row, the rollups and the verdict in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from checks.models import CheckEvidence, MonitorStats
from checks.services import storage
from incidents import services as incidents
from incidents.rules import Observation
from incidents.services import Question
from monitors.rules import Status
from probes.contract import Outcome, Reason, Timings

Key = tuple[UUID, str, datetime]


class NewResult(NamedTuple):
    """A result about to be stored; see ``models.CheckResult`` for the meaning of each part."""

    monitor: UUID
    region: str
    slot: datetime
    checked_at: datetime
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    slots: int = 1
    attempts: int = 1
    http_status: int | None = None
    timings: Timings = Timings()
    body_bytes: int | None = None
    remote_ip: str | None = None
    evidence: dict[str, object] | None = None

    @property
    def key(self) -> Key:
        return (self.monitor, self.region, self.slot)


class Locked(NamedTuple):
    """A monitor whose row this transaction holds: what storing needs to know of it."""

    config_version: int
    paused: bool
    status: str


COLUMNS = (
    *("monitor_id", "region", "slot", "checked_at", "slots", "attempts", "http_status"),
    *("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "download_ms", "total_ms"),
    *("body_bytes", "remote_ip", "outcome", "reason", "message"),
)

INCOMING = "CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE checks_checkresult) ON COMMIT DELETE ROWS"

COPY = f"COPY incoming ({', '.join(COLUMNS)}) FROM STDIN"

COUNTS = ("up", "degraded", "down", "unknown", "maintenance")


def _rollup(table: str, span: str) -> str:
    """The statement that adds the fresh rows to a rollup table."""
    counted = ", ".join(f"coalesce(sum(slots) FILTER (WHERE outcome = '{name}'), 0)" for name in COUNTS)
    added = ", ".join(f"{name} = kept.{name} + excluded.{name}" for name in (*COUNTS, "timed", "sum_ms"))
    return f"""
        INSERT INTO {table} AS kept
            (monitor_id, region, bucket, {", ".join(COUNTS)}, timed, sum_ms, min_ms, max_ms, histogram)
        SELECT monitor_id, region, date_trunc('{span}', slot, 'UTC') AS bucket, {counted},
            count(timed_ms), coalesce(sum(timed_ms), 0), min(timed_ms), max(timed_ms),
            latency_histogram(array_agg(timed_ms))
        FROM timed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (monitor_id, region, bucket) DO UPDATE SET {added},
            min_ms = least(kept.min_ms, excluded.min_ms),
            max_ms = greatest(kept.max_ms, excluded.max_ms),
            histogram = add_histograms(kept.histogram, excluded.histogram)
    """  # noqa: S608 - built from the constants above


STORE = f"""
WITH fresh AS (
    INSERT INTO checks_checkresult ({", ".join(COLUMNS)})
    SELECT {", ".join(COLUMNS)} FROM incoming ORDER BY monitor_id, region, slot
    ON CONFLICT DO NOTHING
    RETURNING monitor_id, region, slot, slots, outcome, total_ms
),
timed AS (
    SELECT *, CASE WHEN outcome IN ('up', 'degraded') THEN total_ms::float8 END AS timed_ms FROM fresh
),
hours AS ({_rollup("checks_rolluphour", "hour")}),
days AS ({_rollup("checks_rollupday", "day")})
SELECT monitor_id, region, slot FROM fresh
"""  # noqa: S608 - built from the constants above
"""Only the rows that were really inserted reach the rollups, in the same statement: twice is the same as once."""

LOCK = """
SELECT id, config_version, paused, status FROM monitors_monitor
WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE
"""


def lock_monitors(ids: Collection[UUID]) -> dict[UUID, Locked]:
    """The monitors that there are, locked in the one order that all writers use, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(ids)])
        return {row[0]: Locked(*row[1:]) for row in cursor.fetchall()}


@transaction.atomic
def record(results: Sequence[NewResult], *, monitors: Mapping[UUID, Locked], now: datetime) -> list[Question]:
    """Store results of locked monitors and draw every conclusion from the new ones among them.

    Results of monitors not given are left out. Returns the regions that should be asked at once.
    """
    return draw_conclusions(
        store_new([result for result in results if result.monitor in monitors]), monitors=monitors, now=now
    )


def store_new(results: Sequence[NewResult]) -> list[NewResult]:
    """Add rows and rollups; gives the results that were not there yet."""
    if not results:
        return []
    storage.ensure_days({result.slot.date() for result in results})
    with connection.cursor() as cursor:
        cursor.execute(INCOMING)
        with cursor.copy(COPY) as copy:
            for result in results:
                copy.write_row(_row(result))
        cursor.execute(STORE)
        fresh = set(cursor.fetchall())
        cursor.execute("TRUNCATE incoming")
    # By key: a report that says the same thing twice must not count as two checks that came home.
    new = list({result.key: result for result in results if result.key in fresh}.values())
    _keep_evidence(new)
    return new


def _row(result: NewResult) -> tuple[object, ...]:
    timings = result.timings
    return (
        result.monitor,
        result.region,
        result.slot,
        result.checked_at,
        result.slots,
        result.attempts,
        result.http_status,
        timings.dns,
        timings.connect,
        timings.tls,
        timings.first_byte,
        timings.download,
        timings.total,
        result.body_bytes,
        result.remote_ip,
        result.outcome.value,
        result.reason.value if result.reason else None,
        result.message[:500],
    )


def _keep_evidence(results: Iterable[NewResult]) -> None:
    rows = [
        CheckEvidence(monitor_id=item.monitor, region=item.region, slot=item.slot, seen=item.evidence)
        for item in results
        if item.evidence
    ]
    if rows:
        CheckEvidence.objects.bulk_create(rows, ignore_conflicts=True)


def draw_conclusions(new: Sequence[NewResult], *, monitors: Mapping[UUID, Locked], now: datetime) -> list[Question]:
    """Let newly stored results of locked monitors change states, statuses and figures."""
    seen: dict[UUID, list[Observation]] = defaultdict(list)
    for result in new:
        seen[result.monitor].append(
            Observation(result.region, result.slot, result.outcome, result.reason, result.message)
        )
    _mark_stats({result.monitor for result in new if result.outcome is not Outcome.UP}, seen, monitors)
    active = {monitor: observations for monitor, observations in seen.items() if not monitors[monitor].paused}
    up = {monitor for monitor in active if monitors[monitor].status == Status.UP}
    return incidents.observe(seen=active, up=up, now=now)


def _mark_stats(failing: set[UUID], seen: Collection[UUID], monitors: Mapping[UUID, Locked]) -> None:
    """Have the windows computed soon where something happened; the others are computed anew every few minutes."""
    eventful = failing | {monitor for monitor in seen if monitors[monitor].status != Status.UP}
    if eventful:
        MonitorStats.objects.bulk_create(
            [MonitorStats(monitor_id=monitor) for monitor in sorted(eventful)],
            update_conflicts=True,
            unique_fields=["monitor"],
            update_fields=["fresh"],
        )
