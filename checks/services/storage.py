"""Space for results: one partition per UTC day, made ahead and dropped whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from checks.models import CheckEvidence, CheckResult
from monitors.models import Monitor

TABLES = ("checks_checkresult", "checks_checkevidence")
DAYS_AHEAD = 7

_known_days: set[date] = set()
"""Days whose partitions this process has seen; saves a look at the catalogue for every report."""


def ensure_days(days: Iterable[date]) -> None:
    """Make the partitions of these days if they are missing."""
    missing = set(days) - _known_days
    if not missing:
        return
    for day in sorted(missing):
        for table in TABLES:
            _make(table, day)
    transaction.on_commit(lambda: _known_days.update(missing))


def _make(table: str, day: date) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{table}_p{day:%Y%m%d}"])
        if cursor.fetchone()[0] is None:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {table}_p{day:%Y%m%d} PARTITION OF {table} FOR VALUES FROM (%s) TO (%s)",
                [start, start + timedelta(days=1)],
            )


def make_ahead(*, now: datetime) -> None:
    today = now.astimezone(UTC).date()
    ensure_days(today + timedelta(days=ahead) for ahead in range(-1, DAYS_AHEAD + 1))


def drop_old(*, now: datetime, retention_days: int) -> list[str]:
    """Drop the partitions whose every row is older than the retention; says which."""
    keep_from = (now - timedelta(days=retention_days)).astimezone(UTC).date()
    dropped = [name for name, day in partitions() if day < keep_from]
    with connection.cursor() as cursor:
        for name in dropped:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
    _known_days.clear()
    return dropped


def partitions() -> list[tuple[str, date]]:
    """Every partition's table name and UTC day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY (%s::regclass[]) ORDER BY 1",
            [list(TABLES)],
        )
        names = [row[0] for row in cursor.fetchall()]
    return [
        (name, datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC).date())
        for name in names
        if (match := re.search(r"_p(\d{8})$", name))
    ]


@transaction.atomic
def delete_results(monitor: Monitor, *, older_than_days: int, now: datetime) -> int:
    """Remove one monitor's raw rows before a moment, at its owner's wish; says how many results went."""
    before = now - timedelta(days=older_than_days)
    CheckEvidence.objects.filter(monitor=monitor, slot__lt=before).delete()
    deleted, _ = CheckResult.objects.filter(monitor=monitor, slot__lt=before).delete()
    return deleted
