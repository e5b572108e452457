"""Hours and days are folded once, when they are over, and read right at every moment before, meanwhile and after."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from checks.models import CheckResult, Day, Hour, MonitorStats, RollupDay, RollupHour, RollupMark
from checks.services import days, recount, rollups, stats, storage
from monitors.models import Monitor
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rollups go as far as the day before, and monitors are folded one by one."""
    days.forget()
    RollupMark.objects.all().delete()
    RollupMark.objects.create(folded=days.start_of(NOW.date()), closing=days.start_of(NOW.date()))
    monkeypatch.setattr(rollups, "AT_ONCE", 1)


@pytest.fixture
def monitors(make_monitor: MakeMonitor) -> list[Monitor]:
    """Three hours of results of three monitors in two regions."""
    made = [make_monitor() for _ in range(3)]
    store_all(
        [
            result(one, NOW - timedelta(minutes=minute), 20.0 + minute, region=region)
            for one in made
            for minute in range(0, 180, 20)
            for region in ("usa", "india")
        ],
        now=NOW,
    )
    return made


def seen() -> list[dict[str, object]]:
    """What readers see of hours and days."""
    shown = []
    for table in (Hour, Day):
        rows = table.objects.order_by("monitor", "region", "bucket").values("bucket", *rollups.FIGURES)
        shown += [{**row, "sum_ms": round(row["sum_ms"], 1), "histogram": bytes(row["histogram"])} for row in rows]
    return shown


def wrong() -> list[recount.Difference]:
    return list(recount.differences(NOW.date(), now=NOW))


def test_what_readers_see_is_the_same_at_every_step_of_folding(monitors: list[Monitor]) -> None:
    before = seen()
    assert sum(row["up"] for row in before) == 2 * 3 * 9 * 2  # type: ignore[misc]
    assert not RollupHour.objects.exists()
    steps = 0
    while not rollups.close(now=NOW + DAY, seconds=0):
        steps += 1
        assert seen() == before
    assert steps > len(monitors)
    assert RollupHour.objects.count() == 3 * 2 * 4
    assert RollupDay.objects.count() == 3 * 2
    assert seen() == before
    assert wrong() == []


def test_the_hour_that_is_not_over_is_left_open(monitors: list[Monitor]) -> None:
    rollups.close(now=NOW)
    assert set(RollupHour.objects.values_list("bucket", flat=True)) == {
        NOW.replace(hour=hour, minute=0) for hour in (6, 7, 8)
    }
    assert not RollupDay.objects.exists()
    assert rollups.folded_until() == NOW.replace(minute=0)


def test_figures_are_the_same_before_and_after_folding(monitors: list[Monitor]) -> None:
    later = NOW + timedelta(hours=2)

    def figures() -> list[tuple[object, ...]]:
        stats.compute([one.pk for one in monitors], now=later)
        fields = ("uptime_24h", "uptime_90d", "coverage_24h", "avg_response_time_24h", "avg_response_time_7d")
        rows = MonitorStats.objects.order_by("pk").values_list(*fields)
        return [tuple(round(value, 6) for value in row) for row in rows]

    store_all([result(monitors[0], NOW - timedelta(minutes=1), None, Outcome.DOWN)], now=NOW)
    before = figures()
    assert len(set(before)) == 2
    rollups.close(now=later)
    assert RollupHour.objects.exists()
    assert figures() == before


def test_a_result_that_comes_late_is_counted_at_once_and_once(monitors: list[Monitor]) -> None:
    rollups.close(now=NOW + DAY)
    before = RollupDay.objects.get(monitor=monitors[0], region="usa").up
    late = result(monitors[0], NOW - timedelta(minutes=5), 99.0)
    for _ in range(2):
        store_all([late], now=NOW + DAY)
    assert RollupDay.objects.get(monitor=monitors[0], region="usa").up == before + 1
    assert wrong() == []


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_result_that_comes_while_its_hour_is_folded_is_counted_once(monitors: list[Monitor], steps: int) -> None:
    for _ in range(steps):
        assert not rollups.close(now=NOW + HOUR, seconds=0)
    store_all([result(one, NOW - timedelta(minutes=5), 99.0) for one in monitors], now=NOW)
    expected = seen()
    rollups.close(now=NOW + HOUR)
    assert seen() == expected
    assert wrong() == []
    assert sum(row.up for row in Day.objects.all()) == 3 * 2 * 9 + 3


def test_whoever_dies_while_folding_loses_nothing(monitors: list[Monitor], monkeypatch: pytest.MonkeyPatch) -> None:
    fold, calls = rollups._fold, 0

    def fail_once(*arguments: object, **more: object) -> None:
        nonlocal calls
        calls += 1
        fold(*arguments, **more)  # type: ignore[arg-type]
        if calls == 2:
            raise RuntimeError("killed")

    monkeypatch.setattr(rollups, "_fold", fail_once)
    before = seen()
    with pytest.raises(RuntimeError, match="killed"):
        rollups.close(now=NOW + DAY)
    assert seen() == before
    assert rollups.close(now=NOW + DAY)
    assert seen() == before
    assert wrong() == []


def test_a_long_standstill_is_folded_day_by_day(make_monitor: MakeMonitor) -> None:
    one = make_monitor()
    for ago in range(3):
        store_all([result(one, NOW - ago * DAY)], now=NOW)
    RollupMark.objects.update(folded=NOW - 3 * DAY - HOUR / 2, closing=NOW - 3 * DAY - HOUR / 2)
    rollups.close(now=NOW + 400 * DAY)
    assert RollupDay.objects.filter(up=1).count() == 3
    assert rollups.folded_until() >= NOW + 399 * DAY


def test_rows_that_the_owner_removes_have_been_folded(monitors: list[Monitor]) -> None:
    one = monitors[0]
    before = list(Day.objects.filter(monitor=one).order_by("region").values_list("up", flat=True))
    storage.delete_results(one, older_than_days=0, now=NOW + DAY)
    assert not CheckResult.objects.filter(monitor=one).exists()
    rollups.close(now=NOW + DAY)
    assert list(RollupDay.objects.filter(monitor=one).order_by("region").values_list("up", flat=True)) == before
    store_all([result(one, NOW)], now=NOW + DAY)
    assert RollupDay.objects.get(monitor=one, region="usa").up == before[1], "what is left knows less than what was"


def test_no_day_goes_before_its_hours_are_folded(monitors: list[Monitor], monkeypatch: pytest.MonkeyPatch) -> None:
    later = NOW + 60 * DAY
    monkeypatch.setattr(storage, "FOLDING_S", 0.0)
    dropped: list[str] = []
    for _ in range(20):
        dropped += storage.drop_old(now=later, retention_days=30)
        if not dropped:
            assert sum(row.up for row in Day.objects.all()) == 3 * 2 * 9
    assert dropped
    assert sum(row.up for row in RollupDay.objects.all()) == 3 * 2 * 9


def test_a_lost_mark_is_made_again_and_nothing_counts_twice(monitors: list[Monitor]) -> None:
    rollups.close(now=NOW + DAY)
    before = seen()
    RollupMark.objects.all().delete()
    assert seen() == before
    rollups.close(now=NOW + DAY)
    assert seen() == before


@pytest.mark.django_db(transaction=True)
def test_folding_beside_ingesters_misses_nothing(monitors: list[Monitor]) -> None:
    """Two ingesters store results of the very hours that are being folded, hour after hour, again and again."""
    minutes = range(60 * 4)

    def ingest(region: str) -> None:
        try:
            for minute in minutes:
                store_all(
                    [result(one, NOW + minute * timedelta(minutes=1), region=region) for one in monitors], now=NOW
                )
        finally:
            connection.close()

    def moments() -> Iterator[datetime]:
        for hour in range(5):
            yield from [NOW + hour * HOUR + rollups.GRACE] * 3

    with ThreadPoolExecutor() as pool:
        ingesters = [pool.submit(ingest, region) for region in ("usa", "india")]
        at = moments()
        while not all(each.done() for each in ingesters):
            rollups.close(now=next(at, NOW + 5 * HOUR))
        for each in ingesters:
            each.result()
    rollups.close(now=NOW + 5 * HOUR)
    assert wrong() == []
    assert sum(row.up for row in RollupHour.objects.filter(bucket__gte=NOW + HOUR / 2)) == 3 * 2 * (60 * 4 - 30)
