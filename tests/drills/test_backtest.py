"""The past under another policy: replayed as it was, compared with what would have been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import CheckResult
from checks.services import store
from drills import backtest
from drills.backtest import Backtest
from drills.comparison import Change
from incidents import services as incidents
from incidents.handling import outages
from incidents.models import Incident, IncidentEvent, RegionState, StatusChange
from incidents.rules import Observation
from incidents.rules.replay import Arrival, Replay, Telling, Work, replay
from monitors.models import Monitor
from monitors.rules import Policy, Status
from monitors.services import create_monitor, pause
from tests.conftest import MakeMonitor
from tests.incidents.test_replay import NOW, STALE_AFTER, arrivals, live, marks, moments, policies, strips_of

Api = Callable[..., APIClient]


def watched(make_monitor: MakeMonitor, began: datetime, policy: Policy) -> Monitor:
    monitor = make_monitor(policy=policy.as_dict())
    Monitor.objects.filter(pk=monitor.pk).update(status=Status.PENDING, status_since=began, created_at=began)
    monitor.refresh_from_db()
    return monitor


def happened(monitor: Monitor, usa: str, india: str) -> None:
    """The results are stored and judged as reports are, each at its time; between them the server looks for silence."""
    began = monitor.created_at
    story = Replay(monitor.rules, ["usa", "india"], monitor.stale_after, began)
    for now, together in moments(arrivals({"usa": usa, "india": india}, began=began), story, began):
        if together:
            results = [_result(monitor, one, at=now) for one in together]
            store.record(results, monitors=store.lock_monitors([monitor.pk]), now=now)
        else:
            live(monitor, [], now=now)


def _result(monitor: Monitor, seen: Observation, *, at: datetime) -> store.NewResult:
    return store.NewResult(
        monitor=monitor.pk,
        region=seen.region,
        slot=seen.slot,
        checked_at=at,
        outcome=seen.outcome,
        reason=seen.reason,
        message=seen.message,
    )


def replayed(monitor: Monitor, days: int = 1, **policy: Any) -> Backtest:
    monitor.refresh_from_db()
    return backtest.run(monitor, policy=monitor.policy | policy, days=days)


def three_hours_ago() -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(hours=3)


@pytest.mark.django_db
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(usa=marks, india=marks, policy=policies)
@example(usa="..xx" * 8, india="..xx" * 8, policy=Policy(flapping=2, flapping_s=300))
@example(usa="..xxx...", india="..xxx...", policy=Policy(alert_after_s=60))
def test_the_present_policy_gives_what_was_recorded(
    make_monitor: MakeMonitor, usa: str, india: str, policy: Policy
) -> None:
    for model in (IncidentEvent, Incident, StatusChange, RegionState, Monitor):
        model.objects.all().delete()
    monitor = watched(make_monitor, three_hours_ago(), policy)
    happened(monitor, usa, india)
    found = replayed(monitor)
    assert found.differences == []
    assert found.present == found.recorded == found.proposed
    assert {effect.change for effect in found.effects} <= {Change.SAME}
    assert len(found.recorded) == Incident.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("usa", "india", "policy", "changes"),
    [
        ("..xxx...", "..xxx...", {}, [Change.SAME]),
        ("..xxx...", "........", {"quorum": 1}, [Change.RAISED]),
        ("..xxx...", "..xxx...", {"confirmations": 3}, [Change.DELAYED]),
        ("..xx....", "..xx....", {"confirmations": 3}, [Change.MISSED]),
        ("..xxx...", "..xxx...", {"confirmations": 1}, [Change.EARLIER]),
        ("..x.....", "..x.....", {"confirmations": 1}, [Change.RAISED]),
        ("..xxx...", "..xxx...", {"alert_after_s": 120}, [Change.DELAYED]),
        ("..xx....", "..xx....", {"alert_after_s": 600}, [Change.MISSED]),
        ("..~~....", "..~~....", {"degraded_counts": True}, [Change.RAISED]),
        ("........", "........", {"confirmations": 1}, []),
    ],
)
def test_what_another_policy_would_have_changed(
    make_monitor: MakeMonitor, usa: str, india: str, policy: dict[str, Any], changes: list[Change]
) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, usa, india)
    found = replayed(monitor, **policy)
    assert [effect.change for effect in found.effects] == changes
    assert found.differences == []
    for effect in found.effects:
        if effect.change is Change.DELAYED:
            assert effect.later_s is not None
            assert effect.later_s > 0


@pytest.mark.django_db
def test_what_a_person_closed_is_said_to_be_that(make_monitor: MakeMonitor, owner: User) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..xxxxxxxx", "..xxxxxxxx")
    incident = Incident.objects.get()
    outages.resolve_by_hand(incident, actor=owner, now=incident.confirmed_at + timedelta(minutes=2))
    [difference] = replayed(monitor).differences
    assert difference.what == "another end"
    assert difference.why == "a person closed it before it was over"


@pytest.mark.django_db
def test_what_a_pause_ended_is_said_to_be_that(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..xxxxxxxx", "..xxxxxxxx")
    pause(monitor)
    incidents.close_paused(now=timezone.now() - timedelta(hours=2))
    [difference] = replayed(monitor).differences
    assert (difference.what, difference.why) == ("another end", "the monitor was paused")


@pytest.mark.django_db
def test_what_was_decided_by_a_policy_that_nobody_can_read_is_still_told(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..xxx....", "..xxx....")
    StatusChange.objects.update(policy={"of": "another time"})
    found = replayed(monitor)
    assert found.differences == []
    assert len(found.recorded) == 1


@pytest.mark.django_db
def test_what_is_not_stored_any_more_is_said_to_be_missing(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..xxx....", "..xxx....")
    CheckResult.objects.filter(monitor=monitor).delete()
    found = replayed(monitor)
    assert found.results == 0
    [difference] = found.differences
    assert (difference.what, difference.why) == ("only in the record", "its results are not stored any more")


@pytest.mark.django_db
def test_what_another_policy_decided_is_said_to_be_that(make_monitor: MakeMonitor) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy(quorum=1))
    happened(monitor, "..xxx....", ".........")
    Monitor.objects.update(policy=Policy().as_dict())
    [difference] = replayed(monitor).differences
    assert difference.why == "it was decided by another policy"


@pytest.mark.django_db
def test_planned_work_is_replayed_as_such(make_monitor: MakeMonitor) -> None:
    """What fails still when the work ends is an outage from there on, in the replay as in the record."""
    began = three_hours_ago()
    monitor = watched(make_monitor, began, Policy())
    told = arrivals({"usa": "..xxxxx..", "india": "..xxxxx.."}, began=began)
    work = Work(began + timedelta(seconds=95), began + timedelta(seconds=275))
    edges = [(edge, None) for edge in (work.since, work.until) if edge]
    for now, one in sorted([*edges, *((each.at, each.seen) for each in told)], key=lambda step: step[0]):
        if one is None:
            until = work.until if work.covers(now) else None
            Monitor.objects.filter(pk=monitor.pk).update(maintenance_until=until)
            live(monitor, [], now=now)
        else:
            store.record([_result(monitor, one, at=now)], monitors=store.lock_monitors([monitor.pk]), now=now)
    assert Incident.objects.get().confirmed_at == work.until
    found = replayed(monitor)
    assert found.differences == []
    assert len(found.present) == 1


@given(strips=strips_of, policy=policies, work=st.none() | st.tuples(st.integers(0, 800), st.integers(1, 900)))
def test_told_one_by_one_it_is_the_same_story(
    strips: dict[str, str], policy: Policy, work: tuple[int, int] | None
) -> None:
    """Skipping what is steady, and looking only when something may have changed, changes nothing."""
    works = (Work(NOW + timedelta(seconds=work[0]), NOW + timedelta(seconds=sum(work))),) if work else ()
    until = NOW + timedelta(hours=1)
    slow = Replay(policy, sorted(strips), STALE_AFTER, NOW, works=works)
    again = [Arrival(each.at + timedelta(seconds=95), each.seen) for each in arrivals(strips)[::2]]
    told = sorted([*arrivals(strips), *again], key=lambda each: each.at)
    moments(told, slow, NOW)
    quick = Telling(Replay(policy, sorted(strips), STALE_AFTER, NOW, works=works))
    for arrival in told:
        quick.hear(arrival)
    quick.wait(until=until)
    assert quick.story.incidents == slow.incidents
    assert quick.story.status == slow.status
    assert quick.story.states == slow.states
    if not works:
        options: dict[str, Any] = {"regions": sorted(strips), "stale_after": STALE_AFTER, "began": NOW, "until": until}
        assert replay(told, policy, **options) == quick.story.incidents


@given(late=st.lists(st.integers(-100, 4_000), max_size=60))
def test_results_are_told_in_the_order_in_which_they_came_home(late: list[int]) -> None:
    slots = [NOW + timedelta(seconds=30 * place) for place in range(len(late))]
    seen = [each.seen for each in arrivals({"a": "."})] * len(late)
    told = [(slot, Arrival(slot + timedelta(seconds=by), one)) for slot, by, one in zip(slots, late, seen, strict=True)]
    ordered = list(backtest.in_order(told))
    assert len(ordered) == len(told)
    assert all(one.at <= other.at for one, other in pairwise(ordered))


@pytest.mark.django_db
def test_the_api(make_monitor: MakeMonitor, viewer: User, stranger: User, api: Api) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..xxx...", "........")
    path = f"/api/monitor/{monitor.pk}/backtest"
    answer = api(viewer).post(path, {"policy": {"quorum": 1}, "days": 7})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["same_as_recorded"] is True
    assert body["results"] == 16
    assert [effect["change"] for effect in body["effects"]] == ["raised"]
    assert body["effects"][0]["proposed"]["told_at"]
    assert api(viewer).post(path, {"policy": {"quorum": 0}}).status_code == 400
    assert api(viewer).post(path, {"policy": {}, "days": 31}).status_code == 400
    assert api(viewer).post(path, {}).status_code == 400
    assert api(stranger).post(path, {"policy": {}}).status_code == 404
    assert not Incident.objects.exists()


@pytest.mark.django_db
def test_too_much_at_once_is_refused(make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = watched(make_monitor, three_hours_ago(), Policy())
    happened(monitor, "..x", "...")
    monkeypatch.setattr(backtest, "TIME_LIMIT_S", -1.0)
    monkeypatch.setattr(backtest, "LOOK_AT_CLOCK_EVERY", 1)
    with pytest.raises(ValidationError, match="ask for fewer"):
        replayed(monitor)


@pytest.mark.django_db
def test_a_heartbeat_has_nothing_to_replay(owner: User, regions: list[str]) -> None:
    job = create_monitor(team=owner.memberships.get().team, kind="heartbeat", spec={"period": 3600})
    with pytest.raises(ValidationError, match="heartbeat"):
        replayed(job)
