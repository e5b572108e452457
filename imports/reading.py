"""Reading files that strangers wrote: JSON, YAML, CSV and SQLite, within bounds. Pure but for one temporary file."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar

import yaml

from imports.plain import Unreadable
from probes.sentences import say

Row = TypeVar("Row", list[str], tuple[Any, ...])
DEEPEST = 40
MOST_NODES = 500_000
"""Values in one document, each use of an alias counted as all that it stands for."""

MOST_ROWS = 500_000
MOST_CELLS = 2_000_000
"""In a table, and values in a JSON file: an empty one takes a byte or two there, and a hundred here."""

LONGEST_NUMBER = 100
OF_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*:[0-5]?[0-9]")
"""How a number in base 60 begins. Of one with a million parts YAML would make an integer, for hours."""

LONGEST_CELL = 1_000_000
MOST_STEPS = 400
"""Times that SQLite asks whether to go on, every 100,000 of its instructions: some seconds of work."""

SQLITE_MAGIC = b"SQLite format 3\x00"


def read_text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(say("The file is not text in UTF-8.")) from None


def read_json(data: bytes) -> Any:
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_CELLS:
        raise Unreadable(say("The JSON holds more than {most_cells} values.", most_cells=f"{MOST_CELLS:,}"))
    try:
        return tidy(json.loads(read_text(data)))
    except RecursionError:
        raise Unreadable(say("The JSON is nested too deeply.")) from None
    except ValueError as error:
        raise Unreadable(say("The file is not JSON: {error}.", error=str(error)[:200])) from None


def read_yaml(data: bytes) -> Any:
    """One document of plain values. Aliases and merges may not make it larger than a file without them could be."""
    text = read_text(data)
    try:
        _measure(yaml.parse(text, Loader=yaml.CSafeLoader))
        return tidy(yaml.load(text, Loader=yaml.CSafeLoader))  # the safe one, in C
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(say("The file is not YAML: {names}.", names=" ".join(str(error).split())[:200])) from None


def _measure(events: Iterable[yaml.Event]) -> None:
    sizes: dict[str, int] = {}
    within: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
        size = 0
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = within.pop()
            if anchor is not None:
                sizes[anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(str(event.anchor), MOST_NODES + 1)  # one that is within itself has no end
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            _refuse_a_long_number(event)
            if event.anchor is not None:
                sizes[event.anchor] = 1
        within[-1] = (within[-1][0], within[-1][1] + size)
        if within[-1][1] > MOST_NODES:
            raise Unreadable(say("The YAML stands for too many values, by its aliases or its size."))
        if len(within) > DEEPEST:
            raise Unreadable(say("The YAML is nested too deeply."))


def _refuse_a_long_number(event: yaml.ScalarEvent) -> None:
    is_number = str(event.tag).endswith((":int", ":float")) or OF_SIXTIES.match(event.value)
    if is_number and len(event.value) > LONGEST_NUMBER:
        raise Unreadable(say("The YAML has a number in it that is too long."))


def tidy(value: Any, depth: int = 0) -> Any:
    """What PostgreSQL can store as JSON: no NUL, no half of a surrogate pair, no infinity, no nesting without end."""
    if depth > DEEPEST:
        raise Unreadable(say("The file is nested too deeply."))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {tidy(str(name)): tidy(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [tidy(item, depth + 1) for item in value]
    return value


def read_csv(data: bytes) -> list[dict[str, str]]:
    """Rows by the names in the first line, in small letters and without what is neither letter nor digit."""
    try:
        rows = csv.reader(io.StringIO(tidy(read_text(data))), strict=True)
        names = ["".join(char for char in name.lower() if char.isalnum()) for name in next(rows, [])]
        found = [dict(zip(names, (cell.strip() for cell in row), strict=False)) for row in _few(rows) if any(row)]
    except csv.Error as error:
        raise Unreadable(say("The file is not CSV: {error}.", error=error)) from None
    return found


def _few(rows: Iterable[Row]) -> Iterator[Row]:
    cells = 0
    for number, row in enumerate(rows):
        cells += len(row)
        if number >= MOST_ROWS or cells > MOST_CELLS:
            raise Unreadable(
                say(
                    "The file has more than {most_rows} rows, or {most_cells} cells.",
                    most_rows=f"{MOST_ROWS:,}",
                    most_cells=f"{MOST_CELLS:,}",
                )
            )
        yield row


# --- SQLite ---

Rows = Callable[..., list[dict[str, Any]]]


@contextmanager
def sqlite_tables(data: bytes) -> Iterator[Rows]:
    """Gives ``rows(table, last=None)``: the rows of an ordinary table as dicts, ``last``: only so many, by falling id.

    The file is opened read-only and as one that nobody changes. Of what it brings along nothing runs: views and virtual
    tables are not read, functions are refused, and whatever takes too long or too much is given up.
    """
    if not data.startswith(SQLITE_MAGIC):
        raise Unreadable(say("The file is not an SQLite database."))
    with tempfile.NamedTemporaryFile(prefix="import-", suffix=".db") as file:
        file.write(data)
        file.flush()
        base = sqlite3.connect(f"file:{file.name}?mode=ro&immutable=1", uri=True)
        try:
            _confine(base)
            yield lambda table, last=None: _rows(base, table, last)
        except sqlite3.Error as error:
            raise Unreadable(say("The database could not be read: {error}.", error=str(error)[:200])) from None
        finally:
            base.close()


def _confine(base: sqlite3.Connection) -> None:
    for pragma in ("trusted_schema=off", "query_only=on", "cell_size_check=on", "mmap_size=0", "temp_store=memory"):
        base.execute(f"PRAGMA {pragma}")
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
    base.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10_000)
    base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    base.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
    base.text_factory = bytes
    steps = iter(range(MOST_STEPS))
    base.set_progress_handler(lambda: next(steps, None) is None, 100_000)
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
    base.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY)


def _rows(base: sqlite3.Connection, table: str, last: int | None) -> list[dict[str, Any]]:
    """``table`` is a name of ours, never one of the file's."""
    kinds = base.execute("SELECT type, sql FROM sqlite_master WHERE name = ? LIMIT 1", [table]).fetchall()
    if not kinds:
        return []
    kind, sql = map(tidy, kinds[0])
    if kind != "table" or str(sql).upper().split()[1:2] == ["VIRTUAL"]:
        raise Unreadable(say("{table} is not an ordinary table.", table=repr(table)))
    order = f"ORDER BY id DESC LIMIT {int(last)}" if last else f"LIMIT {MOST_ROWS}"
    cursor = base.execute(f'SELECT * FROM "{table}" {order}')  # noqa: S608
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, map(tidy, row), strict=True)) for row in _few(cursor)]
