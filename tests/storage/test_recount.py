"""Rollups equal a recount of the raw rows, and can be made to, while results keep coming in."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from pytest_django import Settings

from checks.models import CheckResult, MonitorStats, RollupDay, RollupHour
from checks.services import days, recount, rollups, storage, store
from monitors import services as monitor_services
from monitors.models import Monitor
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    days.forget()


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    """Three hours of results in two regions, and a gap that stands for many slots."""
    monitor = make_monitor()
    rows = []
    for minute in range(0, 180, 5):
        slot = NOW - timedelta(minutes=minute)
        outcome = Outcome.DOWN if minute % 35 == 0 else Outcome.UP
        rows += [result(monitor, slot, 10.0 + minute * 3.7, outcome, region) for region in ("usa", "india")]
    store_all(rows, now=NOW)
    store_all([result(monitor, NOW - timedelta(hours=5), None, Outcome.UNKNOWN, slots=60)], now=NOW)
    rollups.close(now=NOW + timedelta(days=1))
    return monitor


def wrong() -> list[recount.Difference]:
    return list(recount.differences(TODAY, now=NOW))


def figures() -> list[dict[str, object]]:
    fields = ["bucket", *(name for name in rollups.FIGURES if name != "sum_ms")]
    hours = RollupHour.objects.order_by("monitor", "region", "bucket").values(*fields)
    return [dict(row) for row in [*hours, *RollupDay.objects.order_by("monitor", "region", "bucket").values(*fields)]]


def test_what_is_folded_is_what_a_recount_finds(monitor: Monitor) -> None:
    assert wrong() == []
    assert RollupDay.objects.get(region="usa").unknown == 60


@pytest.mark.parametrize("span", [RollupHour, RollupDay])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("up", F("up") + 1),
        ("unknown", F("unknown") + 7),
        ("timed", F("timed") - 1),
        ("sum_ms", F("sum_ms") * 1.001),
        ("min_ms", 0.5),
        ("max_ms", None),
        ("histogram", b"\x05\x01\x03"),
    ],
)
def test_every_wrong_figure_is_found_and_mended(
    monitor: Monitor, span: type[RollupHour | RollupDay], field: str, change: object
) -> None:
    before = figures()
    one = span.objects.order_by("region", "bucket").last()
    assert one is not None
    span.objects.filter(pk=one.pk).update(**{field: change})
    (found,) = wrong()
    assert (found.fields, found.bucket, found.region) == ([field], one.bucket, one.region)
    assert f"{field} is" in str(found)
    assert recount.rebuild(TODAY, now=NOW) == [found]
    assert wrong() == []
    assert figures() == before


def test_a_missing_rollup_is_made_and_one_without_raw_rows_goes(monitor: Monitor) -> None:
    before = figures()
    RollupDay.objects.filter(region="usa").delete()
    RollupHour.objects.filter(region="india").first().delete()  # type: ignore[union-attr]
    RollupHour.objects.create(monitor=monitor, region="usa", bucket=days.start_of(TODAY) + timedelta(hours=20), up=3)
    assert sorted(str(each).partition(": ")[2] for each in wrong()) == ["has no raw rows", "is missing", "is missing"]
    recount.rebuild(TODAY, now=NOW)
    assert wrong() == []
    assert figures() == before


def test_mending_has_the_windows_computed_anew(monitor: Monitor) -> None:
    MonitorStats.objects.update_or_create(monitor=monitor, defaults={"fresh": True})
    RollupDay.objects.update(up=0)
    recount.rebuild(TODAY, now=NOW)
    assert not MonitorStats.objects.get(monitor=monitor).fresh


def test_only_the_chosen_monitor_is_looked_at(monitor: Monitor, make_monitor: MakeMonitor) -> None:
    other = make_monitor()
    store_all([result(other, NOW)], now=NOW + timedelta(days=1))
    RollupDay.objects.update(up=99)
    assert {each.monitor for each in recount.differences(TODAY, monitor=other.pk, now=NOW)} == {other.pk}
    recount.rebuild(TODAY, monitor=other.pk, now=NOW)
    assert {each.monitor for each in wrong()} == {monitor.pk}


def test_hours_that_the_owner_had_removed_keep_their_sums(monitor: Monitor) -> None:
    before = figures()
    storage.delete_results(monitor, older_than_days=1, now=NOW + timedelta(days=1, hours=-1))
    assert CheckResult.objects.filter(monitor=monitor, slot__lt=NOW - timedelta(hours=1, minutes=30)).count() == 0
    assert CheckResult.objects.filter(monitor=monitor).exists()
    assert recount.rebuild(TODAY, now=NOW) == []
    assert figures() == before


def test_days_to_come_are_not_recounted(monitor: Monitor) -> None:
    days.make_ahead(now=NOW)
    assert recount.raw_days(now=NOW)[-1] == TODAY


def test_dropped_days_and_pruned_hours_are_no_difference(monitor: Monitor, settings: Settings) -> None:
    settings.ROLLUP_HOURS_MONTHS = 1
    later = NOW + timedelta(days=60)
    storage.prune_hours(now=later, months=1)
    assert not RollupHour.objects.exists()
    assert list(recount.differences(TODAY, now=later)) == []
    storage.drop_old(now=later, retention_days=30)
    assert TODAY not in recount.raw_days(now=later)
    assert RollupDay.objects.count() == 2


def test_raw_rows_of_a_deleted_monitor_are_nobodys(monitor: Monitor) -> None:
    monitor_services.delete_monitor(monitor)
    assert CheckResult.objects.exists()
    assert wrong() == []


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_loses_nothing_that_comes_in_meanwhile(monitor: Monitor) -> None:
    """Two ingesters store late results as fast as they can while the same rollups are broken and mended again."""
    stop, stored = threading.Event(), {"usa": 0, "india": 0}

    def ingest(region: str) -> None:
        try:
            while not stop.is_set():
                store_all([result(monitor, NOW + timedelta(seconds=stored[region] + 1), region=region)], now=NOW)
                stored[region] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        ingesters = [pool.submit(ingest, region) for region in stored]
        rebuilt = 0
        try:
            while rebuilt < 15 or min(stored.values()) <= 5:
                rebuilt += 1
                assert not any(ingester.done() for ingester in ingesters)
                with transaction.atomic():
                    store.lock_monitors([monitor.pk])
                    RollupHour.objects.filter(bucket__gte=NOW - timedelta(hours=1)).update(up=F("up") + 9_000)
                    RollupDay.objects.update(timed=0, histogram=b"")
                assert recount.rebuild(TODAY, now=NOW)
        finally:
            stop.set()
        for ingester in ingesters:
            ingester.result()
    assert wrong() == []
    assert CheckResult.objects.count() == sum(stored.values()) + 73
