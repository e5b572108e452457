"""Raw days as compressed Parquet files: written before a partition is dropped, read back when somebody asks.

A file is either there and whole, or not there: it is written beside, counted against the partition, put on the disk
and only then given its name. No file is ever replaced; a day that gets rows after it was archived gets a second part.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BufferedReader, BytesIO, RawIOBase
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
from django.db import connection, transaction
from psycopg import Copy
from pyarrow import csv
from pyarrow import parquet as pq

from checks import columns
from checks.services import days

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KINDS = {"results": days.RESULTS, "evidence": days.EVIDENCE}
FILE = re.compile(r"(results|evidence)-(\d{4}-\d\d-\d\d)(?:\.(\d+))?\.parquet")
UNFINISHED = ".part"
FROM_ARCHIVE = "from_archive"
"""A restored day's note has here which transactions wrote what came out of the archive."""

BLOCK_BYTES = 4 * 2**20
"""So much of a table is held at a time; each block becomes a row group. About 25,000 results."""

MOMENT, TEXT = pa.timestamp("us", tz="UTC"), pa.string()
SCHEMAS = {
    "results": pa.schema(
        {
            "monitor_id": TEXT,
            "region": TEXT,
            "slot": MOMENT,
            "checked_at": MOMENT,
            "slots": pa.int16(),
            "attempts": pa.int16(),
            "http_status": pa.int16(),
            "dns_ms": pa.float32(),
            "connect_ms": pa.float32(),
            "tls_ms": pa.float32(),
            "first_byte_ms": pa.float32(),
            "download_ms": pa.float32(),
            "total_ms": pa.float32(),
            "body_bytes": pa.int32(),
            "remote_ip": TEXT,
            "outcome": TEXT,
            "reason": TEXT,
            "message": TEXT,
        }
    ),
    "evidence": pa.schema({"monitor_id": TEXT, "region": TEXT, "slot": MOMENT, "seen": TEXT}),
}
"""The columns of the files, in order: those of a result as it is spoken of, however it lies in its table."""

READ = {"results": columns.READ, "evidence": {}}
WRITTEN = {"results": columns.written(late_ms="1000 * extract(epoch FROM checked_at - slot)"), "evidence": {}}


class ArchiveError(Exception):
    """The archive could not be written or read; the sentence is for the operator."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of the archive. Part 1 is the day itself, later parts are rows that came after it was archived."""

    path: Path
    kind: str
    day: date
    part: int
    rows: int
    bytes: int


def write(directory: Path, *, kind: str, day: date) -> ArchiveFile | None:
    """Write a day's partition into a new file; None when it has no rows.

    The caller holds a lock that keeps writers off the partition, so what was counted is what was written.
    """
    table = days.partition_name(KINDS[kind], day)
    rows = count_rows(table)
    if not rows:
        return None
    path = _free_path(directory, kind=kind, day=day)
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        _write_rows(unfinished, kind=kind, table=table)
        written = pq.read_metadata(unfinished).num_rows
        if written != rows:
            raise ArchiveError(f"{path.name} would hold {written} rows of {rows}; {table} stays.")
        _put_in_place(unfinished, path)
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"{path.name} cannot be written: {error}. {table} stays.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return ArchiveFile(path, kind, day, _part_of(path), rows, path.stat().st_size)


def count_rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a partition's name, from its day
        rows: int = cursor.fetchone()[0]
    return rows


def _free_path(directory: Path, *, kind: str, day: date) -> Path:
    """The name that the next part of a day gets."""
    taken = {_part_of(path) for path in directory.glob(f"{kind}-{day}*.parquet")}
    part = max(taken, default=0) + 1
    return directory / (f"{kind}-{day}.parquet" if part == 1 else f"{kind}-{day}.{part}.parquet")


def _part_of(path: Path) -> int:
    match = FILE.fullmatch(path.name)
    return int(match[3] or 1) if match else 0


def _write_rows(path: Path, *, kind: str, table: str) -> None:
    schema = SCHEMAS[kind]
    copy_out = f"COPY ({_as_spoken_of(kind, table)}) TO STDOUT (FORMAT csv)"
    with (
        connection.cursor() as cursor,
        cursor.copy(copy_out) as copy,
        pq.ParquetWriter(path, schema, compression="zstd") as writer,
    ):
        for batch in _batches(copy, schema):
            writer.write_batch(batch)


def _as_spoken_of(kind: str, table: str) -> str:
    """The rows of a partition with the columns of a file."""
    wanted = ", ".join(f"{READ[kind].get(name, name)} AS {name}" for name in SCHEMAS[kind].names)
    return f"SELECT {wanted} FROM {table}"  # noqa: S608 - constants


def _batches(copy: Copy, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read PostgreSQL's CSV piece by piece. There, nothing is null and ``\"\"`` is an empty text."""
    yield from csv.open_csv(
        BufferedReader(CopyFile(copy), BLOCK_BYTES),
        csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=schema.names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


class CopyFile(RawIOBase):
    """What COPY sends, as a file to read from."""

    def __init__(self, copy: Copy) -> None:
        self._rest = memoryview(b"")
        self._copy = copy

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        self._rest = self._rest or memoryview(self._copy.read())
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _put_in_place(unfinished: Path, path: Path) -> None:
    """Name the file once it is on the disk, and have the name on the disk as well."""
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def files(directory: Path, *, day: date | None = None) -> list[ArchiveFile]:
    """The archive's files by day; of one day only when it is given."""
    try:
        found = [(path, match) for path in directory.iterdir() if (match := FILE.fullmatch(path.name))]
        known = [
            ArchiveFile(
                path,
                kind=match[1],
                day=date.fromisoformat(match[2]),
                part=_part_of(path),
                rows=pq.read_metadata(path).num_rows,
                bytes=path.stat().st_size,
            )
            for path, match in found
            if day is None or match[2] == day.isoformat()
        ]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ArchiveError(f"The archive cannot be read: {error}") from error
    return sorted(known, key=lambda file: (file.day, file.kind != "results", file.part))


@transaction.atomic
def restore(chosen: Sequence[ArchiveFile], *, kept_until: datetime) -> dict[str, int]:
    """Put archived rows back, and have them left alone until ``kept_until``; says how many were missing, by kind.

    Rows that are there already stay as they are, so doing it twice is the same as once. Rollups counted these rows
    when they were new and are not touched.
    """
    days.ensure_days({file.day for file in chosen})
    return {
        kind: sum(_restore_day(kind, day, same_day, kept_until=kept_until) for day, same_day in _by_day(chosen, kind))
        for kind in KINDS
    }


def _by_day(chosen: Iterable[ArchiveFile], kind: str) -> Iterable[tuple[date, list[ArchiveFile]]]:
    of_kind = sorted((file for file in chosen if file.kind == kind), key=lambda file: (file.day, file.part))
    return [(day, list(same_day)) for day, same_day in groupby(of_kind, key=lambda file: file.day)]


def _restore_day(kind: str, day: date, parts: Iterable[ArchiveFile], *, kept_until: datetime) -> int:
    table = days.partition_name(KINDS[kind], day)
    all_archived = is_archived(table)
    added = sum(_read_back(part, table) for part in parts)
    note: dict[str, Any] = {"kept_until": kept_until.isoformat()}
    if all_archived:
        note[FROM_ARCHIVE] = sorted(_writers(table))
    days.write_note(table, note)
    return added


def is_archived(table: str) -> bool:
    """Whether all rows of a partition came out of the archive, so that nothing need be written when it goes again."""
    return _writers(table) <= set(days.note_of(table).get(FROM_ARCHIVE, []))


def _writers(table: str) -> set[str]:
    """The transactions that wrote the rows of a partition: PostgreSQL's own mark, and rows are never changed."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT xmin::text FROM {table}")  # noqa: S608 - a partition's name, from its day
        return {row[0] for row in cursor.fetchall()}


def _read_back(file: ArchiveFile, table: str) -> int:
    """Copy a file into its partition, one row group at a time; says how many rows were new."""
    names = SCHEMAS[file.kind].names
    stored = {name: name for name in names if name != "checked_at"} | WRITTEN[file.kind]
    into, values = ", ".join(stored), ", ".join(stored.values())
    added = 0
    with pq.ParquetFile(file.path) as source, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS returning_rows")
        cursor.execute(
            f"CREATE TEMP TABLE returning_rows ON COMMIT DROP AS {_as_spoken_of(file.kind, table)} WITH NO DATA"
        )
        for number in range(source.num_row_groups):
            with cursor.copy(f"COPY returning_rows ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
                copy.write(_as_csv(source.read_row_group(number)))
            cursor.execute(
                f"INSERT INTO {table} ({into}) SELECT {values} FROM returning_rows ON CONFLICT DO NOTHING"  # noqa: S608
            )
            added += cursor.rowcount
            cursor.execute("TRUNCATE returning_rows")
    return added


def _as_csv(rows: pa.Table) -> bytes:
    text = BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return text.getvalue()
