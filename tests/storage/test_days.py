"""Day partitions: made when needed, dropped when their last row is too old, never in anybody's way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from checks.models import CheckResult, RollupHour
from checks.services import days, storage
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    days.forget()


def known_days(table: str = days.RESULTS) -> set[date]:
    return {each.day for each in days.describe() if each.table == table}


@pytest.mark.parametrize(
    ("day", "dropped"),
    [
        (date(2031, 5, 15), True),  # its last microsecond is older than 30 days
        (date(2031, 5, 16), False),  # half of it is not
        (date(2031, 5, 17), False),
    ],
)
def test_a_day_goes_when_all_of_it_is_older_than_the_retention(day: date, dropped: bool) -> None:
    storage.ensure_days([day])
    storage.drop_old(now=NOW, retention_days=30)
    assert (day not in known_days()) is dropped


@pytest.mark.parametrize(
    ("now", "dropped"),
    [
        (datetime(2031, 6, 15, tzinfo=UTC), True),  # the day ended exactly 30 days ago
        (datetime(2031, 6, 14, 23, 59, 59, 999_999, tzinfo=UTC), False),
    ],
)
def test_the_edge_of_the_retention_is_the_end_of_a_day(now: datetime, dropped: bool) -> None:
    storage.ensure_days([date(2031, 5, 15)])
    storage.drop_old(now=now, retention_days=30)
    assert (date(2031, 5, 15) not in known_days()) is dropped


def test_rows_at_the_edges_of_a_day_are_in_it(make_monitor: MakeMonitor) -> None:
    monitor, midnight = make_monitor(), datetime(2031, 5, 15, tzinfo=UTC)
    last = midnight + timedelta(days=1, microseconds=-1)
    store_all([result(monitor, at) for at in (midnight, last, midnight + timedelta(days=1))], now=NOW)
    storage.drop_old(now=NOW, retention_days=30)
    assert [row.slot for row in CheckResult.objects.filter(monitor=monitor)] == [midnight + timedelta(days=1)]


def test_a_missing_partition_heals_when_a_result_needs_it(make_monitor: MakeMonitor) -> None:
    storage.make_ahead(now=NOW)
    with connection.cursor() as cursor:
        for table in days.TABLES:
            cursor.execute(f"DROP TABLE {days.partition_name(table, NOW.date())}")
    assert NOW.date() not in known_days()
    store_all([result(make_monitor(), NOW)], now=NOW)
    assert CheckResult.objects.count() == 1
    assert NOW.date() in known_days(days.EVIDENCE)


def test_what_was_dropped_elsewhere_is_not_believed_in_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(days._believed_until, NOW.date(), 0.0)
    storage.ensure_days([NOW.date()])
    assert NOW.date() in known_days()


def test_partitions_are_made_from_yesterday_to_a_week_ahead() -> None:
    storage.make_ahead(now=NOW)
    storage.make_ahead(now=NOW)
    wanted = {NOW.date() + timedelta(days=ahead) for ahead in range(-1, 8)}
    assert wanted <= known_days()
    assert wanted <= known_days(days.EVIDENCE)


def test_a_made_partition_has_the_key_and_the_rules_of_its_parent(make_monitor: MakeMonitor) -> None:
    storage.ensure_days([NOW.date()])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE contype = 'p'), count(*) FILTER (WHERE contype = 'c')"
            " FROM pg_constraint WHERE conrelid = %s::regclass",
            [days.partition_name(days.RESULTS, NOW.date())],
        )
        assert cursor.fetchone() == (1, 1)


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2031, 6, 15), 13, date(2030, 5, 15)),
        (date(2031, 1, 31), 2, date(2030, 11, 30)),
        (date(2031, 3, 31), 1, date(2031, 2, 28)),
        (date(2031, 12, 1), 12, date(2030, 12, 1)),
        (date(2031, 1, 1), 1, date(2030, 12, 1)),
        (date(2028, 3, 31), 1, date(2028, 2, 29)),
    ],
)
def test_months_before(day: date, months: int, before: date) -> None:
    assert storage.months_before(day, months) == before


def test_hours_are_kept_for_so_many_months(make_monitor: MakeMonitor, settings: Settings) -> None:
    settings.ROLLUP_HOURS_MONTHS = 13
    edge, monitor = datetime(2030, 5, 15, tzinfo=UTC), make_monitor()
    for bucket in (edge - timedelta(hours=1), edge, NOW):
        RollupHour.objects.create(monitor=monitor, region="usa", bucket=bucket, up=1)
    storage.drop_old(now=NOW, retention_days=30)
    assert [row.bucket for row in RollupHour.objects.order_by("bucket")] == [edge, NOW]


def test_the_size_limit_drops_the_oldest_days_and_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STORAGE_MAX_GB = 1
    storage.ensure_days(NOW.date() - timedelta(days=back) for back in range(5))
    one_day = sum(each.bytes for each in days.describe() if each.day == NOW.date())
    monkeypatch.setattr(storage, "database_bytes", lambda: storage.GIGABYTE + one_day + 1)
    storage.drop_old(now=NOW, retention_days=30)
    left = {each.day for each in days.describe() if each.day <= NOW.date()}
    assert NOW.date() - timedelta(days=4) not in left
    assert {NOW.date() - timedelta(days=back) for back in range(3)} <= left
    assert days.note_of(days.RESULTS)["dropped_for_size"]["day"] >= "2031-06-11"


def test_the_size_limit_leaves_yesterday_and_today(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STORAGE_MAX_GB = 1
    storage.ensure_days(NOW.date() - timedelta(days=back) for back in range(3))
    monkeypatch.setattr(storage, "database_bytes", lambda: 100 * storage.GIGABYTE)
    storage.drop_old(now=NOW, retention_days=30)
    assert {day for day in known_days() if day <= NOW.date()} == {NOW.date() - timedelta(days=1), NOW.date()}
