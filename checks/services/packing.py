"""Making the keys of finished tables dense again.

Results of one monitor lie side by side in the key while they come in minute by minute, so its pages split in halves and
the left half is never filled: about 90 bytes a row, where 49 would do. Whatever is not written any more is packed once.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import connection

from checks.services import days

LOOSE_BYTES = 65
"""A key that takes more per row is worth packing: packed, it takes 44 to 49, or 58 where regions have long names."""

FEWEST_ROWS = 50_000
GROWN = 1.5
"""A table that is still written is packed again when it has grown by so much."""

HOURS = "checks_rolluphour"
PACKED_ROWS = "packed_rows"
"""In a table's note: how many rows it had when it was packed."""

KEYS = """
SELECT child.relname, key.indexrelid::regclass::text, child.reltuples::bigint, pg_relation_size(key.indexrelid)
FROM pg_class AS child JOIN pg_index AS key ON key.indrelid = child.oid AND key.indisprimary
WHERE child.relname = ANY (%s) AND pg_table_is_visible(child.oid)
ORDER BY 1
"""

HALF_MADE = """
SELECT index.indexrelid::regclass::text FROM pg_index AS index JOIN pg_class AS own ON own.oid = index.indexrelid
WHERE NOT index.indisvalid AND own.relname ~ '_ccnew[0-9]*$' AND index.indrelid = %s::regclass
"""

logger = logging.getLogger(__name__)


def pack(*, now: datetime) -> list[str]:
    """Pack the keys of days that are over, and of the hour rollups when they have grown; says which tables.

    Readers and writers go on meanwhile. It cannot be done inside a transaction.
    """
    today = now.astimezone(UTC).date()
    over = [days.partition_name(days.RESULTS, day) for day in days.result_days() if day < today]
    packed = []
    for table, key, rows, size in _keys([*over, HOURS]):
        enough = max(FEWEST_ROWS, GROWN * days.note_of(table).get(PACKED_ROWS, 0))
        if rows >= enough and size > LOOSE_BYTES * rows:
            _pack(table, key, full=table != HOURS)
            days.write_note(table, days.note_of(table) | {PACKED_ROWS: rows})
            logger.info("Packed the key of %s: it took %d bytes a row", table, size // rows)
            packed.append(table)
    return packed


def _keys(tables: list[str]) -> list[tuple[str, str, int, int]]:
    """Each table's key, with the table's rows (about) and the key's bytes."""
    with connection.cursor() as cursor:
        cursor.execute(KEYS, [tables])
        return list(cursor.fetchall())


def _pack(table: str, key: str, *, full: bool) -> None:
    """Write the key again beside the old one, in full pages where nothing more is to come.

    What somebody left half made, who was killed at it, goes first.
    """
    with connection.cursor() as cursor:
        cursor.execute(HALF_MADE, [table])
        for (left,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY {left}")
        if full:
            cursor.execute(f"ALTER INDEX {key} SET (fillfactor = 100)")
        cursor.execute(f"REINDEX INDEX CONCURRENTLY {key}")
