"""Monitors in shadow: judged like any other, and nobody is told until they come out of it."""

from __future__ import annotations

import pytest

from alerts.models import Channel
from monitors import services
from monitors.models import Monitor
from monitors.rules import Action
from tests.alerts.conftest import MakeRule, Story, states
from tests.alerts.sinks import Sink
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Shop", shadow=True)


def test_an_outage_in_the_shadow_is_told_to_nobody(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    incident = story.goes_down(monitor)
    story.later(minutes=5)
    story.comes_back(incident)
    story.later(minutes=5)
    services.set_shadow(monitor, shadow=False)
    story.later(minutes=5)
    assert not sink.received
    assert not states()


def test_what_goes_on_when_the_shadow_ends_is_told_once_and_so_is_its_end(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel, reminder_minutes=10)
    incident = story.goes_down(monitor)
    story.later(days=2)  # longer than a message is worth sending: what counts is when the shadow ended
    services.change_many(team=monitor.team, monitors=[monitor.pk], action=Action.ALERT)
    story.tick()
    story.later(seconds=30)
    assert sink.kinds == ["down"]
    story.later(minutes=11)
    assert sink.kinds == ["down", "reminder"]
    story.comes_back(incident)
    story.tick()
    assert sink.kinds == ["down", "reminder", "up"]


def test_an_event_that_is_about_to_be_told_is_not_told_twice(
    story: Story, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    story.goes_down(monitor)
    services.set_shadow(monitor, shadow=False)  # before the planner has looked
    story.later(minutes=1)
    assert sink.kinds == ["down"]


def test_a_shadow_that_falls_during_an_outage_lets_only_its_end_through(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    monitor = make_monitor(name="Shop")
    make_rule(channel, reminder_minutes=10)
    incident = story.goes_down(monitor)
    story.tick()
    services.set_shadow(monitor, shadow=True)
    story.later(minutes=30)
    assert sink.kinds == ["down"]
    services.set_shadow(monitor, shadow=False)
    story.later(minutes=1)
    assert sink.kinds == ["down"]  # they know
    services.set_shadow(monitor, shadow=True)
    story.comes_back(incident)
    story.later(minutes=1)
    assert sink.kinds == ["down", "up"]


def test_what_still_waits_when_the_shadow_falls_is_not_sent(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    monitor = make_monitor(name="Shop")
    make_rule(channel, delay_seconds=120)
    story.goes_down(monitor)
    story.later(seconds=10)
    services.set_shadow(monitor, shadow=True)
    story.later(seconds=200)
    assert not sink.received
    assert states() == [("down", "cancelled")]
    services.set_shadow(monitor, shadow=False)
    story.tick()
    story.later(seconds=130)
    assert sink.kinds == ["down"]
