"""Space for results: partitions made ahead, and dropped whole when their time or the room is up."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts import audit
from checks.models import CheckEvidence, CheckResult
from checks.services import days, packing, rollups, store
from checks.services.days import DAYS_AHEAD, TABLES, Partition, ensure_days, make_ahead, partitions
from monitors.models import Monitor

__all__ = ["DAYS_AHEAD", "TABLES", "delete_results", "drop_old", "ensure_days", "make_ahead", "partitions"]

GIGABYTE = 10**9
LOCK_WAIT = "2s"
"""Dropping a partition needs its parent for itself for a moment. So long it may keep everybody waiting, not longer."""

FOLDING_S = 600.0
"""So long housekeeping folds hours that nobody else has folded, before it looks for days that may go."""

DELETE_AT_ONCE = 50_000
DELETE_ROUNDS = 100
"""Old hours that one round of housekeeping removes at most: 5 million. The rest waits for the next round."""

logger = logging.getLogger(__name__)


def drop_old(*, now: datetime, retention_days: int) -> list[str]:
    """Give back the space of what need not be kept; says which partitions went.

    1. Partitions whose every row is older than the retention.
    2. The oldest of the others while the database is bigger than ``STORAGE_MAX_GB``.
    3. Hour rollups older than ``ROLLUP_HOURS_MONTHS``.
    4. The half-empty pages in the keys of days that are over (``packing``).

    With ``ARCHIVE_DIR`` set, a partition goes only after its rows are safely in a file; and none goes before its hours
    are in the rollups.
    """
    rollups.close(now=now, seconds=FOLDING_S)
    gone = _folded(expired(now=now, retention_days=retention_days))
    dropped = [each.name for each in gone if _retire(each)]
    dropped += _drop_for_size(now=now)
    prune_hours(now=now, months=settings.ROLLUP_HOURS_MONTHS)
    packing.pack(now=now)
    days.forget()
    return dropped


def _folded(partitions: Iterable[Partition]) -> list[Partition]:
    """Those whose hours are all in the rollups."""
    until = rollups.folded_until()
    return [each for each in partitions if days.start_of(each.day) + timedelta(days=1) <= until]


def expired(*, now: datetime, retention_days: int) -> list[Partition]:
    """The partitions whose every row is older than the retention, except days that were restored to be looked at."""
    keep_from = (now - timedelta(days=retention_days)).astimezone(UTC).date()
    return [each for each in days.describe() if each.day < keep_from and not each.is_held(now=now)]


class NotArchived(Exception):
    """The rows could not be put into a file, so they must stay."""


def _retire(partition: Partition) -> bool:
    """Archive and drop one partition; when anything goes wrong it stays for the next round, and the log says why."""
    try:
        _archive_and_drop(partition)
    except NotArchived as error:
        logger.error("Kept %s: %s", partition.name, error)
        return False
    except DatabaseError as error:
        logger.warning("Kept %s for now: %s", partition.name, str(error).partition("\n")[0])
        return False
    logger.info("Dropped %s (about %d rows, %d bytes)", partition.name, partition.rows, partition.bytes)
    return True


@transaction.atomic
def _archive_and_drop(partition: Partition) -> None:
    """One transaction, so that nothing can be written between the archive and the drop.

    The first lock keeps writers and other housekeepers off this day; it disturbs no reader and no other day.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        cursor.execute(f"LOCK TABLE ONLY {partition.name} IN SHARE ROW EXCLUSIVE MODE")
        if settings.ARCHIVE_DIR:
            _archive(partition)
        cursor.execute(f"DROP TABLE {partition.name}")


def _archive(partition: Partition) -> None:
    """Write the rows of a partition that did not come out of a file. Raises ``NotArchived``."""
    # Not at the top: every process of the server imports this module, and pyarrow takes 40 MB of each.
    from checks.services import archive

    if archive.is_archived(partition.name):
        return
    kind = next(kind for kind, table in archive.KINDS.items() if table == partition.table)
    try:
        file = archive.write(Path(settings.ARCHIVE_DIR), kind=kind, day=partition.day)
    except archive.ArchiveError as error:
        raise NotArchived(str(error)) from error
    if file:
        logger.info("Archived %d rows in %s (%d bytes)", file.rows, file.path.name, file.bytes)


def _drop_for_size(*, now: datetime) -> list[str]:
    """Drop the oldest raw days while the database is over its limit, and leave word of it on the parent table."""
    over = _bytes_over_limit()
    dropped: list[str] = []
    for each in _folded(_in_order_of_age(now=now)) if over > 0 else []:
        if over > 0 and _retire(each):
            over -= each.bytes
            dropped.append(each.name)
            logger.warning("Dropped %s before its time: STORAGE_MAX_GB is %d", each.name, settings.STORAGE_MAX_GB)
            note = {"dropped_for_size": {"day": each.day.isoformat(), "at": now.isoformat()}}
            days.write_note(each.table, note)
    if over > 0:
        logger.error("The database is %d bytes over STORAGE_MAX_GB and no raw day is left that may go", over)
    return dropped


def _bytes_over_limit() -> int:
    return database_bytes() - settings.STORAGE_MAX_GB * GIGABYTE if settings.STORAGE_MAX_GB else 0


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size: int = cursor.fetchone()[0]
    return size


def _in_order_of_age(*, now: datetime) -> list[Partition]:
    """What may go for lack of room, oldest first. Yesterday and today stay: they are being written and shown."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    may_go = [each for each in days.describe() if each.day < yesterday and not each.is_held(now=now)]
    return sorted(may_go, key=lambda each: (each.day, each.table))


def prune_hours(*, now: datetime, months: int) -> int:
    """Remove hour rollups of the months before the last so many, a handful at a time; says how many went.

    Nobody writes such rows any more, so the deleting waits for nobody. Days keep what they say for ever.
    """
    before = days.start_of(months_before(now.astimezone(UTC).date(), months))
    removed = 0
    with connection.cursor() as cursor:
        for _round in range(DELETE_ROUNDS):
            cursor.execute(
                "DELETE FROM checks_rolluphour WHERE ctid = ANY (ARRAY("
                "SELECT ctid FROM checks_rolluphour WHERE bucket < %s LIMIT %s))",
                [before, DELETE_AT_ONCE],
            )
            removed += cursor.rowcount
            if cursor.rowcount < DELETE_AT_ONCE:
                break
    if removed:
        logger.info("Removed %d hour rollups from before %s", removed, before.date())
    return removed


def months_before(day: date, months: int) -> date:
    """The same day so many months ago, or the last one of that month."""
    count = day.year * 12 + day.month - 1 - months
    first_of_next = date((count + 1) // 12, (count + 1) % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(count // 12, count % 12 + 1, min(day.day, last))


@transaction.atomic
def delete_results(monitor: Monitor, *, older_than_days: int, now: datetime) -> int:
    """Remove one monitor's raw rows before a moment, at its owner's wish; says how many results went.

    Whole hours go, so that those that stay can still be recounted; what they were is in the rollups by then.
    """
    before = (now - timedelta(days=older_than_days)).replace(minute=0, second=0, microsecond=0)
    store.lock_monitors([monitor.pk])
    rollups.fold_open(monitor.pk, before=before)
    CheckEvidence.objects.filter(monitor=monitor, slot__lt=before).delete()
    deleted, _ = CheckResult.objects.filter(monitor=monitor, slot__lt=before).delete()
    audit.done(monitor, "results removed", before=before, results=deleted)
    return deleted
