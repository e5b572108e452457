"""Results that the broker would not take, kept on disk and in order until it does.

One SQLite file for each region and directory, shared by every process of every worker there: what one process
has left, alive or killed, any other sends. A check of a batch is kept once, as the server would count it once.
The file is on a local disk: SQLite's locks do not hold on a network's.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from probes.contract import Report

log = logging.getLogger("probes.spool")

KEPT_SECONDS = 6 * 3600.0
"""The server forgets its closed batches after so long, and drops a report of a batch that it does not know."""

PARCEL_SIZE = 100
DROPPED_TOGETHER = 100
ROOM_AFTER_DROPPING = 0.95
BUSY_SECONDS = 5.0
"""How long another process may write before we do without the spool."""

SETTINGS = (
    "PRAGMA auto_vacuum = FULL",  # before anything else is written: an empty spool gives its space back
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # outlives a killed process; after a power cut the ledger asks again
    "PRAGMA wal_autocheckpoint = 250",
    "PRAGMA journal_size_limit = 1000000",
)
# AUTOINCREMENT: a place is never given twice, so forgetting what was sent cannot hit what came since.
TABLE = """
CREATE TABLE IF NOT EXISTS result (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    batch TEXT NOT NULL,
    id TEXT NOT NULL,
    region TEXT NOT NULL,
    worker TEXT NOT NULL,
    spooled_at REAL NOT NULL,
    wire TEXT NOT NULL,
    UNIQUE (batch, id)
)
"""
INSERT = "INSERT OR IGNORE INTO result (batch, id, region, worker, spooled_at, wire) VALUES (?, ?, ?, ?, ?, ?)"
OLDEST = """
SELECT place, spooled_at, batch, region, worker, wire FROM result
WHERE (batch, region, worker) = (SELECT batch, region, worker FROM result ORDER BY place LIMIT 1)
ORDER BY place LIMIT ?
"""
DROP_OLDEST = "DELETE FROM result WHERE place IN (SELECT place FROM result ORDER BY place LIMIT ?)"
PAGES = ("page_count", "freelist_count", "page_size")
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}
"""What SQLite says of a file that will not get better. Anything else may pass: locked, full, read-only."""


class SpoolError(Exception):
    """The spool cannot be used now. Nothing that was kept is lost by it."""


class _Broken(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Parcel:
    """The oldest results of one batch: a report in its wire form, and where in the spool they are."""

    report: dict[str, Any]
    places: list[int]


class Spool:
    """Opened at its first use, and again after any trouble. One for a process, and not before a fork: SQLite's
    locks do not go along. All methods may be called from any thread and raise ``SpoolError``.
    """

    def __init__(self, directory: Path, region: str, limit_bytes: int) -> None:
        """``region`` empty: a worker of several. ``limit_bytes`` bounds the file; SQLite's log beside it takes about
        1 MB more, and a broken file that was set aside as much again.
        """
        self.path = directory / (f"spool-{region}.sqlite3" if region else "spool.sqlite3")
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def add(self, report: Report) -> None:
        """Keep the results that are not kept yet. When the spool is full the oldest go."""
        now = time()
        head = (json.dumps(report.region), json.dumps(report.worker), now)
        rows = [
            (json.dumps(report.batch), json.dumps(result.id), *head, json.dumps(result.to_wire()))
            for result in report.results
        ]
        with self._database() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(INSERT, rows)
            dropped = self._make_room(db)
        if dropped:
            log.warning("The spool is full: dropped its %d oldest results", dropped)

    def oldest(self) -> Parcel | None:
        """What is to be sent next. Results that the server would not take any more are dropped."""
        with self._database() as db:
            rows = db.execute(OLDEST, (PARCEL_SIZE,)).fetchall()
            if rows and rows[0][1] < time() - KEPT_SECONDS:
                self._drop_outdated(db)
                rows = db.execute(OLDEST, (PARCEL_SIZE,)).fetchall()
            try:
                return _parcel(rows) if rows else None
            except ValueError as error:
                raise _Broken(str(error)) from error

    def forget(self, parcel: Parcel) -> None:
        """It has been sent."""
        with self._database() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM result WHERE place = ?", [(place,) for place in parcel.places])

    def count(self) -> int:
        """How many results wait."""
        with self._database() as db:
            found: int = db.execute("SELECT count(*) FROM result").fetchone()[0]
            return found

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Whether we may send: one process at a time does. Whoever dies gives the right back."""
        try:
            self._make_directory()
            file = self.path.with_suffix(".sending").open("a")
        except OSError as error:
            raise SpoolError(str(error)) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True

    # -- the file

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except _Broken as error:
                self._set_aside(error, self._inode)
                raise SpoolError(str(error)) from error
            except (sqlite3.Error, OSError) as error:
                self._close()  # the next use looks at the file anew
                raise SpoolError(str(error)) from error

    def _open(self) -> sqlite3.Connection:
        if self._db is not None and self._inode == _inode(self.path):
            return self._db
        self._close()
        self._make_directory()
        before = _inode(self.path)
        try:
            self._db = _connect(self.path)
        except _Broken as error:
            self._set_aside(error, before)
            self._db = _connect(self.path)
        self._inode = _inode(self.path)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    def _make_directory(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _set_aside(self, why: Exception, inode: int) -> None:
        """Keep the last broken file for whoever wants to look; its log must not meet the new one."""
        self._close()
        if _inode(self.path) != inode:  # another process was quicker, and this is the new one
            return
        aside = self.path.with_suffix(".broken")
        log.error("The spool %s is broken (%s); set aside as %s", self.path, why, aside.name)
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{ending}").replace(f"{aside}{ending}")

    # -- its size

    def _make_room(self, db: sqlite3.Connection) -> int:
        if _used_bytes(db) <= self._limit_bytes:
            return 0
        dropped = 0
        while _used_bytes(db) > ROOM_AFTER_DROPPING * self._limit_bytes:
            gone = db.execute(DROP_OLDEST, (DROPPED_TOGETHER,)).rowcount
            if not gone:
                break
            dropped += gone
        return dropped

    def _drop_outdated(self, db: sqlite3.Connection) -> None:
        gone = db.execute("DELETE FROM result WHERE spooled_at < ?", (time() - KEPT_SECONDS,)).rowcount
        log.warning("Dropped %d results from the spool that the server would not take any more", gone)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is sound. Raises ``_Broken``."""
    with suppress(FileExistsError):  # for our eyes only; the files that SQLite adds get the same mode
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.text_factory = bytes  # json reads them, and says in its own way when they are no text
    try:
        for setting in SETTINGS:
            db.execute(setting)
        db.execute(TABLE)
        db.execute(OLDEST, (0,))
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != b"ok":
            raise _Broken(verdict.decode(errors="replace"))
    except sqlite3.DatabaseError as error:
        db.close()
        if error.sqlite_errorcode & 0xFF in BROKEN:
            raise _Broken(str(error)) from error
        raise
    except _Broken:
        db.close()
        raise
    return db


def _inode(path: Path) -> int:
    """0 when there is no file."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in PAGES)
    used: int = (pages - free) * size
    return used


def _parcel(rows: list[tuple[int, float, bytes, bytes, bytes, bytes]]) -> Parcel:
    """Raises ``ValueError``."""
    batch, region, worker = (json.loads(text) for text in rows[0][2:5])
    report = Report(batch, region, worker, []).to_wire()
    return Parcel(report | {"results": [json.loads(row[5]) for row in rows]}, [row[0] for row in rows])
