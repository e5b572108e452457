"""Keys of days that are over are made dense, once, and what was left half made goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from checks.models import CheckResult
from checks.services import days, packing

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
YESTERDAY, TODAY = (NOW - timedelta(days=1)).date(), NOW.date()


@pytest.fixture(autouse=True)
def _two_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of five monitors, second by second, as they come in."""
    days.forget()
    days.ensure_days({YESTERDAY, TODAY})
    monkeypatch.setattr(packing, "FEWEST_ROWS", 1_000)
    with connection.cursor() as cursor:
        for day in (YESTERDAY, TODAY):
            cursor.execute(
                "INSERT INTO checks_checkresult (slot, monitor_id, region, outcome)"
                " SELECT %(start)s + make_interval(secs => second), monitor, 'usa', 'up'"
                " FROM generate_series(1, 2000) AS second CROSS JOIN unnest(%(ids)s::uuid[]) AS monitor ORDER BY 1",
                {"start": days.start_of(day), "ids": [uuid4() for _ in range(5)]},
            )
            cursor.execute(f"ANALYZE {days.partition_name(days.RESULTS, day)}")
            days.write_note(days.partition_name(days.RESULTS, day), {})


def key_bytes(day: date) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_indexes_size(%s)", [days.partition_name(days.RESULTS, day)])
        size: int = cursor.fetchone()[0]
    return size


def test_the_key_of_a_day_that_is_over_is_packed_once() -> None:
    before = key_bytes(YESTERDAY), key_bytes(TODAY)
    rows = CheckResult.objects.count()
    assert packing.pack(now=NOW) == [days.partition_name(days.RESULTS, YESTERDAY)]
    assert key_bytes(YESTERDAY) < 0.8 * before[0]
    assert key_bytes(TODAY) == before[1], "it is still written"
    assert CheckResult.objects.count() == rows
    assert packing.pack(now=NOW) == []


def test_what_a_killed_one_left_is_cleared_away() -> None:
    table = days.partition_name(days.RESULTS, YESTERDAY)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {table}_pkey_ccnew ON {table} (monitor_id, region, slot)")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [f"{table}_pkey_ccnew"]
        )
    assert packing.pack(now=NOW) == [table]
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", [table])
        indexes = [row[0] for row in cursor.fetchall()]
    assert f"{table}_pkey" in indexes
    assert not [name for name in indexes if "ccnew" in name]


def test_a_note_that_a_day_carries_stays() -> None:
    table = days.partition_name(days.RESULTS, YESTERDAY)
    days.write_note(table, {"kept_until": NOW.isoformat()})
    packing.pack(now=NOW)
    assert days.note_of(table)["kept_until"] == NOW.isoformat()
