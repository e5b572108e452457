"""Answers that are kept: fresh for some seconds, and good enough for a day when the database cannot give a new one.

They are kept in the cache that all processes share, and in each process for when that is away as well (as it is in an
installation without Redis, whose cache is a table). Only one process at a time makes an answer anew; the others give
the old one meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any, Generic, TypeVar

from django.core.cache import cache
from django.db import Error, InterfaceError, OperationalError, connection, transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

FORM = 2
"""Of what is kept. Another form is another key: neighbouring versions do not read each other's."""
KEPT_S = 86_400
KEPT_HERE_S = 3_600
KEPT_HERE = 200
PATIENCE_MS = 3_000
"""A query that takes longer is given up: an old answer is better than none."""
MAKES_S = 15
PAUSE_S = 5
"""After a failure the database is left alone so long, and nobody waits for it."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    value: T
    made_at: float
    """Epoch."""
    mark: str
    """The same for the same value."""

    @property
    def age_s(self) -> float:
        return max(0.0, time.time() - self.made_at)


_here: OrderedDict[str, Answer[Any]] = OrderedDict()
_lock = Lock()
_failed_at = float("-inf")


def keep(name: str, make: Callable[[], T], *, fresh_s: float) -> Answer[T]:
    """What ``make`` said less than ``fresh_s`` ago, or says now, or, when it cannot, what it said last.

    Raises what ``make`` raises where nothing is kept.
    """
    key = f"statuspages:{FORM}:{name}"
    old = _recall(key)
    if old and old.age_s < fresh_s:
        return old
    if _is_pausing():
        old = old or _recall_here(key)
    if old and (_is_pausing() or not _may_make(key)):
        return old
    try:
        value = _make(make)
        return _store(key, Answer(value, time.time(), sha256(repr(value).encode()).hexdigest()[:24]))
    except (OperationalError, InterfaceError) as error:
        _pause()
        old = old or _recall_here(key)
        if old is None:
            raise
        log.warning("The database gave no %s: one that is %d s old is served. %s", name, old.age_s, error)
        return old
    finally:
        with suppress(Error):
            cache.delete(f"{key}:making")


def forget(*names: str) -> None:
    """Somebody has changed something: make it again at the next request."""
    for name in names:
        key = f"statuspages:{FORM}:{name}"
        with _lock:
            _here.pop(key, None)
        with suppress(Error):
            cache.delete(key)


def _make(make: Callable[[], T]) -> T:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE_MS)])
        return make()


def _recall(key: str) -> Answer[Any] | None:
    try:
        found: Answer[Any] | None = cache.get(key)
    except Error:  # the cache is in the database
        return _recall_here(key)
    return found


def _recall_here(key: str) -> Answer[Any] | None:
    with _lock:
        found = _here.get(key)
    return found if found and found.age_s < KEPT_HERE_S else None


def _store(key: str, answer: Answer[T]) -> Answer[T]:
    with _lock:
        _here[key] = answer
        _here.move_to_end(key)
        while len(_here) > KEPT_HERE:
            _here.popitem(last=False)
    with suppress(Error):
        cache.set(key, answer, KEPT_S)
    return answer


def _may_make(key: str) -> bool:
    try:
        return cache.add(f"{key}:making", 1, MAKES_S)
    except Error:
        return True


def _is_pausing() -> bool:
    return time.monotonic() - _failed_at < PAUSE_S


def _pause() -> None:
    global _failed_at
    _failed_at = time.monotonic()
