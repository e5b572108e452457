"""Messages to receivers that behave, that misbehave, and that are not there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.http import http_date

from alerts import tasks, transport
from alerts.models import Attempt, Channel, Delivery
from alerts.services import channels, planning, sending, upkeep
from monitors.models import Monitor
from tests.alerts.conftest import MakeChannel, MakeRule, Story, states
from tests.alerts.sinks import Sink, endless_body, reset, status
from tests.conftest import MakeMonitor
from tests.loopback import Asked

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Shop")


@pytest.fixture(autouse=True)
def rule(make_rule: MakeRule, channel: Channel) -> None:
    make_rule(channel)


def last() -> Attempt:
    return Attempt.objects.order_by("id").last()  # type: ignore[return-value]


def test_down_and_up_arrive_once_each(story: Story, monitor: Monitor, sink: Sink) -> None:
    incident = story.goes_down(monitor)
    story.tick()
    story.tick()
    story.wait(minutes=3)
    story.comes_back(incident)
    story.tick()
    story.later(hours=30)
    assert sink.kinds == ["down", "up"]
    down, up = (one.json for one in sink.received)
    assert down["title"] == "DOWN: Shop"
    assert down["incident"]["reason"] == "usa: refused"
    assert up["incident"]["duration_s"] == 200
    assert down["thread"] == up["thread"]
    assert len({one.key for one in sink.received}) == 2


def test_a_channel_has_the_language_that_was_chosen_for_it(
    story: Story, monitor: Monitor, sink: Sink, channel: Channel
) -> None:
    with pytest.raises(ValidationError, match="must be one of en, de, or empty"):
        channels.update_channel(channel, language="tlh")
    channels.update_channel(channel, language="de")
    incident = story.goes_down(monitor)
    story.tick()
    channels.try_out(team=channel.team, kind=channel.kind, settings=channel.settings, language="de", channel=channel)
    channels.update_channel(channel, language="")
    story.comes_back(incident)
    story.tick()
    assert [one.json["title"] for one in sink.received] == [
        "AUSGEFALLEN: Shop",
        "TEST: So sieht eine Nachricht von Uptime aus",
        "UP: Shop works again",
    ]
    assert sink.received[0].json["kind"] == "down", "what programs read stays as it is"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422, 301])
def test_what_will_never_work_stops_at_once(code: int, story: Story, monitor: Monitor, sink: Sink) -> None:
    sink.answers = [status(code, body="no, never")]
    story.goes_down(monitor)
    story.tick()
    story.later(hours=1)
    assert states() == [("down", "dead")]
    assert len(sink.received) == 1
    assert last().answer == "no, never"
    assert str(code) in Delivery.objects.get().reason


def test_errors_are_tried_again_with_growing_pauses(story: Story, monitor: Monitor, sink: Sink) -> None:
    sink.answers = [status(500), status(502), reset]
    story.goes_down(monitor)
    story.tick()
    for pause in (9, 1, 29, 1, 59):
        story.later(seconds=pause)
    assert len(sink.received) == 3
    story.later(seconds=1)
    assert states() == [("down", "sent")]
    assert len({one.key for one in sink.received}) == 1
    assert [one.ok for one in Attempt.objects.order_by("number")] == [False, False, False, True]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_who_asks_for_time_gets_it(form: str, story: Story, monitor: Monitor, sink: Sink) -> None:
    asked = "120" if form == "seconds" else http_date((story.now + timedelta(seconds=122)).timestamp())
    sink.answers = [status(429, Retry_After=asked)]
    story.goes_down(monitor)
    story.tick()
    story.later(seconds=110)
    assert len(sink.received) == 1
    story.later(seconds=20)
    assert states() == [("down", "sent")]


def test_a_receiver_that_hangs_is_given_up_in_time(
    story: Story, monitor: Monitor, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.answers = [Asked.hang]
    story.goes_down(monitor)
    with monkeypatch.context() as impatient:
        impatient.setattr(transport, "HTTP_TIMEOUT_S", 0.5)
        story.tick()
    assert "did not answer in time" in last().reason
    story.later(seconds=10)
    assert states() == [("down", "sent")]


def test_an_answer_without_an_end_is_an_answer(
    story: Story, monitor: Monitor, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "HTTP_TIMEOUT_S", 1.5)
    sink.answers = [endless_body]
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "sent")]


def test_redirects_are_not_followed(story: Story, monitor: Monitor, sink: Sink) -> None:
    sink.answers = [status(307, Location="http://169.254.169.254/latest/meta-data/")]
    story.goes_down(monitor)
    story.tick()
    assert "169.254.169.254" in last().reason
    assert len(sink.received) == 1


def test_nobody_there_is_tried_again(
    story: Story, monitor: Monitor, make_channel: MakeChannel, make_rule: MakeRule
) -> None:
    make_rule(make_channel("http://127.0.0.1:9/"), name="nobody")
    story.goes_down(monitor)
    story.tick()
    assert ("down", "waiting") in states()
    assert "refused" in last().reason or "refused" in Delivery.objects.get(state="waiting").reason


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "[::ffff:10.0.0.1]", "2852039166"])
def test_what_the_guard_refuses_is_never_dialled(host: str, story: Story, monitor: Monitor, channel: Channel) -> None:
    """Also where it came into the row by another road than the API."""
    Channel.objects.filter(pk=channel.pk).update(settings={"url": f"http://{host}/"})
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "dead")]
    assert "not on the public internet" in last().reason or "metadata" in last().reason


def test_a_day_is_enough(story: Story, monitor: Monitor, sink: Sink) -> None:
    sink.answers = [status(500)] * 200
    story.goes_down(monitor)
    story.tick()
    for _ in range(12):
        story.later(hours=2)
    assert states() == [("down", "dead")]
    assert "given up" in Delivery.objects.get().reason
    tries = len(sink.received)
    story.later(days=2)
    assert len(sink.received) == tries == 13


def test_a_dead_letter_can_be_sent_again_and_its_end_follows(story: Story, monitor: Monitor, sink: Sink) -> None:
    sink.answers = [status(404)]
    incident = story.goes_down(monitor)
    story.tick()
    story.wait(minutes=5)
    story.comes_back(incident)
    story.tick()
    assert sorted(states()) == [("down", "dead"), ("up", "cancelled")]
    dead = Delivery.objects.get(kind="down")
    assert upkeep.redrive(dead, now=story.now)
    story.tick()
    assert sorted(states()) == [("down", "sent"), ("up", "sent")]
    assert sink.kinds == ["down", "down", "up"]
    assert not upkeep.redrive(dead, now=story.now)


def test_a_broken_channel_is_tried_rarely_and_the_others_go_on(
    story: Story, make_monitor: MakeMonitor, make_channel: MakeChannel, make_rule: MakeRule, sink: Sink
) -> None:
    broken = make_channel("http://127.0.0.1:9/")
    make_rule(broken, name="broken")
    for number in range(5):
        story.goes_down(make_monitor(name=f"M{number}"))
    story.tick()
    broken.refresh_from_db()
    assert (broken.health, broken.failures) == ("broken", 5)
    story.later(minutes=2)
    broken.refresh_from_db()
    assert broken.failures == 5
    story.later(minutes=4)
    broken.refresh_from_db()
    assert broken.failures == 6
    assert len(sink.received) == 5
    channels.update_channel(broken, settings={"url": sink.url})
    story.later(minutes=10)
    broken.refresh_from_db()
    assert broken.health == "ok"
    assert len(sink.received) == 10


def test_a_channel_that_hangs_holds_up_nobody(
    story: Story, make_monitor: MakeMonitor, make_channel: MakeChannel, make_rule: MakeRule, sink: Sink
) -> None:
    slow = make_channel(sink.url)
    make_rule(slow, name="slow")
    for number in range(4):
        story.goes_down(make_monitor(name=f"M{number}"))
    planning.plan(now=story.now)
    under_way = [sending.claim(now=story.now) for _ in range(8)]
    channels_at_work = [one.delivery.channel_id for one in under_way if isinstance(one, sending.Claimed)]
    assert sorted(map(channels_at_work.count, {*channels_at_work})) == [2, 2]
    assert sending.senders_wanted(now=story.now, most=12) == 0
    finished = next(one for one in under_way if isinstance(one, sending.Claimed))
    sending.record(finished, sending.attempt(finished), now=story.now)
    assert sending.senders_wanted(now=story.now, most=12) > 0
    assert isinstance(sending.claim(now=story.now), sending.Claimed)


def test_the_ticks_of_the_worker_do_all_of_it(story: Story, monitor: Monitor, sink: Sink) -> None:
    story.goes_down(monitor)
    tasks.tick()
    assert Delivery.objects.due(timezone.now()).count() == 1
    tasks.send()
    assert sink.kinds == ["down"]
    Delivery.objects.update(settled_at=timezone.now() - timedelta(days=91))
    tasks.housekeeping()
    assert Delivery.objects.count() == 1  # its end is still to be told
    story.comes_back(monitor.incidents.get())
    tasks.tick()
    tasks.send()
    Delivery.objects.update(settled_at=timezone.now() - timedelta(days=91))
    tasks.housekeeping()
    assert not Delivery.objects.exists()


def test_secrets_that_come_back_are_masked(
    story: Story, monitor: Monitor, sink: Sink, make_channel: MakeChannel, make_rule: MakeRule
) -> None:
    sink.answers = [status(500, body="you sent Bearer canary-77 to me")] * 2
    secretive = make_channel(sink.url, headers={"Authorization": "Bearer canary-77"}, secret="signing-canary")
    make_rule(secretive, name="secretive")
    story.goes_down(monitor)
    story.tick()
    assert Attempt.objects.get(delivery__channel=secretive).answer == "you sent ******** to me"
