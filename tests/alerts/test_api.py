"""Channels, rules and messages as programs use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Team, User
from alerts.models import Channel, Delivery
from alerts.services import rulebook
from monitors.models import Monitor
from probes.fields import MASK
from tests.alerts.conftest import MakeRule, Story
from tests.alerts.sinks import Sink, status
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
CANARY = "canary-9b1d"


@pytest.fixture
def secretive(api: Api, owner: User, without_defaults: Team, sink: Sink) -> dict[str, Any]:
    settings = {"url": sink.url, "headers": {"Authorization": f"Bearer {CANARY}"}, "secret": f"{CANARY}-sign"}
    answer = api(owner).post("/api/channels", {"kind": "webhook", "name": "Hook", "settings": settings})
    assert answer.status_code == 201, answer.content
    channel: dict[str, Any] = answer.json()
    return channel


def fields_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    fields: dict[str, list[str]] = answer.json()["fields"]
    return fields


# -- channels


def test_a_saved_secret_is_shown_nowhere(secretive: dict[str, Any], api: Api, owner: User) -> None:
    assert secretive["settings"]["secret"] == MASK
    assert secretive["settings"]["headers"] == {"Authorization": MASK}
    operator = User.objects.create_superuser("root@example.com", "correct horse battery")
    for user, path in [
        (owner, "/api/channels"),
        (owner, f"/api/channels/{secretive['id']}"),
        (operator, "/admin/alerts/channel/"),
        (operator, f"/admin/alerts/channel/{secretive['id']}/change/"),
    ]:
        client: Client = api(user) if path.startswith("/api/") else Client()
        client.force_login(user)
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert CANARY.encode() not in answer.content, path
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(channel)::text FROM alerts_channel AS channel")
        assert all(CANARY not in row[0] for row in cursor.fetchall())


def test_a_mask_that_comes_back_keeps_the_secret_and_stays_on_its_site(
    secretive: dict[str, Any], api: Api, owner: User
) -> None:
    address = f"/api/channels/{secretive['id']}"
    shown = api(owner).get(address).json()["settings"]
    assert api(owner).patch(address, {"settings": shown, "name": "Other", "language": "de"}).status_code == 200
    kept = Channel.objects.get(pk=secretive["id"])
    assert (kept.name, kept.full_settings["secret"]) == ("Other", f"{CANARY}-sign")
    elsewhere = fields_of(api(owner).patch(address, {"settings": {**shown, "url": "https://evil.example.net/"}}))
    assert "again" in elsewhere["settings"][0]
    assert api(owner).put(address, {"kind": "webhook", "settings": {"url": shown["url"]}}).status_code == 200
    replaced = Channel.objects.get(pk=secretive["id"])
    assert (replaced.sealed, replaced.language) == ("", "")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "carrier-pigeon", "settings": {}}, "kind"),
        ({"kind": "webhook", "settings": {}}, "settings"),
        ({"kind": "webhook", "settings": {"url": "http://169.254.169.254/"}}, "settings"),
        ({"kind": "slack", "settings": {"url": "http://10.0.0.1/x"}}, "settings"),
        ({"kind": "ntfy", "settings": {"topic": "t", "server": "http://2852039166/"}}, "settings"),
        ({"kind": "webhook", "settings": {"url": "https://a.example/", "headers": {"Host": "b"}}}, "settings"),
        ({"kind": "email", "settings": {"to": "a@b.example\nBcc: c@d.example"}}, "settings"),
        ({"kind": "pagerduty", "settings": {"routing_key": MASK}}, "settings"),
        ({"kind": "webhook", "settings": {"url": "https://a.example/", "secret": MASK}}, "settings"),
        ({"kind": "webhook", "settings": {"url": "https://a.example/"}, "team": "x"}, "team"),
    ],
)
def test_channels_that_make_no_sense(given: dict[str, Any], field: str, api: Api, owner: User) -> None:
    assert field in fields_of(api(owner).post("/api/channels", given))
    assert not Channel.objects.exists()


def test_the_kinds_describe_themselves(api: Api, viewer: User) -> None:
    kinds = {one["kind"]: one for one in api(viewer).get("/api/channels/kinds").json()["results"]}
    assert len(kinds) >= 11
    fields = {one["name"]: one for one in kinds["webhook"]["settings"]}
    assert fields["url"]["required"]
    assert fields["headers"]["secret"]
    assert fields["method"] == fields["method"] | {"default": "POST", "choices": ["POST", "PUT"]}


def test_a_trial_shows_the_real_answer_and_stores_nothing(api: Api, owner: User, team: Team, sink: Sink) -> None:
    sink.answers = [status(418, body=f"I am a teapot, {CANARY}")]
    given = {"kind": "webhook", "settings": {"url": sink.url, "secret": CANARY}}
    answer = api(owner).post("/api/channels/test", given).json()
    assert (answer["ok"], answer["status"], answer["answer"]) == (False, 418, f"I am a teapot, {MASK}")
    assert "418" in answer["reason"]
    assert api(owner).post("/api/channels/test", given).json()["ok"]
    assert sink.kinds == ["test", "test"]
    assert not Channel.objects.exists()
    assert not Delivery.objects.exists()


def test_a_test_speaks_for_the_settings_it_was_made_with(
    api: Api, owner: User, stranger: User, team: Team, sink: Sink
) -> None:
    given: dict[str, Any] = {"kind": "webhook", "settings": {"url": sink.url, "secret": CANARY}}
    api(owner).post("/api/channels/test", given)
    untested = api(stranger).post("/api/channels", given).json()
    assert (untested["tested_at"], untested["test_ok"]) == (None, None)
    channel = api(owner).post("/api/channels", given).json()
    assert (channel["test_ok"], channel["test_status"]) == (True, 200)
    address = f"/api/channels/{channel['id']}"
    sink.answers = [status(403, body=f"no entry with {CANARY}")]
    api(owner).post(f"{address}/test", {})
    tested = api(owner).get(address).json()
    assert (tested["test_ok"], tested["test_answer"]) == (False, f"no entry with {MASK}")
    assert tested["tested_at"] > channel["tested_at"]
    assert api(owner).patch(address, {"name": "Night"}).json()["test_ok"] is False
    elsewhere = {"settings": {"url": f"{sink.url}other", "secret": CANARY}}
    assert api(owner).patch(address, elsewhere).json()["tested_at"] is None


def test_a_trial_of_a_saved_channel_uses_its_secrets(
    secretive: dict[str, Any], api: Api, owner: User, sink: Sink
) -> None:
    address = f"/api/channels/{secretive['id']}/test"
    assert api(owner).post(address, {}).json()["ok"]
    assert sink.received[0].headers["Authorization"] == f"Bearer {CANARY}"
    other = {"settings": {**secretive["settings"], "url": "https://evil.example.net/"}}
    assert "again" in fields_of(api(owner).post(address, other))["settings"][0]


def test_a_trial_cannot_be_used_to_look_inside(api: Api, owner: User, team: Team, sink: Sink) -> None:
    for url in ("http://169.254.169.254/latest/", "http://[fd00:ec2::254]/", "http://192.168.0.1/"):
        given = {"kind": "webhook", "settings": {"url": url}}
        assert "settings" in fields_of(api(owner).post("/api/channels/test", given))
    sink.answers = [status(302, Location="http://169.254.169.254/")]
    answer = api(owner).post("/api/channels/test", {"kind": "webhook", "settings": {"url": sink.url}}).json()
    assert not answer["ok"]
    assert "not followed" in answer["reason"]


def test_viewers_look_and_editors_change(api: Api, viewer: User, editor: User, secretive: dict[str, Any]) -> None:
    address = f"/api/channels/{secretive['id']}"
    assert api(viewer).get(address).status_code == 200
    for verb, path in (("patch", address), ("delete", address), ("post", f"{address}/test")):
        assert getattr(api(viewer), verb)(path, {}).status_code == 403
    assert api(editor).patch(address, {"enabled": False}).json()["health"] == "off"
    assert api(editor).delete(address).status_code == 204


# -- rules


def test_a_rule_has_defaults_and_says_them(api: Api, owner: User, channel: Channel) -> None:
    rule = api(owner).post("/api/rules", {"channels": [str(channel.pk)]}).json()
    assert rule == rule | {
        "name": "Rule",
        "enabled": True,
        "everything": True,
        "events": ["down", "up"],
        "severity": "info",
        "channels": [str(channel.pk)],
        "escalation": [],
        "delay_seconds": 0,
        "reminder_minutes": 0,
        "quiet_hours": None,
    }
    changed = api(owner).patch(
        f"/api/rules/{rule['id']}",
        {"tags": ["prod"], "everything": False, "escalation": [{"after_minutes": 10, "channel": str(channel.pk)}]},
    )
    assert changed.json()["escalation"] == [{"after_minutes": 10, "channel": str(channel.pk)}]
    assert changed.json()["channels"] == [str(channel.pk)]
    replaced = api(owner).put(f"/api/rules/{rule['id']}", {"name": "New"}).json()
    assert (replaced["name"], replaced["channels"], replaced["tags"], replaced["everything"]) == ("New", [], [], True)
    assert api(owner).delete(f"/api/rules/{rule['id']}").status_code == 204


def test_nothing_of_another_team_can_be_named(
    api: Api, owner: User, stranger: User, channel: Channel, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()
    for given in (
        {"channels": [str(channel.pk)]},
        {"monitors": [str(monitor.pk)]},
        {"escalation": [{"after_minutes": 5, "channel": str(channel.pk)}]},
    ):
        assert next(iter(given)) in fields_of(api(stranger).post("/api/rules", given))
    rule = api(stranger).post("/api/rules", {}).json()
    assert "channels" in fields_of(api(stranger).patch(f"/api/rules/{rule['id']}", {"channels": [str(channel.pk)]}))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"events": ["earthquake"]}, "events"),
        ({"events": ["up"]}, "events"),
        ({"events": ["region"]}, "events"),
        ({"severity": "apocalyptic"}, "severity"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": 10**9}, "delay_seconds"),
        ({"reminder_minutes": 1}, "reminder_minutes"),
        ({"quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Mars/Base"}}, "quiet_hours"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"monitors": ["not-an-id"]}, "monitors.0"),
        ({"shape": "round"}, "shape"),
    ],
)
def test_rules_that_make_no_sense(given: dict[str, Any], field: str, api: Api, owner: User) -> None:
    assert field in fields_of(api(owner).post("/api/rules", given))


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        ({}, ["escalation.0.after_minutes", "escalation.0.channel"]),
        ({"after_minutes": 5}, ["escalation.0.channel"]),
        ({"channel": str(UUID(int=0))}, ["escalation.0.after_minutes"]),
    ],
)
def test_a_step_is_whole_also_in_a_change(step: dict[str, Any], fields: list[str], api: Api, owner: User) -> None:
    rule = api(owner).post("/api/rules", {}).json()
    for method in (api(owner).patch, api(owner).put):
        assert list(fields_of(method(f"/api/rules/{rule['id']}", {"escalation": [step]}))) == fields


def test_there_is_an_end_to_channels_and_rules(
    api: Api, owner: User, channel: Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TEAM_MAX_CHANNELS = 1
    monkeypatch.setattr(rulebook, "MOST_RULES", 0)
    hook = {"kind": "webhook", "settings": {"url": "https://example.org/"}}
    assert "at most" in fields_of(api(owner).post("/api/channels", hook))["kind"][0]
    assert "at most" in fields_of(api(owner).post("/api/rules", {}))["name"][0]


def test_the_first_look_shows_a_first_channel_and_what_is_deleted_stays_away(api: Api, owner: User) -> None:
    [first] = api(owner).get("/api/channels").json()["results"]
    assert (first["kind"], first["settings"]) == ("email", {"to": owner.email})
    [rule] = api(owner).get("/api/rules").json()["results"]
    assert rule["channels"] == [first["id"]]
    api(owner).delete(f"/api/channels/{first['id']}")
    assert api(owner).get("/api/channels").json()["results"] == []


# -- messages


def test_messages_show_every_try(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink, api: Api, owner: User
) -> None:
    make_rule(channel)
    sink.answers = [status(500, body="oh no"), status(404)]
    monitor = make_monitor(name="Shop")
    story.goes_down(monitor)
    story.tick()
    story.later(seconds=10)
    [row] = api(owner).get("/api/deliveries?state=dead").json()["results"]
    assert row == row | {"kind": "down", "tries": 2, "monitor": str(monitor.pk), "channel_name": "Webhook"}
    detail = api(owner).get(f"/api/deliveries/{row['id']}").json()
    assert [(one["status"], one["answer"], one["ok"]) for one in detail["attempts"]] == [
        (500, "oh no", False),
        (404, "", False),
    ]
    assert all(one["at"] and one["duration_ms"] >= 0 for one in detail["attempts"])
    again = api(owner).post(f"/api/deliveries/{row['id']}/redrive", {})
    assert again.json()["state"] == "waiting"
    assert "state" in fields_of(api(owner).post(f"/api/deliveries/{row['id']}/redrive", {}))


def test_messages_come_in_pages_and_by_what_is_asked_for(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink, api: Api, owner: User
) -> None:
    make_rule(channel)
    monitors = [make_monitor(name=f"M{number}") for number in range(3)]
    for monitor in monitors:
        story.goes_down(monitor)
        story.later(minutes=2)
    seen: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = api(owner).get(f"/api/deliveries?limit=1&cursor={page['next']}").json()
        seen += [one["monitor"] for one in page["results"]]
    assert seen == [str(one.pk) for one in reversed(monitors)]
    of_one = api(owner).get(f"/api/deliveries?monitor={monitors[0].pk}&kind=down&channel={channel.pk}").json()
    assert [one["subject"] for one in of_one["results"]] == ["DOWN: M0"]
    for bad in ("state=lost", "kind=x", "monitor=1", "channel=x", "incident=x", "cursor=x"):
        assert api(owner).get(f"/api/deliveries?{bad}").status_code == 400, bad


def test_an_operator_sends_dead_messages_again(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    sink.answers = [status(404)]
    story.goes_down(make_monitor())
    story.tick()
    dead = Delivery.objects.get(state="dead")
    operator = User.objects.create_superuser("root@example.com", "correct horse battery")
    browser = Client()
    browser.force_login(operator)
    assert b"404" in browser.get(f"/admin/alerts/delivery/{dead.pk}/change/").content
    browser.post("/admin/alerts/delivery/", {"action": "redrive", "_selected_action": [str(dead.pk)]})
    dead.refresh_from_db()
    assert dead.state == "waiting"
    assert json.loads(sink.received[0].body)["kind"] == "down"


def test_a_monitor_that_is_deleted_takes_its_messages_along(
    story: Story, make_monitor: MakeMonitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    monitor = make_monitor()
    story.goes_down(monitor)
    story.tick()
    Monitor.objects.get(pk=monitor.pk).delete()
    story.tick()
    assert not Delivery.objects.exists()
