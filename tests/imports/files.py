"""The exports in tests/imports/exports, made by hand; docs/importing.md says after which version of each tool."""

from __future__ import annotations

import sqlite3
from pathlib import Path

HERE = Path(__file__).parent / "exports"


def export(name: str) -> bytes:
    return (HERE / name).read_bytes()


def database(sql: str, tmp_path: Path) -> bytes:
    """An SQLite file as a program leaves it behind that keeps a journal ahead of its writes."""
    path = tmp_path / "made.db"
    base = sqlite3.connect(path)
    base.execute("PRAGMA journal_mode=WAL")
    base.executescript(sql)
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    return path.read_bytes()


def kuma_2(tmp_path: Path, more: str = "") -> bytes:
    return database(export("kuma-2.sql").decode() + more, tmp_path)
