"""A region whose workers are gone: noticed once, asked nothing, written down, and taken back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from checks.models import CheckBatch, CheckResult
from checks.services import dispatch, watch
from incidents.models import IncidentEvent
from monitors import rules
from monitors import services as monitor_services
from monitors.models import Monitor, Region, RegionEvent
from probes.contract import Outcome
from tests.checks.road import answer_all, status_of
from tests.conftest import MakeMonitor
from tests.regions.road import begin, handed_out_to, live, run

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # an hour before the clocks of Europe change


@pytest.mark.parametrize(
    ("was_offline", "sign_s", "watched_s", "offline"),
    [
        (False, 10, 3600, False),
        (False, 60, 3600, False),
        (False, 61, 3600, True),
        (False, 600, 30, False),  # we have only just begun to listen
        (False, None, 30, False),
        (False, None, 61, True),  # never heard of at all
        (True, 61, 30, True),  # our own break does not bring it back
        (True, 10, 30, False),
        (True, -5, 30, False),  # its sign is newer than the tick
    ],
)
def test_when_a_region_counts_as_gone(was_offline: bool, sign_s: int | None, watched_s: int, offline: bool) -> None:
    found = rules.is_offline(
        was_offline=was_offline,
        last_sign=None if sign_s is None else NOW - timedelta(seconds=sign_s),
        watched_since=NOW - timedelta(seconds=watched_s),
        now=NOW,
    )
    assert found is offline


def events() -> list[tuple[str, str]]:
    return list(RegionEvent.objects.order_by("id").values_list("region", "kind"))


def watched(make_monitor: MakeMonitor, **fields: object) -> Monitor:
    monitor = make_monitor(**fields)
    Monitor.objects.filter(pk=monitor.pk).update(created_at=NOW - timedelta(days=1), status="up")
    monitor.refresh_from_db()
    return monitor


def test_operators_get_one_event_when_it_goes_and_one_when_it_comes_back(regions: list[str]) -> None:
    begin(NOW, living="usa india")
    now = run(since=NOW, seconds=60, living="india")
    assert events() == []
    now = run(since=now, seconds=300, living="india")
    assert events() == [("usa", "offline")]
    assert Region.objects.get(pk="usa").offline_since == NOW
    now = run(since=now, seconds=60, living="usa india")
    assert events() == [("usa", "offline"), ("usa", "online")]
    away_s = int(re.findall(r"after (\d+) s", RegionEvent.objects.get(kind="online").note)[0])
    assert 360 <= away_s <= 370, "it tells how long nobody was heard, from the last sign on"
    told = IncidentEvent.objects.unplanned().filter(team=None).values_list("kind", "region")
    assert list(told) == [("region_offline", "usa"), ("region_online", "usa")]
    assert not Region.objects.exclude(offline_since=None).exists()


def test_our_own_break_is_not_taken_for_theirs(regions: list[str]) -> None:
    begin(NOW, living="usa india")
    later = NOW + timedelta(minutes=10)
    dispatch.dispatch(now=later)
    now = run(since=later, seconds=50)
    assert events() == []
    run(since=now, seconds=20)
    assert sorted(events()) == [("india", "offline"), ("usa", "offline")]


def test_results_count_as_a_sign_of_life(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor)
    Monitor.objects.filter(pk=monitor.pk).update(interval=10, phase=0)
    begin(NOW, living="usa india")
    now = NOW
    for _ in range(12):
        now = run(since=now, seconds=10)
        answer_all_of("usa")
    assert events() == [("india", "offline")]


def answer_all_of(region: str) -> None:
    """As if every batch of the region had come home."""
    CheckBatch.objects.filter(region=region).update(stored=1, state=CheckBatch.State.DONE)


def test_nothing_is_sent_to_a_region_that_is_gone_and_what_it_missed_is_written_down(
    make_monitor: MakeMonitor,
) -> None:
    monitor = watched(make_monitor, regions=["usa"])
    begin(NOW, living="usa india")
    now = run(since=NOW, seconds=70, living="india")
    assert events() == [("usa", "offline")]
    sent = CheckBatch.objects.filter(region="usa").count()
    now = run(since=now, seconds=4 * 3600, living="india", every=300)  # across the change of the clocks
    assert CheckBatch.objects.filter(region="usa").count() == sent
    hours = CheckResult.objects.filter(monitor=monitor)
    assert {(row.outcome, row.reason) for row in hours} == {("unknown", "scheduler_gap")}
    assert all("no worker of region usa was there" in row.message for row in hours)
    assert hours.count() == 4
    now = run(since=now, seconds=60, living="usa india")
    offline_since = NOW + timedelta(seconds=60)
    missed = sum(row.slots for row in CheckResult.objects.filter(monitor=monitor))
    after, until = (int(handed_out_to(moment).timestamp()) for moment in (offline_since, now))
    due = rules.slots_between(phase=monitor.phase, turn=0, interval=60, after=after, until=until)
    handed_out = sum(len(batch.check_ids) for batch in CheckBatch.objects.filter(created_at__gt=offline_since))
    assert missed + handed_out == len(due)
    assert handed_out == 1


def test_its_monitors_say_so_also_those_that_are_checked_once_a_day(make_monitor: MakeMonitor) -> None:
    now = timezone.now()
    monitor = make_monitor(wanted=True, interval=86_400)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    assert status_of(monitor) == "up"
    begin(now, living="usa india")
    Region.objects.filter(pk="usa").update(offline_since=now)
    watch.judge_again("usa", now=now)
    assert status_of(monitor) == "unknown"
    assert monitor.status_reason == "usa: region_offline"


def test_a_person_who_asks_is_answered_by_the_others(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    Region.objects.filter(pk="usa").update(offline_since=timezone.now())
    dispatch.dispatch_wanted()
    assert [batch.region for batch in CheckBatch.objects.all()] == ["india"]
    monitor.refresh_from_db()
    assert monitor.wanted_at is None


def test_a_drained_region_gets_nothing_and_owes_nothing(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor)
    begin(NOW, living="usa india")
    monitor_services.drain_region("usa")
    Region.objects.update(watched_since=NOW)
    now = run(since=NOW, seconds=600, living="india")
    assert set(CheckBatch.objects.values_list("region", flat=True)) == {"india"}
    monitor_services.enable_region("usa")
    live("usa", at=now)
    run(since=now, seconds=60, living="usa india")
    assert CheckBatch.objects.filter(region="usa").count() == 1
    assert not CheckResult.objects.filter(monitor=monitor, region="usa").exists()
    assert events() == []


def test_what_was_missed_before_it_was_drained_is_still_written_down(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor, regions=["usa"])
    begin(NOW, living="usa india")
    now = run(since=NOW, seconds=300, living="india")
    monitor_services.drain_region("usa")
    run(since=now, seconds=60, living="india")
    assert sum(row.slots for row in CheckResult.objects.filter(monitor=monitor)) in {3, 4, 5}
