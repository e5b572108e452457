"""Writing results down, once: the row, the rollups, the ticks and the verdict in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from checks import rules
from checks.models import CheckEvidence, MonitorStats
from checks.services import storage
from incidents import services as incidents
from incidents.rules import Observation
from incidents.services import Question
from monitors.models import Monitor
from monitors.selectors import region_codes
from probes.contract import Outcome, Reason, Timings

Key = tuple[UUID, str, datetime]


@dataclass(frozen=True, slots=True)
class NewResult:
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
    timings: Timings = field(default_factory=Timings)
    body_bytes: int | None = None
    remote_ip: str | None = None
    evidence: dict[str, object] | None = None

    @property
    def key(self) -> Key:
        return (self.monitor, self.region, self.slot)

    @property
    def tick(self) -> rules.Tick:
        total = self.timings.total
        return {
            "outcome": self.outcome.value,
            "total_ms": None if total is None else round(total, 1),
            "slot": self.slot.isoformat(),
        }


COLUMNS = [
    "monitor_id",
    "region",
    "slot",
    "checked_at",
    "slots",
    "attempts",
    "http_status",
    "dns_ms",
    "connect_ms",
    "tls_ms",
    "first_byte_ms",
    "download_ms",
    "total_ms",
    "body_bytes",
    "remote_ip",
    "outcome",
    "reason",
    "message",
]

INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (LIKE checks_checkresult) ON COMMIT DELETE ROWS
"""

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


def lock_monitors(ids: Collection[UUID]) -> dict[UUID, Monitor]:
    """The monitors, locked in the one order that all writers use, until the transaction ends."""
    locked = Monitor.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {monitor.pk: monitor for monitor in locked}


@transaction.atomic
def record(results: Sequence[NewResult], *, monitors: Mapping[UUID, Monitor], now: datetime) -> list[Question]:
    """Store results of locked monitors and draw every conclusion from the new ones among them.

    Returns the regions that should be asked at once. Results of monitors not given are left out.
    """
    known = [result for result in results if result.monitor in monitors]
    new_keys = _insert(known)
    new = [result for result in known if result.key in new_keys]
    _keep_evidence(new)
    _add_ticks(new)
    seen: dict[UUID, list[Observation]] = defaultdict(list)
    for result in new:
        seen[result.monitor].append(
            Observation(result.region, result.slot, result.outcome, result.reason, result.message)
        )
    return incidents.observe(monitors=monitors, seen=seen, regions=set(region_codes()), now=now)


def _insert(results: Sequence[NewResult]) -> set[Key]:
    """Add rows and rollups; says which keys were new."""
    if not results:
        return set()
    storage.ensure_days({result.slot.date() for result in results})
    with connection.cursor() as cursor:
        cursor.execute(INCOMING)
        with cursor.copy(f"COPY incoming ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for result in results:
                copy.write_row(_row(result))
        cursor.execute(STORE)
        fresh = {(row[0], row[1], row[2]) for row in cursor.fetchall()}
        cursor.execute("TRUNCATE incoming")
    return fresh


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
    CheckEvidence.objects.bulk_create(rows, ignore_conflicts=True)


def _add_ticks(results: Iterable[NewResult]) -> None:
    """Fold new results into the ticks of their monitors, and leave the windows to ``stats.refresh``."""
    grouped: dict[UUID, list[NewResult]] = defaultdict(list)
    for result in results:
        grouped[result.monitor].append(result)
    stored = MonitorStats.objects.in_bulk(list(grouped))
    rows = [
        _with_ticks(stored.get(monitor) or MonitorStats(monitor_id=monitor), new) for monitor, new in grouped.items()
    ]
    MonitorStats.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["monitor"],
        update_fields=["last_checked", "last_response_ms", "ticks", "fresh"],
    )


def _with_ticks(stats: MonitorStats, new: Sequence[NewResult]) -> MonitorStats:
    for result in new:
        stats.ticks[result.region] = rules.add_ticks(stats.ticks.get(result.region, []), [result.tick])
    latest = max((result for result in new if result.attempts), key=lambda item: item.checked_at, default=None)
    if latest and (stats.last_checked is None or latest.checked_at >= stats.last_checked):
        stats.last_checked = latest.checked_at
        stats.last_response_ms = latest.timings.total
    stats.fresh = False
    return stats
