"""The day partitions of results and evidence: making them, listing them, and the notes that they carry.

A note is the table's comment in PostgreSQL. It is written in the transaction that makes what it says true, shows in
``\\d+``, survives a dump, and goes with its table; so a restored day needs no table of its own to be remembered by.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from psycopg import sql

RESULTS = "checks_checkresult"
EVIDENCE = "checks_checkevidence"
TABLES = (RESULTS, EVIDENCE)
DAYS_AHEAD = 7
BELIEVED_S = 60.0
"""For so long a process believes that a partition it has seen is still there. Should somebody have dropped it by hand,
reports fail for at most this long, and the ledger asks again for what they held."""

MAKING = 7_160_001
"""The advisory lock of whoever makes a partition: two at once would trip over the same name."""

_believed_until: dict[date, float] = {}
"""Days whose partitions this process has seen; saves a look at the catalogue for every report."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One UTC day of one table. ``rows`` is the catalogue's estimate, ``bytes`` includes indexes and TOAST."""

    name: str
    table: str
    day: date
    rows: int
    bytes: int
    note: dict[str, Any]

    @property
    def kept_until(self) -> datetime | None:
        """A restored day is left alone until then."""
        text = self.note.get("kept_until")
        return datetime.fromisoformat(text) if text else None

    def is_held(self, *, now: datetime) -> bool:
        return self.kept_until is not None and now < self.kept_until


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def partition_name(table: str, day: date) -> str:
    return f"{table}_p{day:%Y%m%d}"


def ensure_days(days: Iterable[date]) -> None:
    """Make the partitions of these days if they are missing."""
    moment = time.monotonic()
    unsure = {day for day in days if _believed_until.get(day, 0.0) < moment}
    if not unsure:
        return
    missing = sorted({(table, day) for day in unsure for table in TABLES} - _present(unsure))
    if missing:
        _make(missing)
    transaction.on_commit(lambda: _believed_until.update(dict.fromkeys(unsure, moment + BELIEVED_S)))


def forget() -> None:
    """Believe in no partition any more: some were dropped."""
    _believed_until.clear()


def _present(days: Iterable[date]) -> set[tuple[str, date]]:
    named = {partition_name(table, day): (table, day) for day in days for table in TABLES}
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname = ANY (%s) AND relispartition", [list(named)])
        return {named[row[0]] for row in cursor.fetchall()}


def _make(missing: Iterable[tuple[str, date]]) -> None:
    """Make tables and attach them.

    ``CREATE TABLE .. PARTITION OF`` would lock the parent against everybody until we commit; attaching lets inserts
    and reads of the other days go on.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [MAKING])
        made_meanwhile = _present({day for _, day in missing})
        for table, day in missing:
            if (table, day) in made_meanwhile:
                continue
            name = partition_name(table, day)
            cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
            cursor.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
                [start_of(day), start_of(day) + timedelta(days=1)],
            )


def make_ahead(*, now: datetime) -> None:
    today = now.astimezone(UTC).date()
    ensure_days(today + timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD + 1))


def partitions() -> list[tuple[str, date]]:
    """Every partition's table name and UTC day, oldest first in each table."""
    return [(partition.name, partition.day) for partition in describe()]


def result_days() -> list[date]:
    """The UTC days that have a partition of results."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [RESULTS])
        return sorted(_day(match[1]) for (name,) in cursor.fetchall() if (match := re.search(r"_p(\d{8})$", name)))


DESCRIBE = """
SELECT child.relname, parent.relname, greatest(child.reltuples::bigint, seen.n_live_tup, 0),
    pg_total_relation_size(child.oid), obj_description(child.oid, 'pg_class')
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
JOIN pg_class AS parent ON parent.oid = inhparent
LEFT JOIN pg_stat_all_tables AS seen ON seen.relid = child.oid
WHERE inhparent = ANY (%s::regclass[])
ORDER BY parent.relname, child.relname
"""


def describe() -> list[Partition]:
    """What the catalogue says of every partition; a table of another name pattern is somebody else's and left out."""
    with connection.cursor() as cursor:
        cursor.execute(DESCRIBE, [list(TABLES)])
        rows = cursor.fetchall()
    return [
        Partition(name, table, _day(match[1]), count, size, _read(text))
        for name, table, count, size, text in rows
        if (match := re.search(r"_p(\d{8})$", name))
    ]


def _day(digits: str) -> date:
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()


def note_of(table: str) -> dict[str, Any]:
    """The note that a table carries; empty without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [table])
        return _read(cursor.fetchone()[0])


def write_note(table: str, note: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        text = sql.Literal(json.dumps(note))
        cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(table), text))


def _read(comment: str | None) -> dict[str, Any]:
    """A comment that is no note of ours says nothing."""
    try:
        note = json.loads(comment or "{}")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}
