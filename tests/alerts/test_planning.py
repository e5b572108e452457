"""From events to messages: pairs, groups, parents, quiet hours, reminders, steps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.models import Team, User
from alerts import rules
from alerts.models import Channel, Delivery, Rule, TeamDefaults
from alerts.services import channels, planning, upkeep
from incidents.models import IncidentEvent
from monitors.models import Monitor
from tests.alerts.conftest import MakeChannel, MakeRule, Story, states
from tests.alerts.sinks import Sink, http_sink, status
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Shop")


def test_planning_again_changes_nothing(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    incident = story.goes_down(monitor)
    story.tick()
    story.comes_back(incident)
    story.tick()
    IncidentEvent.objects.update(planned_at=None)
    story.tick()
    assert sink.kinds == ["down", "up"]
    assert Delivery.objects.count() == 2


def test_a_message_gets_as_old_as_the_operator_allows(
    settings: Settings, story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    settings.MESSAGE_MAX_AGE = timedelta(hours=2)
    make_rule(channel)
    sink.answers = [status(503)] * 100
    story.goes_down(monitor)
    story.tick()
    story.later(minutes=119)
    assert states() == [("down", "waiting")]
    story.later(minutes=2)
    assert states() == [("down", "dead")]
    assert "2 hours" in Delivery.objects.get().reason or "given up after" in Delivery.objects.get().reason


def test_an_outage_shorter_than_the_delay_is_told_to_nobody(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, delay_seconds=120)
    incident = story.goes_down(monitor)
    story.later(seconds=100)
    story.comes_back(incident)
    story.later(hours=1)
    assert states() == [("down", "cancelled")]
    assert not sink.received
    story.goes_down(monitor)
    story.later(seconds=130)
    assert sink.kinds == ["down"]


def test_no_up_where_the_down_died_and_a_wait_where_it_is_under_way(
    story: Story, monitor: Monitor, make_channel: MakeChannel, make_rule: MakeRule, sink: Sink
) -> None:
    with http_sink() as other:
        make_rule(make_channel(sink.url), make_channel(other.url))
        sink.answers = [status(410)]
        other.answers = [status(503)]
        incident = story.goes_down(monitor)
        story.tick()
        story.comes_back(incident)
        story.tick()
        assert sink.kinds == ["down"]
        assert other.kinds == ["down"]  # it was not taken: the up waits
        story.later(seconds=10)
        assert other.kinds == ["down", "down", "up"]
        story.later(days=2)
    assert sink.kinds == ["down"]
    assert sorted(states()) == [("down", "dead"), ("down", "sent"), ("up", "cancelled"), ("up", "sent")]


def test_the_next_down_waits_for_the_story_before_it(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    sink.answers = [status(500)]
    story.comes_back(story.goes_down(monitor))
    story.tick()
    story.wait(seconds=5)
    second = story.goes_down(monitor)
    story.tick()
    assert sink.kinds == ["down"]
    story.later(seconds=5)
    assert sink.kinds == ["down", "down", "up", "down"]
    assert sink.received[-1].json["incident"]["id"] == str(second.pk)


def test_the_up_goes_where_the_down_went_whatever_the_rules_say_now(
    story: Story, monitor: Monitor, channel: Channel, make_channel: MakeChannel, make_rule: MakeRule, sink: Sink
) -> None:
    rule = make_rule(channel)
    incident = story.goes_down(monitor)
    story.tick()
    rule.delete()
    with http_sink() as late:
        make_rule(make_channel(late.url))
        story.comes_back(incident)
        story.tick()
        assert not late.received
    assert sink.kinds == ["down", "up"]


def test_opened_again_is_told_again(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    incident = story.goes_down(monitor)
    story.comes_back(incident)
    story.event("reopened", monitor, incident)
    story.tick()
    assert sink.kinds == ["down", "up", "down"]
    story.comes_back(incident)
    story.tick()
    assert sink.kinds == ["down", "up", "down", "up"]


def test_lesser_troubles_have_their_ends_too(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, events=["partial", "flapping", "certificate"])
    for kind in ("partial", "degraded", "recovered", "recovered", "flapping", "calm", "certificate", "noted"):
        story.event(kind, monitor)
        story.tick()
        story.wait(minutes=2)
    assert sink.kinds == ["partial", "recovered", "flapping", "calm", "certificate"]
    assert "refused" in sink.received[0].json["text"]


def test_the_end_of_an_outage_is_the_end_of_what_led_to_it(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, events=["down", "partial"])
    story.event("partial", monitor)
    incident = story.goes_down(monitor)
    story.tick()
    story.wait(minutes=2)
    story.comes_back(incident)
    story.tick()
    assert sink.kinds == ["partial", "down", "up"]
    assert not Delivery.objects.exclude(kind="up").filter(closed_by=None).exists()


def test_who_keeps_cases_hears_the_end_of_each(story: Story, monitor: Monitor, team: Team, make_rule: MakeRule) -> None:
    key = {"routing_key": "0" * 32}
    make_rule(channels.create_channel(team=team, kind="pagerduty", settings=key), events=["down", "partial"])
    story.event("partial", monitor)
    incident = story.goes_down(monitor)
    planning.plan(now=story.now)
    Delivery.objects.update(state="sent")
    story.comes_back(incident)
    planning.plan(now=story.now)
    ends = Delivery.objects.filter(kind__in=["up", "recovered"])
    assert {one.thread for one in ends} == set(Delivery.objects.values_list("thread", flat=True))
    assert all(one.closes.get().thread == one.thread for one in ends)


def test_flapping_ends_with_calm_or_with_the_incident(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, events=["flapping"])
    for why in ("calm", "by_hand"):
        incident = story.goes_down(monitor)
        incident.events.all().delete()
        IncidentEvent.objects.filter(pk=story.event("flapping", monitor, incident).pk).update(
            votes=[], data={"reason": "it keeps changing"}
        )
        story.tick()
        story.wait(minutes=40)
        if why == "calm":
            story.event("calm", monitor, incident)
        story.comes_back(incident)
        incident.events.filter(kind="resolved").update(data={"why": why, "status": "down"})
        story.tick()
    assert sink.kinds == ["flapping", "calm", "flapping", "up"]
    assert "it keeps changing" in sink.received[0].json["text"]
    assert sink.received[3].json["title"] == "CLOSED: Shop, by hand"
    assert "say of it now: down" in sink.received[3].json["text"]


# -- many at once


def test_a_mass_failure_is_one_message_and_one_list(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    incidents = [story.goes_down(make_monitor(name=f"M{number}")) for number in range(12)]
    story.tick()
    assert sink.kinds == ["down"]
    story.later(seconds=10)
    assert sink.kinds == ["down", "down"]
    assert sink.received[1].json["title"] == "DOWN: 11 monitors"
    assert len(sink.received[1].json["monitors"]) == 11
    assert sink.received[1].json["text"].count("refused") == 11
    story.wait(minutes=5)
    for incident in incidents:
        story.comes_back(incident)
    story.tick()
    story.later(minutes=2)
    assert sink.kinds == ["down", "down", "up", "up"]
    assert len(sink.received[3].json["monitors"]) == 11
    assert set(states()) == {("down", "sent"), ("up", "sent")}


def test_up_to_five_are_told_at_once_and_the_sixth_waits_for_others(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    for number in range(8):
        story.goes_down(make_monitor(name=f"M{number}"))
        story.later(seconds=5)
    assert len(sink.received) == 5
    story.later(seconds=10)
    assert len(sink.received) == 6
    assert sink.received[5].json["title"] == "DOWN: 3 monitors"


def test_who_recovers_before_the_list_goes_is_not_on_it(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    incidents = [story.goes_down(make_monitor(name=f"M{number}")) for number in range(8)]
    story.tick()
    leader = Delivery.objects.get(state="held", group=None)
    story.wait(seconds=5)
    back = next(incident for incident in incidents if incident.pk == leader.event.incident_id)
    story.comes_back(back)
    story.tick()
    story.later(seconds=10)
    assert len(sink.received[1].json["monitors"]) == 6
    assert back.monitor.name not in sink.received[1].json["text"]
    assert ("down", "cancelled") in states()
    assert "up" not in sink.kinds


def test_a_list_that_fails_is_tried_again_as_a_whole(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    sink.answers = [status(200), status(500)]
    incidents = [story.goes_down(make_monitor(name=f"M{number}")) for number in range(8)]
    story.tick()
    story.later(seconds=10)
    for incident in incidents:
        story.comes_back(incident)
    story.later(seconds=10)
    downs = [one for one in sink.received if one.json["kind"] == "down"]
    assert [len(one.json["monitors"]) for one in downs] == [0, 7, 7]
    assert downs[1].key == downs[2].key
    story.later(minutes=2)
    ups = [one for one in sink.received if one.json["kind"] == "up"]
    assert sum(max(1, len(one.json["monitors"])) for one in ups) == 8


# -- parents


def test_children_are_silent_while_their_parent_is_down(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    router = make_monitor(name="Router")
    children = [make_monitor(name=f"Behind {number}") for number in range(3)]
    grandchild = make_monitor(name="Far behind")
    Monitor.objects.filter(pk__in=[one.pk for one in children]).update(parent=router)
    Monitor.objects.filter(pk=grandchild.pk).update(parent=children[0])
    family = [router, *children, grandchild]
    incidents = [story.goes_down(Monitor.objects.get(pk=one.pk)) for one in family]
    story.tick()
    assert [one.json["monitor"]["name"] for one in sink.received] == ["Router"]
    story.later(minutes=10)
    story.comes_back(incidents[0])
    for incident in incidents[1:3]:
        story.wait(seconds=20)
        story.comes_back(incident)
    story.tick()
    assert sink.kinds == ["down", "up"]
    story.later(minutes=5)  # these two have another reason to be down
    assert {one.json["monitor"]["name"] for one in sink.received[2:]} == {"Behind 2", "Far behind"}
    assert sorted(states()).count(("down", "cancelled")) == 2


def test_a_parent_that_begins_to_fail_is_enough(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    router, child = make_monitor(name="Router"), make_monitor(name="Behind")
    Monitor.objects.filter(pk=child.pk).update(parent=router)
    router.region_states.create(region="usa", outcome="down")
    story.goes_down(Monitor.objects.get(pk=child.pk))
    story.tick()
    assert states() == [("down", "held")]
    story.later(minutes=3)  # the router never went down
    assert sink.kinds == ["down"]


# -- later


def test_reminders_go_on_until_somebody_acknowledges(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, reminder_minutes=30)
    incident = story.goes_down(monitor)
    for _ in range(5):
        story.tick()
        story.wait(minutes=15)
    assert sink.kinds == ["down", "reminder", "reminder"]
    assert "Nobody has acknowledged it 30 min" in sink.received[1].json["text"]
    story.event("acknowledged", monitor, incident)
    story.later(hours=3)
    assert sink.kinds == ["down", "reminder", "reminder"]
    story.comes_back(incident)
    story.tick()
    assert sink.kinds[3:] == ["up"]


def test_the_next_step_is_told_only_while_nobody_cares(
    story: Story, make_monitor: MakeMonitor, make_channel: MakeChannel, make_rule: MakeRule, sink: Sink
) -> None:
    with http_sink() as boss:
        first, second = make_channel(sink.url), make_channel(boss.url)
        make_rule(first, escalation=[{"after_minutes": 15, "channel": second.pk}])
        cared_for, forgotten = make_monitor(name="A"), make_monitor(name="B")
        incident = story.goes_down(cared_for)
        other = story.goes_down(forgotten)
        story.later(minutes=10)
        story.event("acknowledged", cared_for, incident)
        story.later(minutes=10)
        assert [one.json["monitor"]["name"] for one in boss.received] == ["B"]
        story.comes_back(incident)
        story.comes_back(other)
        story.tick()
        assert boss.kinds == ["down", "up"]
    assert sink.kinds == ["down", "down", "up", "up"]


def test_quiet_hours_hold_and_do_not_drop(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    story.now = story.now.replace(hour=23, minute=0)
    quiet = {"from": "22:00", "to": "06:00", "zone": "UTC"}
    make_rule(channel, events=["down", "partial"], quiet_hours=quiet)
    over, lasting, down = (make_monitor(name=name) for name in ("Over", "Lasting", "Down"))
    story.event("partial", over)
    story.event("partial", lasting)
    story.goes_down(down)
    story.tick()
    assert [one.json["monitor"]["name"] for one in sink.received] == ["Down"]
    story.wait(hours=2)
    story.event("recovered", over)
    story.later(hours=5, minutes=1)
    assert [one.json["monitor"]["name"] for one in sink.received] == ["Down", "Lasting"]


def test_what_quiet_hours_held_is_one_message(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    story.now = story.now.replace(hour=23, minute=0)
    quiet = {"from": "22:00", "to": "06:00", "zone": "UTC"}
    make_rule(channel, events=["partial", "degraded"], quiet_hours=quiet)
    shop, blog, over, late = (make_monitor(name=name) for name in ("Shop", "Blog", "Over", "Late"))
    story.event("partial", shop)
    story.event("degraded", blog)
    story.event("partial", over)
    story.later(hours=2)
    story.event("recovered", over)
    story.event("partial", late)
    story.later(hours=1)
    assert sink.received == []
    story.later(hours=4, minutes=1)
    (told,) = [one.json for one in sink.received]
    assert told["title"] == "WHILE IT WAS QUIET: 3 messages"
    assert [(one["name"], one["kind"]) for one in told["monitors"]] == [
        ("Shop", "partial"),
        ("Blog", "degraded"),
        ("Late", "partial"),
    ]
    assert "- DEGRADED: Blog: usa: refused" in told["text"]
    assert "Over" not in told["text"]
    story.event("recovered", blog)  # the end of one of them is told as always
    story.later(seconds=1)
    assert [(one.json["kind"], one.json["monitor"]["name"]) for one in sink.received[1:]] == [("recovered", "Blog")]


def test_the_end_of_a_lesser_trouble_keeps_quiet_too(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    story.now = story.now.replace(hour=21, minute=30)
    make_rule(channel, events=["down", "degraded"], quiet_hours={"from": "22:00", "to": "06:00", "zone": "UTC"})
    slow, down = make_monitor(name="Slow"), make_monitor(name="Down")
    story.event("degraded", slow)
    story.later(minutes=1)
    incident = story.goes_down(down)
    story.later(hours=1)
    story.event("recovered", slow)
    story.comes_back(incident)
    story.later(hours=1)
    assert [(one.json["kind"], one.json["monitor"]["name"]) for one in sink.received] == [
        ("degraded", "Slow"),
        ("down", "Down"),
        ("up", "Down"),  # who was woken up wants to hear it
    ]
    story.later(hours=7)
    assert [(one.json["kind"], one.json["monitor"]["name"]) for one in sink.received[3:]] == [("recovered", "Slow")]


def test_cases_are_kept_apart_after_quiet_hours(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    story.now = story.now.replace(hour=23, minute=0)
    Channel.objects.filter(pk=channel.pk).update(kind="pagerduty")
    make_rule(channel, events=["partial"], quiet_hours={"from": "22:00", "to": "06:00", "zone": "UTC"})
    for name in ("Shop", "Blog"):
        story.event("partial", make_monitor(name=name))
    story.tick()
    upkeep.sweep(now=story.now + timedelta(hours=8))
    assert [(one.state, one.group) for one in Delivery.objects.all()] == [("waiting", None)] * 2


# -- who


def test_a_new_team_has_mail_to_its_owner_once(story: Story, monitor: Monitor, team: Team) -> None:
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "sent")]
    channel = Channel.objects.get(team=team)
    assert channel.settings == {"to": "olga@example.com"}
    channels.delete_channel(channel)
    Rule.objects.all().delete()
    channels.ensure_defaults(team)
    assert not Channel.objects.filter(team=team).exists()
    assert TeamDefaults.objects.filter(team=team).exists()


def test_operators_alone_are_told_of_regions(story: Story, monitor: Monitor, stranger: User, owner: User) -> None:
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    story.event("region_offline", None, region="usa")
    story.tick()
    [delivery] = Delivery.objects.all()
    assert delivery.team == stranger.memberships.get().team
    assert delivery.subject == "REGION: usa is in trouble"
    story.event("region_online", None, region="usa")
    story.tick()
    assert sorted(states()) == [("region", "sent"), ("region_well", "sent")]


def test_what_cannot_be_planned_stops_nobody(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink, monkeypatch: Any
) -> None:
    make_rule(channel)
    poison, good = make_monitor(name="Poison"), make_monitor(name="Good")
    really = rules.plan

    def plan(some: Any, trouble: rules.Trouble) -> Any:
        assert trouble.monitor != poison.pk
        return really(some, trouble)

    monkeypatch.setattr(rules, "plan", plan)
    story.goes_down(poison)
    story.goes_down(good)
    story.tick()
    assert [one.json["monitor"]["name"] for one in sink.received] == ["Good"]
    assert IncidentEvent.objects.unplanned().count() == 1
    monkeypatch.undo()
    story.tick()
    assert len(sink.received) == 2


def test_events_of_long_ago_are_not_told(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    story.goes_down(monitor)
    story.later(hours=25)
    assert not sink.received
    assert not IncidentEvent.objects.unplanned().exists()


def test_a_planner_that_dies_leaves_the_event_to_the_next(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    story.goes_down(monitor)
    with transaction.atomic():
        planning.plan(now=story.now)
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    story.tick()
    assert sink.kinds == ["down"]
