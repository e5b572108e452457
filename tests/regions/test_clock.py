"""Clocks that jump, days that are special, settings that change between two ticks."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from pytest_django import Settings

from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult, Watermark
from checks.services import dispatch, ledger
from monitors import services as monitor_services
from monitors.models import Monitor
from probes import names
from tests.conftest import MakeMonitor
from tests.regions.road import begin, handed_out_to, live, run

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)


def old(make_monitor: MakeMonitor, **fields: object) -> Monitor:
    """A monitor in one region that has long been watched and is up."""
    monitor = make_monitor(**{"regions": ["usa"], **fields})
    Monitor.objects.filter(pk=monitor.pk).update(created_at=NOW - timedelta(days=900), status="up")
    monitor.refresh_from_db()
    return monitor


def slots(monitor: Monitor) -> list[int]:
    """The slots handed out so far, in the order of time."""
    ids = [CheckId.parse(item) for batch in CheckBatch.objects.all() for item in batch.check_ids]
    return sorted(check.slot for check in ids if check.monitor == monitor.pk)


def steps(handed_out: list[int]) -> set[int]:
    return {later - earlier for earlier, later in itertools.pairwise(handed_out)}


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 29, 0, 58, tzinfo=UTC),  # Europe's clocks go forward
        datetime(2026, 10, 25, 0, 58, tzinfo=UTC),  # and back
        datetime(2028, 2, 28, 23, 58, tzinfo=UTC),  # a leap day begins
        datetime(2028, 2, 29, 23, 58, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 58, tzinfo=UTC),
    ],
)
def test_special_moments_are_like_any_other(make_monitor: MakeMonitor, moment: datetime) -> None:
    monitor = old(make_monitor)
    begin(moment, living="usa india")
    run(since=moment, seconds=300, living="usa india", every=10)
    assert len(slots(monitor)) == 5
    assert steps(slots(monitor)) == {60}
    assert not CheckResult.objects.exists()


def test_a_clock_set_back_by_minutes_hands_out_nothing_twice(make_monitor: MakeMonitor) -> None:
    monitor = old(make_monitor)
    begin(NOW, living="usa india")
    run(since=NOW, seconds=300, living="usa india", every=10)
    before = slots(monitor)
    now = run(since=NOW, seconds=300, living="usa india", every=10)  # the same five minutes again
    assert slots(monitor) == before
    run(since=now, seconds=120, living="usa india", every=10)
    assert steps(slots(monitor)) == {60}
    assert not CheckResult.objects.exists()


def test_a_clock_that_was_hours_ahead_and_comes_back_stops_nothing(make_monitor: MakeMonitor) -> None:
    monitor = old(make_monitor)
    begin(NOW, living="usa india")
    now = run(since=NOW, seconds=60, living="usa india", every=10)
    before = len(slots(monitor))
    live("usa", "india", at=now + timedelta(hours=3))
    dispatch.dispatch(now=now + timedelta(hours=3))
    assert len(slots(monitor)) <= before + 1  # at most one check is made up for
    ahead = CheckResult.objects.filter(monitor=monitor)
    assert {row.reason for row in ahead} == {"scheduler_gap"}
    run(since=now, seconds=180, living="usa india", every=10)
    begun_anew = now.timestamp() + 10
    assert len([slot for slot in slots(monitor) if begun_anew < slot <= begun_anew + 170]) in {2, 3}
    assert not Monitor.objects.filter(status="down").exists()


def test_a_batch_from_before_a_jump_is_settled(make_monitor: MakeMonitor) -> None:
    monitor = old(make_monitor)
    begin(NOW, living="usa india")
    run(since=NOW, seconds=60, living="usa india", every=10)
    ledger.sweep(now=NOW - timedelta(minutes=5))
    assert CheckBatch.objects.filter(state="open").count() == 1
    ledger.sweep(now=NOW + timedelta(hours=5))
    assert {(row.outcome, row.reason) for row in CheckResult.objects.filter(monitor=monitor)} == {("unknown", "late")}


@pytest.mark.parametrize(("interval", "due"), [(10, 60), (17, 35), (90, 6), (3600, 0), (86_400, 0)])
def test_any_interval_from_ten_seconds_to_a_day(
    make_monitor: MakeMonitor, settings: Settings, interval: int, due: int
) -> None:
    settings.MONITOR_MIN_INTERVAL_SECONDS = 10
    monitor = old(make_monitor, interval=interval, timeout=5)
    begin(NOW, living="usa india")
    run(since=NOW, seconds=600, living="usa india", every=5)
    assert len(slots(monitor)) in {due, due + 1}
    assert steps(slots(monitor)) <= {interval}


def test_changes_take_effect_at_the_next_tick(make_monitor: MakeMonitor) -> None:
    monitor = old(make_monitor, interval=300)
    begin(NOW, living="usa india")
    now = run(since=NOW, seconds=10, living="usa india")
    monitor_services.update_monitor(monitor, interval=60)
    now = run(since=now, seconds=180, living="usa india")
    assert len([slot for slot in slots(monitor) if slot > NOW.timestamp() + 10]) == 3
    monitor_services.update_monitor(monitor, regions=["india"])
    CheckBatch.objects.all().delete()
    now = run(since=now, seconds=60, living="usa india")
    assert set(CheckBatch.objects.values_list("region", flat=True)) == {"india"}
    monitor_services.pause(monitor)
    CheckBatch.objects.all().delete()
    run(since=now, seconds=120, living="usa india")
    assert slots(monitor) == []
    assert not CheckResult.objects.exists()


def test_a_day_that_nobody_handed_out_is_caught_up_with_in_one_tick_on_a_small_box(make_monitor: MakeMonitor) -> None:
    monitor = old(make_monitor)
    begin(NOW - timedelta(hours=26), living="usa india")
    dispatch.dispatch(now=NOW)
    assert Watermark.objects.get(region_id="usa").at == handed_out_to(NOW)
    rows = CheckResult.objects.filter(monitor=monitor)
    assert rows.count() in {26, 27, 28}  # one for each hour touched
    assert sum(row.slots for row in rows) + len(slots(monitor)) == 26 * 60


def test_checks_are_handed_out_ahead_and_told_their_second(
    make_monitor: MakeMonitor, django_capture_on_commit_callbacks: Any
) -> None:
    monitor = old(make_monitor, interval=60)
    begin(NOW, living="usa india")
    slot = int(NOW.timestamp()) + dispatch.AHEAD_S + 1
    Monitor.objects.filter(pk=monitor.pk).update(phase=slot % 60)
    dispatch.dispatch(now=NOW)
    assert slots(monitor) == []
    with current_app.connection_for_read() as broker, broker.SimpleQueue(names.region_queue("usa")) as queue:
        queue.clear()
        with django_capture_on_commit_callbacks(execute=True):
            dispatch.dispatch(now=NOW + timedelta(seconds=1))
        message = queue.get(timeout=5)
        message.ack()
    assert slots(monitor) == [slot]
    batch = message.payload[0][0]
    assert [check["not_before"] for check in batch["checks"]] == [slot]
