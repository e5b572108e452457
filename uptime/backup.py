"""A backup in one file: what PostgreSQL's COPY says of every table at one moment, with a manifest of what it is.

The file is a zip with one member a table and ``manifest.json`` at its end. It needs no program but ours to be made or
read, fits any later version of PostgreSQL, and holds secrets as they are stored: encrypted. See ADR 27.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from checks.services import days
from monitors.services import rotation

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 1_000_000

LEFT_OUT = {"django_migrations", "django_session", "kombu_message", "kombu_queue", "uptime_cache"}
"""Migrations are in the manifest. The others are hints, or sessions of browsers, which nobody should carry away."""

RAW = {*days.TABLES, "checks_checkbatch"}
"""Single results and the ledger, which is only good with them."""

Step = Callable[[int], None]


class BackupError(Exception):
    """It cannot be made or read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the database, or one day of one."""

    name: str
    parent: str | None
    columns: list[str]

    @property
    def is_raw(self) -> bool:
        return (self.parent or self.name) in RAW


@dataclass(frozen=True, slots=True)
class Member:
    """What the file holds of one table."""

    table: str
    parent: str | None
    columns: list[str]
    rows: int
    sha256: str

    @property
    def path(self) -> str:
        return f"tables/{self.table}.copy"


# -- making


def make(path: Path, *, with_results: bool, step: Step) -> dict[str, Any]:
    """Write a backup, whole or not at all; the answer is its manifest. ``step`` is told of rows.

    Everything is read in one transaction that sees the database as it was at its beginning; nobody waits for it.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise BackupError(f"{unfinished} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w+b") as file:
            manifest = _write(file, with_results=with_results, step=step)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):  # no room, or a directory is there
            raise BackupError(f"{path} cannot be written: {error.strerror}.") from error
        raise
    return manifest


def _write(file: Any, *, with_results: bool, step: Step) -> dict[str, Any]:
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        transaction.atomic(durable=True),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _speak_plainly(cursor)
        chosen = [table for table in _tables(cursor) if with_results or not table.is_raw]
        held = rotation.tally(settings.FIELD_ENCRYPTION_KEYS)
        manifest = {
            "format": FORMAT,
            "made_at": datetime.now(UTC).isoformat(),
            "postgresql": cursor.connection.info.server_version,
            "with_results": with_results,
            "migrations": sorted(MigrationRecorder(connection).applied_migrations()),
            "keys": {name: count for name, count in held.by_key.items() if name != rotation.UNREADABLE},
            "unreadable_secrets": len(held.unreadable),
            "notes": {table: note for table in (*days.TABLES, *_days(chosen)) if (note := days.note_of(table))},
            "tables": [asdict(_copy_out(cursor, table, archive, step)) for table in chosen],
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def _speak_plainly(cursor: Any) -> None:
    """Whatever the database or its roles are set to, values are written and read in one way."""
    for setting in ("TimeZone = 'UTC'", "DateStyle = 'ISO'", "IntervalStyle = 'postgres'", "bytea_output = 'hex'"):
        cursor.execute(f"SET LOCAL {setting}")
    cursor.execute("SET LOCAL extra_float_digits = 1")
    cursor.execute("SET LOCAL statement_timeout = 0")


TABLES = """
SELECT found.relname, parent.relname,
    array(
        SELECT attname::text FROM pg_attribute
        WHERE attrelid = found.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
    )
FROM pg_class AS found
LEFT JOIN pg_inherits ON inhrelid = found.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE found.relnamespace = current_schema()::regnamespace AND found.relkind = 'r'
ORDER BY found.relname
"""


def _tables(cursor: Any) -> list[Table]:
    cursor.execute(TABLES)
    return [Table(*row) for row in cursor.fetchall() if row[0] not in LEFT_OUT]


def _days(tables: list[Table]) -> list[str]:
    return [table.name for table in tables if table.parent]


def _copy_out(cursor: Any, table: Table, archive: zipfile.ZipFile, step: Step) -> Member:
    rows, digest = 0, sha256()
    command = sql.SQL("COPY {} ({}) TO STDOUT").format(_name(table.name), _names(table.columns))
    path = Member(table.name, table.parent, table.columns, 0, "").path
    with archive.open(path, "w", force_zip64=True) as member, cursor.copy(command) as copy:
        for block in copy:
            member.write(block)
            digest.update(block)
            lines = bytes(block).count(b"\n")  # those within values are written as \n
            rows += lines
            step(lines)
    return Member(table.name, table.parent, table.columns, rows, digest.hexdigest())


# -- reading


def read_manifest(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} is no backup of ours, or it is broken: {error}") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"{path} has the format {manifest.get('format')}; this version reads {FORMAT}: upgrade first."
        )
    return manifest


def verify(path: Path, manifest: dict[str, Any], *, step: Step) -> None:
    """Read the whole file and compare it with what its manifest says."""
    with zipfile.ZipFile(path) as archive:
        for member in _members(manifest):
            rows, digest = 0, sha256()
            try:
                for block in _blocks(archive, member):
                    digest.update(block)
                    rows += block.count(b"\n")
                    step(block.count(b"\n"))
            except (OSError, KeyError, EOFError, ValueError, zipfile.BadZipFile) as error:
                raise BackupError(f"{path} is damaged at {member.table}: {error}") from error
            if (rows, digest.hexdigest()) != (member.rows, member.sha256):
                raise BackupError(f"{path} is damaged: {member.table} is not what the manifest says.")


def missing_keys(manifest: dict[str, Any]) -> list[str]:
    """Ids of keys that the backup's secrets are under and that we do not have."""
    ours = {rotation.key_id(key) for key in settings.FIELD_ENCRYPTION_KEYS}
    return sorted(set(manifest["keys"]) - ours)


def restore(path: Path, manifest: dict[str, Any], *, step: Step) -> int:
    """Fill an empty database; says how many rows it has now.

    1. The tables, as they were when the backup was made.
    2. The rows, in one transaction: all of them or none.
    3. The migrations that are newer than the backup.
    """
    nodes = _known_migrations(manifest)
    _refuse_what_is_not_empty()
    _make_tables(nodes)
    try:
        with zipfile.ZipFile(path) as archive:
            rows = _fill(archive, manifest, step=step)
    except DatabaseError as error:
        raise BackupError(f"PostgreSQL refused the rows, and none was kept: {error}") from error
    call_command("migrate", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return rows


def _refuse_what_is_not_empty() -> None:
    with connection.cursor() as cursor:
        if found := _tables(cursor):
            raise BackupError(
                f"The database is not empty (it has {found[0].name}): make a new one and name it in DATABASE_URL."
            )


Node = tuple[str, str]


def _known_migrations(manifest: dict[str, Any]) -> set[Node]:
    loader = MigrationExecutor(connection).loader
    wanted = {(app, name) for app, name in manifest["migrations"]}
    if unknown := sorted(wanted - set(loader.graph.nodes) - set(loader.replacements)):
        raise BackupError(
            f"The backup was made by a newer version: {'.'.join(unknown[0])} is not known here. Upgrade first."
        )
    return wanted & set(loader.graph.nodes)


def _make_tables(nodes: set[Node]) -> None:
    """As far as the backup had come: its last migrations are those that no other of its own builds on."""
    executor = MigrationExecutor(connection)
    built_on = {parent.key for node in nodes for parent in executor.loader.graph.node_map[node].parents}
    executor.migrate(sorted(nodes - built_on))


def _fill(archive: zipfile.ZipFile, manifest: dict[str, Any], *, step: Step) -> int:
    members = list(_members(manifest))
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _speak_plainly(cursor)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        _empty_what_migrations_filled(cursor)
        days.ensure_days({day for member in members if member.parent and (day := _day_of(member.table))})
        for member in members:
            _copy_in(cursor, member, archive, step)
        for table, note in manifest["notes"].items():
            days.write_note(table, note)
        _wind_up_sequences(cursor)
    return sum(member.rows for member in members)


def _empty_what_migrations_filled(cursor: Any) -> None:
    """Only what has rows: a table whose rows may only ever be added may refuse to be emptied."""
    for table in _tables(cursor):
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table.name)))
        if cursor.fetchone()[0]:
            cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(_name(table.name)))


def _copy_in(cursor: Any, member: Member, archive: zipfile.ZipFile, step: Step) -> None:
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(_name(member.table), _names(member.columns))
    with cursor.copy(command) as copy:
        for block in _blocks(archive, member):
            copy.write(block)
            step(block.count(b"\n"))
    if cursor.rowcount != member.rows:
        raise BackupError(f"{member.table} took {cursor.rowcount} rows of {member.rows}; nothing was kept.")


SEQUENCES = """
SELECT found.relname, attname, pg_get_serial_sequence(quote_ident(found.relname), attname)
FROM pg_class AS found JOIN pg_attribute ON attrelid = found.oid
WHERE found.relnamespace = current_schema()::regnamespace AND found.relkind = 'r' AND attnum > 0 AND NOT attisdropped
    AND pg_get_serial_sequence(quote_ident(found.relname), attname) IS NOT NULL
"""


def _wind_up_sequences(cursor: Any) -> None:
    """The next number that each one gives is a new one."""
    cursor.execute(SEQUENCES)
    for table, column, sequence in cursor.fetchall():
        cursor.execute(
            sql.SQL("SELECT setval({}, coalesce(max({}), 1), max({}) IS NOT NULL) FROM {}").format(
                sql.Literal(sequence), _name(column), _name(column), _name(table)
            )
        )


def _members(manifest: dict[str, Any]) -> Iterator[Member]:
    return (Member(**told) for told in manifest["tables"])


def _blocks(archive: zipfile.ZipFile, member: Member) -> Iterator[bytes]:
    with archive.open(member.path) as stream:
        while block := stream.read(CHUNK):
            yield block


def _day_of(partition: str) -> Any:
    return datetime.strptime(partition.rpartition("_p")[2], "%Y%m%d").replace(tzinfo=UTC).date()


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
