"""Files that want more than to be read."""

# ruff: noqa: S608  # these statements are an attacker's

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imports import reading
from imports.plain import Unreadable
from imports.sources import SOURCES
from tests.imports.files import database, kuma_2

LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(8)
)
MERGES = b"a: &a {k: 1}\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join([f'*{chr(97 + n)}'] * 9)}]}}\n".encode() for n in range(8)
)
MONITOR = "CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT, type TEXT, interval INTEGER);"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[[[]]]",
        b"[" * 100_000,
        b"{" * 100_000,
        b'{"monitors": 1, "monitorList": "x", "data": {}, "checks": null, "endpoints": 3, "scrape_configs": {}}',
        LAUGHS,
        MERGES,
        b"a: &a [*a]",
        b"endpoints: !!python/object/apply:os.system ['true']",
        b"SQLite format 3\x00" + b"\x00" * 200,
        b'"unfinished,\n',
    ],
)
def test_what_is_no_export_is_refused_with_a_sentence(source: str, data: bytes) -> None:
    try:
        found = SOURCES[source].read(data)
    except Unreadable as error:
        assert str(error).endswith(".")  # noqa: PT017  # some of these are an empty export to some of the tools
    else:
        assert not found.monitors


NASTY = '{"id": [1], "name": {"a": 1}, "type": ["http"], "parent": [2], "tags": 5, "interval": 1e400, "timeout": {}}'


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("names", ["monitorList", "monitors", "data", "checks", "endpoints", "scrape_configs"])
def test_values_of_the_wrong_kind_break_nothing(source: str, names: str) -> None:
    try:
        SOURCES[source].read(f'{{"{names}": [{NASTY}, 7, null, []]}}'.encode())
    except Unreadable as error:
        assert str(error)  # noqa: PT017


def test_a_view_in_the_place_of_a_table_is_not_read(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
    with pytest.raises(Unreadable, match="not an ordinary table"):
        SOURCES["kuma"].read(database(f"CREATE VIEW monitor AS {endless};", tmp_path))


def test_a_virtual_table_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not an ordinary table"):
        SOURCES["kuma"].read(database("CREATE VIRTUAL TABLE monitor USING fts4(id, name);", tmp_path))


def test_a_function_in_the_file_is_not_called(tmp_path: Path) -> None:
    generated = MONITOR.replace("name TEXT", "name TEXT AS (load_extension('/tmp/x'))")
    plain = MONITOR + "INSERT INTO monitor (id, type) VALUES (1, 'http');"
    with pytest.raises(Unreadable):
        SOURCES["kuma"].read(_patched(plain, generated, tmp_path))


def _patched(plain: str, generated: str, tmp_path: Path) -> bytes:
    """SQLite refuses to make such a table; somebody who writes bytes does not ask it."""
    return database(
        plain
        + f"PRAGMA writable_schema=on; UPDATE sqlite_master SET sql = '{generated.replace(chr(39), chr(39) * 2)}';",
        tmp_path,
    )


def test_a_cell_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="could not be read"):
        SOURCES["kuma"].read(database(MONITOR + "INSERT INTO monitor (name) VALUES (zeroblob(3000000));", tmp_path))


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    data = kuma_2(tmp_path)
    with pytest.raises(Unreadable):
        SOURCES["kuma"].read(data[:4_096] + b"\xff" * (len(data) - 4_096))


OF_SIXTIES = b"1" + b":00" * 1_000_000
EMPTY_CELLS = b"a" + b",b" * 999 + b"\n" + (b"1" + b"," * 999 + b"\n") * 2_100
GREEDY: dict[str, tuple[Callable[[bytes], Any], bytes, str]] = {
    "a-number-in-base-60": (reading.read_yaml, b"endpoints: " + OF_SIXTIES, "too long"),
    "the-same-by-its-tag": (reading.read_yaml, b"endpoints: !!int '" + OF_SIXTIES + b"'", "too long"),
    "empty-lists": (reading.read_json, b"[" + b"[]," * reading.MOST_CELLS + b"[]]", "more than 2,000,000 values"),
    "empty-cells": (reading.read_csv, EMPTY_CELLS, "2,000,000 cells"),
}
"""Small files that would take hours to read, or the memory of a whole server."""


@pytest.mark.parametrize("how", [pytest.param(name, id=f"v44h-{name}") for name in GREEDY])
def test_a_small_file_does_not_become_a_large_one(how: str) -> None:
    read, data, words = GREEDY[how]
    with pytest.raises(Unreadable, match=words):
        read(data)


def test_v44i_nor_does_a_table_of_many_empty_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CELLS", 1_000)
    wide = MONITOR + "INSERT INTO monitor (type) " + " UNION ALL ".join(["SELECT 'http'"] * 400) + ";"
    with pytest.raises(Unreadable, match="1,000 cells"):
        SOURCES["kuma"].read(database(wide, tmp_path))
