"""Counting, and writing the counts down."""

from __future__ import annotations

import logging
from collections import defaultdict
from threading import Lock
from time import monotonic

from django.db import DatabaseError, InterfaceError, connection, transaction

from meters.names import Meter

FLUSH_EVERY_S = 5.0
MOST_WAITING = 5_000
"""Different counts that a process keeps while the database is away; further ones are not counted."""

LABEL_LENGTH = 60

logger = logging.getLogger(__name__)

ADD = """
INSERT INTO meters_count AS count (meter, labels, value)
SELECT meter, string_to_array(labels, E'\\x1f', ''), value
FROM unnest(%s::text[], %s::text[], %s::float8[]) AS counted (meter, labels, value) ORDER BY meter, labels
ON CONFLICT (meter, labels) DO UPDATE SET value = count.value + excluded.value
"""
"""In the order of the keys, so that two processes never wait for each other."""

SEPARATOR = "\x1f"
NOTHING = "-"
"""Stands for an empty label, which an array made of one text could not hold."""


class _Counts:
    """What this process has counted and not written down yet."""

    def __init__(self) -> None:
        self._counted: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._lock = Lock()
        self._written_at = monotonic()

    def add(self, key: tuple[str, str], by: float) -> None:
        with self._lock:
            if key in self._counted or len(self._counted) < MOST_WAITING:
                self._counted[key] += by

    def is_due(self) -> bool:
        return bool(self._counted) and monotonic() - self._written_at >= FLUSH_EVERY_S

    def take(self) -> dict[tuple[str, str], float]:
        with self._lock:
            taken, self._counted = dict(self._counted), defaultdict(float)
            self._written_at = monotonic()
        return taken


_counts = _Counts()


def add(meter: Meter, *labels: str, by: float = 1) -> None:
    """Count something once the present transaction is committed; what is rolled back has not happened."""
    key = meter.name, SEPARATOR.join(_plain(label) for label in labels)
    transaction.on_commit(lambda: _counts.add(key, by), robust=True)


def _plain(label: str) -> str:
    return label[:LABEL_LENGTH].replace(SEPARATOR, "").replace("\x00", "") or NOTHING


def flush_if_due() -> None:
    """To be called between two pieces of work."""
    if _counts.is_due():
        flush()


def flush() -> None:
    """Write down what was counted. When the database is away it is kept for the next time."""
    taken = _counts.take()
    if not taken:
        return
    meters, labels = zip(*taken, strict=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(ADD, [list(meters), list(labels), list(taken.values())])
    except (DatabaseError, InterfaceError) as error:
        logger.debug("Counts are kept for later: %s", error)
        for key, value in taken.items():
            _counts.add(key, value)
