"""How much room the figures take, by the catalogue's estimates, and how much they would take.

Nothing is counted: PostgreSQL's own statistics say how many rows there are (about) and how many bytes (exactly).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from checks.services import days, storage
from checks.services.days import Partition
from monitors.models import Monitor, Region

DAY_S = 86_400
HOURS_A_DAY = 24
DAYS_A_MONTH = 30.44
ENOUGH_ROWS = 10_000
"""A table with fewer rows says too little about the size of one; then these figures, measured, stand in."""

RESULT_BYTES, HOUR_BYTES, DAY_BYTES = 155.0, 150.0, 180.0
GROWTH_DAYS = 7

TABLES = """
SELECT table_.relname, greatest(table_.reltuples::bigint, seen.n_live_tup, 0), pg_total_relation_size(table_.oid)
FROM pg_class AS table_ LEFT JOIN pg_stat_all_tables AS seen ON seen.relid = table_.oid
WHERE table_.oid = ANY (%s::regclass[]) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows (about) and bytes, indexes included."""

    rows: int
    bytes: int

    def bytes_per_row(self, otherwise: float) -> float:
        return self.bytes / self.rows if self.rows >= ENOUGH_ROWS else otherwise


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that so many monitors would take after so many days."""

    monitors: int
    interval: int
    regions: int
    days: int
    retention_days: int
    results_per_day: int
    results_bytes: int
    hours_bytes: int
    days_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.results_bytes + self.hours_bytes + self.days_bytes


@dataclass(frozen=True, slots=True)
class Retention:
    """What another retention would drop at once; negative days of difference keep more from now on."""

    days: int
    partitions: int
    rows: int
    freed_bytes: int


def report(*, now: datetime) -> dict[str, Any]:
    """Rows and bytes by part, growth per day, and what the limits are."""
    partitions = days.describe()
    sizes = table_sizes()
    raw = {kind: total([each for each in partitions if each.table == table]) for kind, table in KINDS.items()}
    per_day = growth(partitions, sizes, now=now)
    return {
        "database_bytes": storage.database_bytes(),
        "limit_bytes": settings.STORAGE_MAX_GB * storage.GIGABYTE or None,
        "retention_days": settings.RETENTION_DAYS,
        "rollup_hours_months": settings.ROLLUP_HOURS_MONTHS,
        "archive": bool(settings.ARCHIVE_DIR),
        "parts": {name: asdict(size) for name, size in {**raw, **sizes}.items()},
        "growth_per_day": {name: asdict(size) for name, size in per_day.items()},
        "days": _days(partitions, now=now),
        "dropped_for_size": days.note_of(days.RESULTS).get("dropped_for_size"),
    }


KINDS = {"results": days.RESULTS, "evidence": days.EVIDENCE}
ROLLUPS = {"hours": "checks_rolluphour", "days": "checks_rollupday"}


def table_sizes() -> dict[str, Size]:
    """The rollup tables."""
    names = {table: name for name, table in ROLLUPS.items()}
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [list(names)])
        found = {names[table]: Size(rows, size) for table, rows, size in cursor.fetchall()}
    return {name: found[name] for name in ROLLUPS}


def total(partitions: Sequence[Partition]) -> Size:
    return Size(sum(each.rows for each in partitions), sum(each.bytes for each in partitions))


def _days(partitions: Sequence[Partition], *, now: datetime) -> list[dict[str, Any]]:
    """Each day that holds something, with its rows and bytes; oldest first."""
    known = sorted({each.day for each in partitions if each.rows})
    return [
        {
            "day": day.isoformat(),
            "rows": sum(each.rows for each in partitions if each.day == day and each.table == days.RESULTS),
            "bytes": sum(each.bytes for each in partitions if each.day == day),
            "restored_until": max(
                (str(each.note["kept_until"]) for each in partitions if each.day == day and each.is_held(now=now)),
                default=None,
            ),
        }
        for day in known
    ]


def growth(partitions: Sequence[Partition], sizes: dict[str, Size], *, now: datetime) -> dict[str, Size]:
    """Rows and bytes that a day adds: raw ones by the last full days, rollups by who is watched from where."""
    today = now.astimezone(UTC).date()
    week = [each for each in partitions if today - timedelta(days=GROWTH_DAYS) <= each.day < today]
    series = sum(len(regions) for regions in Monitor.objects.active().values_list("regions", flat=True).iterator())
    added = {kind: _mean_day([each for each in week if each.table == table]) for kind, table in KINDS.items()}
    hours = series * HOURS_A_DAY
    added["hours"] = Size(hours, round(hours * sizes["hours"].bytes_per_row(HOUR_BYTES)))
    added["days"] = Size(series, round(series * sizes["days"].bytes_per_row(DAY_BYTES)))
    return added


def _mean_day(partitions: Sequence[Partition]) -> Size:
    filled = [each for each in partitions if each.rows]
    if not filled:
        return Size(0, 0)
    whole = total(filled)
    return Size(whole.rows // len(filled), whole.bytes // len(filled))


def forecast(*, monitors: int, interval: int, after_days: int, regions: int | None = None) -> Forecast:
    """What would be stored: raw rows for the retention, hours for their months, days for ever; in bytes per part."""
    partitions, sizes = days.describe(), table_sizes()
    raw = total([each for each in partitions if each.table == days.RESULTS])
    places = Region.objects.filter(enabled=True).count() if regions is None else regions
    per_day = monitors * places * DAY_S // interval
    kept_hours = min(after_days, settings.ROLLUP_HOURS_MONTHS * DAYS_A_MONTH) * HOURS_A_DAY
    return Forecast(
        monitors=monitors,
        interval=interval,
        regions=places,
        days=after_days,
        retention_days=settings.RETENTION_DAYS,
        results_per_day=per_day,
        results_bytes=round(per_day * min(after_days, settings.RETENTION_DAYS + 1) * raw.bytes_per_row(RESULT_BYTES)),
        hours_bytes=round(monitors * places * kept_hours * sizes["hours"].bytes_per_row(HOUR_BYTES)),
        days_bytes=round(monitors * places * after_days * sizes["days"].bytes_per_row(DAY_BYTES)),
    )


def retention(*, retention_days: int, now: datetime) -> Retention:
    """What a retention of so many days would drop, without dropping it."""
    would_go = storage.expired(now=now, retention_days=retention_days)
    freed = total(would_go)
    return Retention(retention_days, len(would_go), freed.rows, freed.bytes)
