"""What is down for long is checked less often, and as often as before once it may be back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import CheckBatch, CheckResult, Watermark
from checks.services import dispatch, pace
from incidents import services as incidents
from incidents.models import Incident, RegionState, StatusChange
from monitors import rules
from monitors import services as monitor_services
from monitors.models import Monitor
from probes.contract import Outcome
from tests.checks.road import answer_all, open_batches, status_of
from tests.conftest import MakeMonitor
from tests.regions.road import begin, run

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


@pytest.mark.parametrize(
    ("interval", "hours", "slowed"),
    [
        (60, 23.9, None),
        (60, 24, 120),
        (60, 47.9, 120),
        (60, 48, 240),
        (60, 72, 480),
        (60, 24 * 6, 3600),  # 32 minutes, then the hour
        (60, 24 * 400, 3600),
        (10, 24 * 400, 3600),
        (70, 24 * 400, 3570),  # a multiple of its own, so that its second stays the same
        (1800, 24, 3600),
        (2400, 48, None),  # twice would be less often than hourly
        (3600, 24 * 9, None),
        (86_400, 24 * 9, None),
    ],
)
def test_steps(interval: int, hours: float, slowed: int | None) -> None:
    assert rules.slowed_interval(interval, down_for=timedelta(hours=hours), after_hours=24) == slowed


def test_zero_hours_switch_it_off() -> None:
    assert rules.slowed_interval(60, down_for=timedelta(days=9), after_hours=0) is None


@pytest.fixture
def broken(make_monitor: MakeMonitor) -> Monitor:
    """A monitor that both regions found down, and that has been so for two days and an hour."""
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    assert status_of(monitor) == "down"
    Monitor.objects.filter(pk=monitor.pk).update(status_since=timezone.now() - timedelta(hours=49))
    monitor.refresh_from_db()
    return monitor


def test_it_is_slowed_down_without_a_new_configuration(broken: Monitor, api: Api, owner: User) -> None:
    pace.review(now=timezone.now())
    shown = api(owner).get(f"/api/monitor/{broken.pk}").json()
    assert (shown["interval"], shown["effective_interval"]) == (60, 240)
    before = broken.config_version, broken.phase
    broken.refresh_from_db()
    assert (broken.config_version, broken.phase) == before
    assert broken.stale_after == timedelta(seconds=2 * 240 + 10 + 10)


def test_a_young_outage_and_a_monitor_that_is_well_somewhere_keep_their_interval(broken: Monitor) -> None:
    RegionState.objects.filter(monitor=broken, region="india").update(outcome="up")
    pace.review(now=timezone.now())
    broken.refresh_from_db()
    assert broken.effective_interval == 60


def test_the_setting_switches_it_off_for_those_that_are_slowed_already(broken: Monitor, settings: Settings) -> None:
    pace.review(now=timezone.now())
    settings.DOWN_BACKOFF_AFTER_HOURS = 0
    pace.review(now=timezone.now())
    broken.refresh_from_db()
    assert broken.effective_interval == 60


def test_its_slots_follow_the_slower_timetable_without_gaps_or_doubles(broken: Monitor) -> None:
    at = datetime(2026, 2, 28, 23, 50, tzinfo=UTC)  # over the end of a February
    Monitor.objects.filter(pk=broken.pk).update(created_at=at, status_since=at - timedelta(hours=30), regions=["usa"])
    RegionState.objects.filter(monitor=broken).update(slot=at)
    CheckBatch.objects.all().delete()
    begin(at, living="usa india")
    now = run(since=at, seconds=1200, living="usa india", every=10)
    slots = sorted(int(item.split("/")[1]) for batch in open_batches() for item in batch.check_ids)
    assert len(slots) == len(set(slots))
    steps = {later - earlier for earlier, later in itertools.pairwise(slots)}
    assert steps == {120}
    assert now.timestamp() - slots[-1] < 120
    assert not CheckResult.objects.filter(monitor=broken, reason="scheduler_gap").exists()


def test_the_first_success_takes_it_back_and_all_regions_look(broken: Monitor) -> None:
    pace.review(now=timezone.now())
    monitor_services.request_checks_of([broken.pk])
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP, region="usa", rounds=1)
    changes = StatusChange.objects.count()
    now = timezone.now()
    pace.review(now=now)
    broken.refresh_from_db()
    assert (broken.effective_interval, broken.wanted_at is not None) == (60, True)
    later = now + timedelta(minutes=3)  # by its own interval the other region's word would be too old
    RegionState.objects.filter(monitor=broken).update(slot=now)
    incidents.notice_silence(regions={"usa", "india"}, now=later)
    assert StatusChange.objects.count() == changes
    pace.review(now=later)
    broken.refresh_from_db()
    assert broken.stale_after == timedelta(seconds=140)
    assert Incident.objects.open().count() == 1


@pytest.mark.parametrize("by_hand", ["check", "edit"])
def test_a_person_takes_it_back_for_another_day(broken: Monitor, api: Api, owner: User, by_hand: str) -> None:
    pace.review(now=timezone.now())
    if by_hand == "check":
        api(owner).post(f"/api/monitor/{broken.pk}/check")
    else:
        api(owner).patch(f"/api/monitor/{broken.pk}", {"timeout": 11})
    shown = api(owner).get(f"/api/monitor/{broken.pk}").json()
    assert shown["effective_interval"] == 60
    pace.review(now=timezone.now() + timedelta(hours=23))
    assert Monitor.objects.get(pk=broken.pk).effective_interval == 60
    pace.review(now=timezone.now() + timedelta(hours=25))
    assert Monitor.objects.get(pk=broken.pk).effective_interval == 120


def test_a_pause_ends_it(broken: Monitor) -> None:
    pace.review(now=timezone.now())
    monitor_services.resume(monitor_services.pause(broken))
    broken.refresh_from_db()
    assert (broken.effective_interval, broken.stale_after) == (60, timedelta(seconds=140))
    assert Watermark.objects.count() == 0
