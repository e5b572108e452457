"""Handing out checks: everything due once, whoever rings and however often."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult, Hour, Watermark
from checks.services import dispatch
from monitors import rules
from monitors import services as monitor_services
from monitors.models import Monitor
from tests.checks.road import open_batches
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


def set_watermarks(seconds_ago: int) -> None:
    """As if the last tick was that long ago."""
    at = timezone.now() - timedelta(seconds=seconds_ago)
    for region in ("usa", "india"):
        Watermark.objects.update_or_create(region_id=region, defaults={"at": at})


def handed_out_until(region: str) -> int:
    return int(Watermark.objects.get(region_id=region).at.timestamp())


def handed_out() -> list[tuple[str, CheckId]]:
    return sorted((batch.region, CheckId.parse(item)) for batch in open_batches() for item in batch.check_ids)


def test_every_monitor_is_due_once_in_every_region_per_interval(make_monitor: MakeMonitor) -> None:
    monitors = [make_monitor() for _ in range(20)]
    set_watermarks(0)
    start = Watermark.objects.get(region_id="usa").at
    for second in range(0, 61, 7):
        Watermark.objects.update(at=start - timedelta(seconds=second))
    # One window of exactly one interval, whose older half is still worth a check within 30 s.
    set_watermarks(30)
    dispatch.dispatch()
    due = handed_out()
    assert len(due) == len({(region, check.monitor) for region, check in due})
    expected = {
        (region, monitor.pk)
        for monitor in monitors
        for region, turn in (("usa", 0), ("india", 30))
        if _has_slot(monitor, region, turn, 30)
    }
    assert {(region, check.monitor) for region, check in due} == expected


def _has_slot(monitor: Monitor, region: str, turn: int, seconds: int) -> bool:
    until = handed_out_until(region)
    return any((second - monitor.phase - turn) % 60 == 0 for second in range(until - seconds + 1, until + 1))


def test_a_second_tick_hands_out_nothing_twice(make_monitor: MakeMonitor) -> None:
    for _ in range(30):
        make_monitor()
    set_watermarks(20)
    dispatch.dispatch()
    before = handed_out()
    dispatch.dispatch()
    after = handed_out()
    assert before
    assert set(before) <= set(after)
    assert len(after) == len(set(after))


def test_slots_of_a_long_gap_become_unknown_rows_and_at_most_one_check_is_made_up_for(
    make_monitor: MakeMonitor,
) -> None:
    monitor = make_monitor(regions=["usa"])
    Monitor.objects.filter(pk=monitor.pk).update(created_at=timezone.now() - timedelta(days=2))
    Monitor.objects.filter(pk=monitor.pk).update(status="up")
    set_watermarks(3 * 3600)
    since = handed_out_until("usa")
    dispatch.dispatch()
    due = rules.slots_between(phase=monitor.phase, turn=0, interval=60, after=since, until=handed_out_until("usa"))
    rows = list(CheckResult.objects.filter(monitor=monitor))
    assert {(row.outcome, row.reason) for row in rows} == {("unknown", "scheduler_gap")}
    assert len(rows) in {3, 4}  # one for each hour touched
    checks = [check for _, check in handed_out()]
    assert len(checks) <= 1
    assert sum(row.slots for row in rows) + len(checks) == len(due)
    assert sum(hour.unknown for hour in Hour.objects.filter(monitor=monitor)) == sum(row.slots for row in rows)
    monitor.refresh_from_db()
    assert monitor.status != "down"


def test_a_gap_before_its_time_does_not_concern_a_new_monitor(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    set_watermarks(3600)
    dispatch.dispatch()
    assert not CheckResult.objects.filter(monitor=monitor).exists()


def test_paused_monitors_and_disabled_regions_are_left_alone(make_monitor: MakeMonitor) -> None:
    monitor_services.pause(make_monitor())
    make_monitor(regions=["india"])
    monitor_services.sync_regions(["usa"])
    set_watermarks(25)
    dispatch.dispatch()
    dispatch.dispatch_wanted()
    assert handed_out() == []


def test_a_new_monitor_is_handed_out_at_once_in_every_region(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    assert dispatch.dispatch_wanted() == 1
    assert dispatch.dispatch_wanted() == 0
    assert {(batch.region, batch.lane) for batch in open_batches()} == {("usa", "now"), ("india", "now")}
    assert {check.monitor for _, check in handed_out()} == {monitor.pk}


def test_large_days_are_cut_into_batches(make_monitor: MakeMonitor) -> None:
    first = make_monitor(regions=["usa"])
    copies = [
        Monitor(team=first.team, name=f"m{i}", spec=first.spec, regions=["usa"], phase=i % 60) for i in range(600)
    ]
    Monitor.objects.bulk_create(copies)
    Monitor.objects.update(created_at=timezone.now() - timedelta(hours=1))
    set_watermarks(30)
    dispatch.dispatch()
    assert max(len(batch.check_ids) for batch in CheckBatch.objects.all()) <= 250


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_hand_out_the_same_as_one(make_monitor: MakeMonitor) -> None:
    for _ in range(40):
        make_monitor()
    set_watermarks(29)

    def tick() -> None:
        for _ in range(3):
            dispatch.dispatch()
        connections.close_all()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    due = handed_out()
    assert due
    assert len(due) == len(set(due))
    connection.close()
