"""The past under a policy: what is replayed is what happened, in whatever order and however often it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from incidents import selectors, services
from incidents.handling import outages
from incidents.models import Incident, IncidentEvent, RegionState, StatusChange
from incidents.rules import REGION_OFFLINE, Observation
from incidents.rules.replay import Absence, Arrival, Raised, Replay, replay
from monitors.models import Monitor
from monitors.rules import Policy, Status
from probes.contract import Outcome, Reason
from tests.conftest import MakeMonitor

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
STALE_AFTER = timedelta(seconds=140)
OUTCOMES = {".": Outcome.UP, "~": Outcome.DEGRADED, "x": Outcome.DOWN, "?": Outcome.UNKNOWN}


def seen(region: str, slot: datetime, mark: str) -> Observation:
    return Observation(region, slot, OUTCOMES[mark], Reason.TLS_TIMEOUT if mark != "." else None)


def arrivals(strips: dict[str, str], *, began: datetime = NOW) -> list[Arrival]:
    """A mark each minute, regions in turn; a result comes home a second after its slot, a space never."""
    found = []
    for turn, (region, strip) in enumerate(sorted(strips.items())):
        for place, mark in enumerate(strip):
            slot = began + timedelta(minutes=place, seconds=60 * turn // len(strips))
            if mark != " ":
                found.append(Arrival(slot + timedelta(seconds=1), seen(region, slot, mark)))
    return found


def raised(strips: dict[str, str], policy: Policy | None = None, absences: tuple[Absence, ...] = ()) -> list[Raised]:
    longest = max(len(strip) for strip in strips.values())
    return replay(
        arrivals(strips),
        policy or Policy(),
        regions=sorted(strips),
        stale_after=STALE_AFTER,
        began=NOW,
        until=NOW + timedelta(minutes=longest + 40),
        absences=absences,
    )


@pytest.mark.parametrize(
    ("a", "b", "policy", "count"),
    [
        ("......", "......", Policy(), 0),
        ("..xx..", "..xx..", Policy(), 1),
        ("..xx..", "......", Policy(), 0),
        ("..xx..", "......", Policy(quorum=1), 1),
        ("..x...", "..x...", Policy(), 0),
        ("..x...", "..x...", Policy(confirmations=1), 1),
        ("..~~..", "..~~..", Policy(), 0),
        ("..~~..", "..~~..", Policy(degraded_counts=True), 1),
        ("..xx..xx..", "..xx..xx..", Policy(), 2),
        ("..xx??xx..", "..xx??xx..", Policy(), 1),  # a gap does not end an incident
    ],
)
def test_what_a_policy_would_have_raised(a: str, b: str, policy: Policy, count: int) -> None:
    assert len(raised({"a": a, "b": b}, policy)) == count


def test_an_incident_is_dated_as_it_would_have_been() -> None:
    [incident] = raised({"a": "..xxx..", "b": "..xxx.."})
    assert incident.started_at == NOW + timedelta(minutes=2)
    assert incident.confirmed_at == NOW + timedelta(minutes=3, seconds=31)
    assert incident.resolved_at == NOW + timedelta(minutes=6, seconds=31)
    assert set(incident.cause) == {"a", "b"}


def test_many_changes_fold_into_one_incident_until_it_is_calm() -> None:
    strip = "..xx" * 8 + "." * 40
    found = raised({"a": strip, "b": strip})
    assert [incident.flapping for incident in found] == [False] * len(found)  # calm in the end
    assert len(found) == 4
    last = found[-1]
    assert last.resolved_at is not None
    assert last.recovered_at is not None
    assert last.resolved_at - last.recovered_at == timedelta(minutes=30)
    assert len(raised({"a": strip, "b": strip}, Policy(flapping=0))) == 8


def test_a_region_that_was_out_or_suspect_has_no_vote() -> None:
    strips = {"a": "..xxxx....", "b": "..xxxx...."}
    for why in (REGION_OFFLINE, Reason.REGION_SUSPECT):
        away = Absence("b", why, NOW + timedelta(minutes=1), NOW + timedelta(minutes=8))
        assert raised(strips, absences=(away,)) == []


marks = st.text(".~x? ", max_size=14)
strips_of = st.dictionaries(st.sampled_from("abc"), marks, min_size=1, max_size=3)
policies = st.builds(
    Policy,
    confirmations=st.integers(1, 3),
    recovery=st.none() | st.integers(1, 3),
    quorum=st.none() | st.integers(1, 3),
    degraded_counts=st.booleans(),
    flapping=st.sampled_from([0, 2, 6]),
    flapping_s=st.sampled_from([300, 1_800]),
)


@given(strips=strips_of, policy=policies, seed=st.randoms(use_true_random=False))
def test_order_and_repetition_of_what_came_together_do_not_matter(
    strips: dict[str, str], policy: Policy, seed: object
) -> None:
    told = arrivals(strips)
    again = [*told, *told[::2]]
    seed.shuffle(again)  # type: ignore[attr-defined]
    until = NOW + timedelta(hours=1)
    stories = [
        replay(each, policy, regions=sorted(strips), stale_after=STALE_AFTER, began=NOW, until=until)
        for each in (told, again)
    ]
    assert stories[0] == stories[1]


@given(strips=strips_of, policy=policies, seed=st.randoms(use_true_random=False))
def test_late_results_raise_nothing(strips: dict[str, str], policy: Policy, seed: object) -> None:
    """Failures of long ago that come home after newer results are history, not news."""
    good = dict.fromkeys(strips, "." * 14)
    late = [Arrival(NOW + timedelta(minutes=20), each.seen) for each in arrivals(strips)]
    seed.shuffle(late)  # type: ignore[attr-defined]
    until = NOW + timedelta(hours=1)
    told = [*arrivals(good), *arrivals(good, began=NOW + timedelta(minutes=14)), *late]
    story = replay(told, policy, regions=sorted(strips), stale_after=STALE_AFTER, began=NOW, until=until)
    assert story == []


@given(strips=st.dictionaries(st.sampled_from("abc"), st.text("? .", max_size=14), min_size=1, max_size=3))
def test_unknowns_and_silence_raise_nothing(strips: dict[str, str]) -> None:
    assert raised(strips) == []


@given(strips=strips_of, policy=policies)
def test_there_are_never_two_incidents_at_a_time(strips: dict[str, str], policy: Policy) -> None:
    story = raised(strips, policy)
    for earlier, later in pairwise(story):
        assert earlier.resolved_at is not None
        assert earlier.resolved_at <= later.confirmed_at


@pytest.mark.django_db
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a failure smaller would outlast the time limit
)
@given(a=marks, b=marks, policy=policies)
@example(a="..xx" * 8, b="..xx" * 8, policy=Policy(flapping=2, flapping_s=300))
@example(a="..~xx..", b=".~~.xx~", policy=Policy(degraded_counts=True, quorum=1))
def test_the_present_policy_replayed_is_what_was_recorded(
    make_monitor: MakeMonitor, a: str, b: str, policy: Policy
) -> None:
    """The same results go through the server, row by row, and through the pure replay."""
    for model in (IncidentEvent, Incident, StatusChange, RegionState, Monitor):
        model.objects.all().delete()
    monitor = make_monitor(policy=policy.as_dict())
    began = timezone.now().replace(microsecond=0)
    Monitor.objects.update(status=Status.PENDING, status_since=began)
    story = Replay(policy, ["usa", "india"], monitor.stale_after, began)
    for now, together in moments(arrivals({"usa": a, "india": b}, began=began), story, began):
        live(monitor, together, now=now)
    monitor.refresh_from_db()
    assert monitor.status == story.status
    recorded = [
        Raised(each.started_at, each.confirmed_at, each.cause, each.flapping, each.recovered_at, each.resolved_at)
        for each in Incident.objects.order_by("confirmed_at")
    ]
    assert recorded == story.incidents
    changes = [change.as_rule() for change in StatusChange.objects.order_by("happened_at", "id")]
    assert [change.after for change in changes][-1:] == ([story.status] if changes else [])
    assert_only_known_trouble_is_told()


def moments(told: list[Arrival], story: Replay, began: datetime) -> list[tuple[datetime, list[Observation]]]:
    """The steps that the replay takes, looks between results included, in the order of time."""
    steps: list[tuple[datetime, list[Observation]]] = []
    now = began
    for arrival in [*sorted(told, key=lambda each: each.at), None]:
        until = arrival.at if arrival else began + timedelta(hours=1)
        while (moment := story.next_look(after=now)) and moment <= until:
            story.look(now=moment)
            steps.append((moment, []))
            now = moment
        if arrival:
            story.take([arrival.seen], now=until)
            steps.append((until, [arrival.seen]))
            now = until
    return steps


def live(monitor: Monitor, together: list[Observation], *, now: datetime) -> None:
    monitor = Monitor.objects.get(pk=monitor.pk)
    if together:
        up = {monitor.pk} if monitor.status == Status.UP else set()
        services.observe(seen={monitor.pk: together}, up=up, now=now)
        return
    states = selectors.states_of([monitor])
    services.judge([monitor], states, regions={"usa", "india"}, now=now)
    outages.calm_down(now=now)


def assert_only_known_trouble_is_told() -> None:
    """Never an alert from unknowns: whatever begins a message has at least one region that said so."""
    for event in IncidentEvent.objects.exclude(kind__in=["suspected", "calm", "resolved"]):
        assert any(vote["excluded"] is None for vote in event.votes), event
