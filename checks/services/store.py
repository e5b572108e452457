"""Writing results down, once: the row and the verdict in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from checks.columns import written
from checks.models import CheckEvidence
from checks.services import days, rollups
from checks.services.rollups import Key
from incidents import services as incidents
from incidents.rules import Observation
from incidents.services import Question
from meters import services as meters
from meters.names import NOT_MADE
from monitors.rules import Status
from probes.contract import Outcome, Reason, Timings


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
    uncounted: bool = False
    """Planned work goes on, and what is found meanwhile counts neither for nor against the monitor."""


COLUMNS = (
    *("monitor_id", "region", "slot", "checked_at", "slots", "attempts", "http_status"),
    *("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "download_ms", "total_ms"),
    *("body_bytes", "remote_ip", "outcome", "reason", "message"),
)
NULL = r"\N"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
"""What has a meaning of its own in the text that COPY reads."""

STORED = (
    {name: name for name in COLUMNS if name != "checked_at"}
    | {
        "slot": "to_timestamp(slot)",
        "outcome": "CASE WHEN monitor_id = ANY (%s::uuid[]) THEN 'maintenance' ELSE outcome END",
    }
    | written(late_ms="1000 * (checked_at - slot)")
)
"""The columns of the table, each by what has come in."""

INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    place integer, monitor_id uuid, region text, slot float8, checked_at float8,
    slots smallint, attempts smallint, http_status smallint,
    dns_ms real, connect_ms real, tls_ms real, first_byte_ms real, download_ms real, total_ms real,
    body_bytes integer, remote_ip inet, outcome text, reason text, message text
) ON COMMIT DELETE ROWS
"""
"""Rows on their way in; times are seconds since the epoch, which are cheaper to write and to read."""

COPY = f"COPY incoming (place, {', '.join(COLUMNS)}) FROM STDIN"

STORE = f"""
WITH fresh AS (
    INSERT INTO checks_checkresult ({", ".join(STORED)})
    SELECT {", ".join(STORED.values())}
    FROM incoming ORDER BY monitor_id, region, slot
    ON CONFLICT DO NOTHING
    RETURNING monitor_id, region, slot
)
SELECT place, fresh.slot IS NOT NULL
FROM incoming LEFT JOIN fresh ON fresh.monitor_id = incoming.monitor_id AND fresh.region = incoming.region
    AND fresh.slot = to_timestamp(incoming.slot)
WHERE fresh.slot IS NULL OR fresh.slot < (SELECT closing FROM checks_rollupmark)
"""  # noqa: S608 - built from the constants above
"""Says only what is out of the ordinary: rows that were there already, and new ones of an hour that has been folded."""

LOCK = """
SELECT id::text, config_version, paused, status, maintenance_until IS NOT NULL AND NOT maintenance_counts
FROM monitors_monitor
WHERE id = ANY (%s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""


def lock_by_text(ids: Collection[str]) -> dict[str, Locked]:
    """The monitors that there are, locked in the one order that all writers use, until the transaction ends."""
    with connection.cursor() as cursor:
        # As PostgreSQL writes an array, since making one of a list costs more than reading it.
        cursor.execute(LOCK, [f"{{{','.join(ids)}}}"])
        return {row[0]: Locked(*row[1:]) for row in cursor.fetchall()}


def lock_monitors(ids: Collection[UUID]) -> dict[UUID, Locked]:
    """The same by UUID."""
    return {UUID(text): locked for text, locked in lock_by_text([str(pk) for pk in ids]).items()}


@transaction.atomic
def record(results: Sequence[NewResult], *, monitors: Mapping[UUID, Locked], now: datetime) -> list[Question]:
    """Store results of locked monitors and draw every conclusion from the new ones among them.

    Results of monitors not given are left out. Returns the regions that should be asked at once.
    """
    uncounted = [str(monitor) for monitor, locked in monitors.items() if locked.uncounted]
    new = store_new([result for result in results if result.monitor in monitors], uncounted=uncounted)
    return draw_conclusions(new, monitors=monitors, now=now)


def store_new(results: Sequence[NewResult], *, uncounted: Sequence[str] = ()) -> list[NewResult]:
    """Add the rows of locked monitors; gives the results that were not there yet."""
    # By key: a report that says the same thing twice must not count as two checks that came home.
    once = {result.key: result for result in results}
    rows = [row_of(result) for result in once.values()]
    new = [row.result for row in write(rows, uncounted=uncounted) if row.result]
    _count_not_made(new)
    return new


def _count_not_made(new: Iterable[NewResult]) -> None:
    missed: Counter[tuple[str, str]] = Counter()
    for result in new:
        if not result.attempts and result.reason:
            missed[result.region, result.reason] += result.slots
    for (region, reason), slots in missed.items():
        meters.add(NOT_MADE, region, reason, by=slots)


class Row(NamedTuple):
    """A result as COPY reads it, and the key to know it by. ``result`` is None for a plain pass."""

    monitor: str
    region: str
    slot: float
    """Seconds since the epoch."""
    line: str
    """The columns from ``checked_at`` on."""
    result: NewResult | None = None


def row_of(result: NewResult) -> Row:
    timings = result.timings
    columns = (
        result.checked_at.timestamp(),
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
        result.message[:500].translate(ESCAPES),
    )
    line = "\t".join([NULL if value is None else str(value) for value in columns])
    return Row(str(result.monitor), result.region, result.slot.timestamp(), line, result)


DAY_S, FIRST_DAY = 86_400, date(1970, 1, 1).toordinal()


def write(rows: Sequence[Row], *, uncounted: Sequence[str] = ()) -> list[Row]:
    """Add rows of locked monitors, no two with the same key; gives those that were not there yet.

    Those of ``uncounted`` monitors are stored as ``maintenance``; their reasons still say what was found. Rollups count
    all of them when their hour is over, or at once where that has happened already.
    """
    if not rows:
        return []
    days.ensure_days({date.fromordinal(FIRST_DAY + int(row.slot // DAY_S)) for row in rows})
    with connection.cursor() as cursor:
        cursor.execute(INCOMING)
        with cursor.copy(COPY) as copy:
            lines = (
                f"{place}\t{row.monitor}\t{row.region}\t{row.slot}\t{row.line}\n" for place, row in enumerate(rows)
            )
            copy.write("".join(lines))
        cursor.execute(STORE, [list(uncounted)])
        told = dict(cursor.fetchall())
        cursor.execute("DELETE FROM incoming")
    new = [row for place, row in enumerate(rows) if told.get(place, True)] if told else list(rows)
    rollups.fold_again(_key(rows[place]) for place, is_new in told.items() if is_new)
    _keep_evidence(row.result for row in new if row.result)
    return new


def _key(row: Row) -> Key:
    return UUID(row.monitor), row.region, datetime.fromtimestamp(row.slot, UTC)


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


def conclude(rows: Sequence[Row], *, region: str, monitors: Mapping[str, Locked], now: datetime) -> list[Question]:
    """The same for the rows of one report, nearly all of which say that what was up is up."""
    passes = {row.monitor: row.slot for row in rows if row.result is None and monitors[row.monitor].status == Status.UP}
    if len(passes) < len(rows):
        for monitor, number in Counter(row.monitor for row in rows).items():
            if number > 1:
                passes.pop(monitor, None)
    telling = passes.keys() ^ {row.monitor for row in rows} | incidents.fold_passes(region=region, passes=passes)
    if not telling:
        _need_not_wait()
        return []
    results = [row.result or _pass(row) for row in rows if row.monitor in telling]
    return draw_conclusions(results, monitors={UUID(monitor): monitors[monitor] for monitor in telling}, now=now)


def _need_not_wait() -> None:
    """Let this transaction commit without waiting for the disk.

    Should PostgreSQL itself be killed in the next half second, all of it may be lost, the word in the ledger that these
    checks came home as well; so they are asked for again. Nobody has acted on a result that changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _pass(row: Row) -> NewResult:
    """A plain pass in full, as far as conclusions go."""
    slot = datetime.fromtimestamp(row.slot, UTC)
    return NewResult(UUID(row.monitor), row.region, slot, checked_at=slot, outcome=Outcome.UP)


MARK = """
INSERT INTO checks_monitorstats AS stats (monitor_id, fresh)
SELECT monitor_id, false FROM unnest(%s::uuid[]) AS eventful (monitor_id) ORDER BY monitor_id
ON CONFLICT (monitor_id) DO UPDATE SET fresh = false WHERE stats.fresh
"""


def _mark_stats(failing: set[UUID], seen: Collection[UUID], monitors: Mapping[UUID, Locked]) -> None:
    """Have the windows computed soon where something happened; the others are computed anew every few minutes."""
    eventful = failing | {monitor for monitor in seen if monitors[monitor].status != Status.UP}
    if eventful:
        with connection.cursor() as cursor:
            cursor.execute(MARK, [list(eventful)])
