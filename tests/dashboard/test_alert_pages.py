"""Channels, rules and messages on the pages: made, tried out, changed, deleted, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from alerts.models import Channel, Delivery, Rule
from alerts.notifiers import NOTIFIERS
from alerts.rules import State
from alerts.services import channels, planning, rulebook
from checks.services import dispatch
from probes.contract import Outcome
from tests.alerts.sinks import Sink, http_sink, status
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit

NEW = "/alerts/channels/new/?kind=webhook"


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    return visit(owner)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with http_sink() as sink:
        yield sink


@pytest.fixture
def channel(team: Team, sink: Sink) -> Channel:
    settings = {"url": sink.url, "secret": "canary-1234", "headers": {"X-Key": "canary-5678"}}
    return channels.create_channel(team=team, kind="webhook", name="Ops", settings=settings)


def typed(sink: Sink, **more: Any) -> dict[str, Any]:
    return {"name": "Ops", "enabled": "on", "spec_url": sink.url, "spec_method": "POST", **more}


def error_at(page: str, field: str) -> str:
    return page.partition(f'id="id_{field}_error">')[2].partition("</p>")[0]


def test_a_team_begins_with_mail_to_its_owner(client: Client) -> None:
    page = client.get("/alerts/").content.decode()
    assert "Mail to olga@example.com" in page
    assert "Not used yet" in page
    assert "Everything by mail to the owner" in client.get("/alerts/rules/").content.decode()


def test_every_service_has_a_form_made_from_its_own_description(client: Client) -> None:
    choice = client.get("/alerts/channels/new/").content.decode()
    for kind in NOTIFIERS:
        assert f"?kind={kind}" in choice
        page = client.get(f"/alerts/channels/new/?kind={kind}").content.decode()
        for field in NOTIFIERS[kind].settings.describe():
            assert f'name="spec_{field.name}"' in page
    assert "Where should messages go?" in client.get("/alerts/channels/new/?kind=pigeon").content.decode()


def test_a_test_is_sent_before_anything_is_saved(client: Client, sink: Sink) -> None:
    page = client.post(NEW, typed(sink, test="yes")).content.decode()
    assert "The test message was taken." in page
    assert sink.kinds == ["test"]
    assert not Channel.objects.filter(kind="webhook").exists()
    assert 'value="Ops"' in page


def test_the_real_answer_is_shown_and_secrets_in_it_are_not(client: Client, sink: Sink) -> None:
    sink.answers.append(status(403, body="no entry with canary-1234 <b>"))
    page = client.post(NEW, typed(sink, test="yes", spec_headers="X-Key: canary-1234")).content.decode()
    assert "The test message was not taken." in page
    assert "Answer 403" in page
    assert "no entry with ******** &lt;b&gt;" in page


def test_a_channel_is_saved_and_its_secrets_are_never_shown_again(client: Client, sink: Sink) -> None:
    answer = client.post(NEW, typed(sink, spec_secret="canary-1234", spec_headers="X-Key: canary-5678"))
    channel = Channel.objects.get(kind="webhook")
    assert answer.headers["Location"] == f"/alerts/channels/{channel.pk}/"
    assert channel.full_settings["secret"] == "canary-1234"
    for address in ("/alerts/", f"/alerts/channels/{channel.pk}/", f"/alerts/channels/{channel.pk}/edit/"):
        assert "canary" not in client.get(address).content.decode()


def test_stars_keep_a_secret_for_saving_and_for_testing(client: Client, sink: Sink, channel: Channel) -> None:
    edit = f"/alerts/channels/{channel.pk}/edit/"
    kept = typed(sink, name="Night", language="de", spec_secret="********", spec_headers="X-Key: ********")
    client.post(edit, kept | {"test": "yes"})
    assert sink.received[-1].headers["X-Key"] == "canary-5678"
    assert "So sieht eine Nachricht" in sink.received[-1].json["title"]
    client.post(edit, kept)
    channel.refresh_from_db()
    assert (channel.name, channel.language) == ("Night", "de")
    assert "Deutsch" in client.get(f"/alerts/channels/{channel.pk}/").content.decode()
    assert channel.full_settings["headers"] == {"X-Key": "canary-5678"}


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("webhook", "url", ""),
        ("webhook", "url", "nonsense"),
        ("webhook", "secret", "short"),
        ("webhook", "headers", "no colon"),
        ("webhook", "template", "{"),
        ("email", "to", "nobody"),
        ("pagerduty", "routing_key", "short"),
    ],
)
def test_a_refusal_stands_at_its_field(client: Client, sink: Sink, kind: str, field: str, value: str) -> None:
    data = typed(sink, spec_region="us") | {f"spec_{field}": value}
    page = client.post(f"/alerts/channels/new/?kind={kind}", data).content.decode()
    assert error_at(page, f"spec_{field}")
    assert "Nothing was saved" in page
    assert not Channel.objects.filter(name="Ops").exists()


def test_an_address_that_may_not_be_dialled_is_refused_with_a_sentence(client: Client, sink: Sink) -> None:
    for more in ({}, {"test": "yes"}):
        page = client.post(NEW, typed(sink, spec_url="http://169.254.169.254/", **more)).content.decode()
        assert "169.254.169.254" in page
        assert 'role="alert"' in page or "No test was sent." in page
    assert not Channel.objects.filter(kind="webhook").exists()


def test_tests_have_a_limit(client: Client, sink: Sink, channel: Channel) -> None:
    pages = [client.post(f"/alerts/channels/{channel.pk}/test/").content.decode() for _ in range(21)]
    assert "Too many tests." in pages[-1]
    assert len(sink.received) == 20


def test_the_hint_to_test_goes_with_the_first_test_that_arrives(
    client: Client, make_monitor: MakeMonitor, sink: Sink, channel: Channel
) -> None:
    make_monitor()
    hint = "No alert channel has carried a message yet."
    sink.answers.append(status(500))
    client.post(f"/alerts/channels/{channel.pk}/test/")
    assert hint in client.get("/monitors/").content.decode()
    client.post(f"/alerts/channels/{channel.pk}/test/")
    assert hint not in client.get("/monitors/").content.decode()
    assert "taken, <time" in client.get(f"/alerts/channels/{channel.pk}/").content.decode()


def test_health_is_told(client: Client, channel: Channel) -> None:
    now = timezone.now()
    Channel.objects.filter(pk=channel.pk).update(
        failures=7, broken_since=now, try_after=now, last_error="it answered 500", last_sent_at=now
    )
    for address in ("/alerts/", f"/alerts/channels/{channel.pk}/"):
        page = client.get(address).content.decode()
        assert "Broken" in page
        assert "it answered 500" in page
        assert "UTC" in page


def test_deleting_a_channel_asks_first(client: Client, channel: Channel) -> None:
    address = f"/alerts/channels/{channel.pk}/delete/"
    assert "Delete Ops?" in client.get(address).content.decode()
    assert "Ops is deleted." in client.post(address, follow=True).content.decode()
    assert not Channel.objects.filter(pk=channel.pk).exists()


# --- rules ---


def rule_typed(channel: Channel, **more: Any) -> dict[str, Any]:
    return {
        "name": "Nights",
        "enabled": "on",
        "everything": "yes",
        "tags": "",
        "events": ["down"],
        "severity": "info",
        "channels": [str(channel.pk)],
        "delay_minutes": "0",
        "reminder_minutes": "0",
        "quiet_zone": "UTC",
        **more,
    }


def test_a_rule_is_made_with_everything_said(client: Client, channel: Channel, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    data = rule_typed(
        channel,
        everything="no",
        monitors=[str(monitor.pk)],
        tags="prod, eu",
        events=["down", "certificate"],
        delay_minutes="2",
        reminder_minutes="30",
        quiet="on",
        quiet_from="22:00",
        quiet_to="07:00",
        quiet_zone="Europe/Berlin",
        step_1_minutes="15",
        step_1_channel=str(channel.pk),
    )
    assert client.post("/alerts/rules/new/", data).headers["Location"] == "/alerts/rules/"
    rule = Rule.objects.get()
    assert not rule.everything
    assert list(rule.monitors.all()) == [monitor]
    assert (rule.tags, rule.events) == (["eu", "prod"], ["down", "certificate", "up"])
    assert (rule.delay_seconds, rule.reminder_minutes) == (120, 30)
    assert rule.quiet_hours == {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}
    assert list(rule.steps.values_list("channel", "after_minutes")) == [(channel.pk, 0), (channel.pk, 15)]
    page = client.get("/alerts/rules/").content.decode()
    assert "Ops after 15 min" in page
    assert "Europe/Berlin" in page


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"events": []}, "events"),
        ({"events": ["region"]}, "events"),
        ({"everything": "no"}, "everything"),
        ({"delay_minutes": "1441"}, "delay_minutes"),
        ({"reminder_minutes": "3"}, "reminder_minutes"),
        ({"quiet": "on"}, "quiet_from"),
        ({"quiet": "on", "quiet_from": "10:00", "quiet_to": "10:00"}, "quiet_from"),
        ({"quiet_zone": "Moon/Base"}, "quiet_zone"),
        ({"step_0_minutes": "5"}, "step_0_channel"),
        ({"channels": ["00000000-0000-0000-0000-000000000000"]}, "channels"),
        ({"tags": "x" * 41}, "tags"),
        ({"tags": "a, b\0"}, "tags"),
    ],
)
def test_what_is_wrong_with_a_rule_stands_at_its_field(
    client: Client, channel: Channel, more: dict[str, Any], field: str
) -> None:
    page = client.post("/alerts/rules/new/", rule_typed(channel) | more).content.decode()
    assert error_at(page, field)
    assert not Rule.objects.exists()


def test_saving_a_rule_unchanged_changes_nothing(client: Client, team: Team, channel: Channel) -> None:
    rule = rulebook.create_rule(
        team=team,
        channels=[channel.pk],
        delay_seconds=90,
        quiet_hours={"from": "22:00", "to": "07:00", "zone": "Asia/Calcutta"},
        escalation=[{"after_minutes": 7, "channel": channel.pk}],
    )
    before = Rule.objects.values().get()
    address = f"/alerts/rules/{rule.pk}/edit/"
    form = client.get(address).context["form"]
    shown = {field.html_name: field.value() for field in form}
    data = {name: value for name, value in shown.items() if value is not None and value is not False}
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.context["form"].errors
    assert Rule.objects.values().get() == before
    assert list(rule.steps.values_list("after_minutes", flat=True)) == [0, 7]


def test_deleting_a_rule_asks_first(client: Client, team: Team, channel: Channel) -> None:
    rule = rulebook.create_rule(team=team, name="Nights", channels=[channel.pk])
    address = f"/alerts/rules/{rule.pk}/delete/"
    assert "Delete Nights?" in client.get(address).content.decode()
    client.post(address)
    assert not Rule.objects.exists()


# --- messages ---


@pytest.fixture
def delivery(make_monitor: MakeMonitor, owner: User) -> Delivery:
    make_monitor(wanted=True, name="Shop")
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    planning.plan(now=timezone.now())
    return Delivery.objects.get()


def test_a_message_is_found_with_its_tries(client: Client, delivery: Delivery) -> None:
    delivery.attempts.create(number=1, at=timezone.now(), ok=False, status=503, reason="it answered 503", answer="busy")
    assert "DOWN: Shop" in client.get("/alerts/deliveries/?state=waiting").content.decode()
    assert "No message fits." in client.get("/alerts/deliveries/?state=sent").content.decode()
    page = client.get(f"/alerts/deliveries/{delivery.pk}/").content.decode()
    for words in ("DOWN: Shop", "503", "It answered 503", "busy", "UTC"):
        assert words in page
    assert "Send again" not in page


def test_a_dead_message_is_sent_again(client: Client, delivery: Delivery) -> None:
    Delivery.objects.update(state=State.DEAD, reason="gone", settled_at=timezone.now())
    address = f"/alerts/deliveries/{delivery.pk}/"
    assert "Send again" in client.get(address).content.decode()
    assert "It is sent again." in client.post(f"{address}redrive/", follow=True).content.decode()
    delivery.refresh_from_db()
    assert delivery.state == State.WAITING
    assert "Only a message that never arrived" in client.post(f"{address}redrive/", follow=True).content.decode()
