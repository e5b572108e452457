"""What each service is sent: shaped as it documents, cut to its limits, and inert whatever a monitor is called."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.message import Item, Message
from alerts.notifiers import NOTIFIERS, Mail
from alerts.notifiers.webhook import fill
from alerts.rules import Kind, Severity
from probes.contract import InvalidSpec
from probes.post import Post

SETTINGS: dict[str, dict[str, Any]] = {
    "email": {"to": "ops@example.org"},
    "webhook": {"url": "https://example.org/hook"},
    "slack": {"url": "https://hooks.slack.com/services/T0/B0/xyz"},
    "discord": {"url": "https://discord.com/api/webhooks/1/xyz"},
    "teams": {"url": "https://example.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=x"},
    "telegram": {"token": "123456:ABC-DEF_ghiJKL-zyx57W2v1u123ew11", "chat": "-1001234567890"},
    "pagerduty": {"routing_key": "0123456789abcdef0123456789abcdef"},
    "opsgenie": {"api_key": "eb243592-faa2-4ba2-a551-1afdf565c889"},
    "ntfy": {"topic": "alerts-7f3"},
    "pushover": {"token": "a" * 30, "user": "u" * 30},
    "mattermost": {"url": "https://chat.example.org/hooks/xyz"},
    "apprise": {"address": "pbul://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
}
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = Message(
    key="77-aa-0",
    thread="incident:1b9d",
    kind=Kind.DOWN,
    severity=Severity.CRITICAL,
    title="DOWN: Shop",
    lines=("Shop - https://shop.example.org/", "usa: the connection was refused"),
    link="https://uptime.example.org/monitors/5/",
    happened_at=AT,
    name="Shop",
    url="https://shop.example.org/",
    reason="usa: the connection was refused",
    monitor_id="5",
    incident_id="1b9d",
    started_at=AT,
)
UP = replace(PLAIN, kind=Kind.UP, title="UP: Shop works again", ended_at=AT.replace(minute=4))
EVIL = (
    "<!channel> <@U123> @everyone @here <img src=x onerror=alert(1)> </script> {{7*7}} {{DATE(2017,SHORT)}} ${x} $KEY "
    '{0.__class__} *b* _i_ `c` [x](javascript:alert(1)) "q" \\ \r\nSubject: injected\x00\u2028<at>Bob</at> #general'
)
HOSTILE = replace(PLAIN, title=f"DOWN: {' '.join(EVIL.split())}", lines=(EVIL,) * 3, name=EVIL, reason=EVIL)
HUGE = replace(PLAIN, title="é" * 200, lines=("<&>💥" * 5_000,) * 20, name="n" * 200)


def written(kind: str, message: Message = PLAIN, **more: Any) -> Post:
    notifier = NOTIFIERS[kind]
    post = notifier.write(notifier.settings.parse(SETTINGS[kind] | more), message)
    assert isinstance(post, Post)
    return post


def body(kind: str, message: Message = PLAIN, **more: Any) -> Any:
    return json.loads(written(kind, message, **more).body)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


def test_every_notifier_has_an_example_here() -> None:
    assert set(SETTINGS) == set(NOTIFIERS)


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_settings_describe_themselves_and_name_what_is_wrong(kind: str) -> None:
    described = {field.name: field for field in NOTIFIERS[kind].settings.describe()}
    assert all(field.help for field in described.values())
    required = [name for name, field in described.items() if field.required]
    assert set(required) <= set(SETTINGS[kind])
    with pytest.raises(InvalidSpec) as refused:
        NOTIFIERS[kind].settings.parse({**SETTINGS[kind], required[0]: "no good\r\nX-Evil: 1"})
    assert refused.value.field == required[0]
    with pytest.raises(InvalidSpec):
        NOTIFIERS[kind].settings.parse({**SETTINGS[kind], "surprise": 1})


@pytest.mark.parametrize("message", [PLAIN, UP, HOSTILE, HUGE], ids=["plain", "up", "hostile", "huge"])
@pytest.mark.parametrize("kind", sorted(set(NOTIFIERS) - {"apprise", "email", "pushover"}))
def test_everything_is_json_of_a_bearable_size(kind: str, message: Message) -> None:
    post = written(kind, message)
    json.loads(post.body)
    assert ("Content-Type", "application/json") in post.headers
    if kind != "webhook":  # which has no limit of its own
        assert len(post.body) <= (28_000 if kind == "teams" else 256_000)
    assert all("\n" not in value and "\r" not in value for _, value in post.headers)


def test_limits_of_the_services() -> None:
    slack = body("slack", HUGE)
    assert len(slack["blocks"][0]["text"]["text"]) <= 150
    assert len(slack["blocks"][1]["text"]["text"]) <= 3_000
    embed = body("discord", HUGE)["embeds"][0]
    assert len(embed["title"]) <= 256
    assert len(embed["description"]) <= 4_096
    assert len(body("telegram", HUGE)["text"]) <= 4_096
    assert len(body("pagerduty", HUGE)["payload"]["summary"]) <= 1_024
    assert len(body("opsgenie", HUGE)["message"]) <= 130
    assert len(body("ntfy", HUGE)["message"].encode()) <= 4_096
    assert len(body("mattermost", HUGE)["text"]) <= 4_200
    fields = parse_qs(written("pushover", HUGE).body.decode())
    assert len(fields["message"][0]) <= 1_024
    assert len(fields["title"][0]) <= 250


def test_nobody_is_called_by_a_monitors_name() -> None:
    for text in [*strings(body("slack", HOSTILE)["blocks"]), body("slack", HOSTILE)["text"]]:
        assert "<" not in text
    discord = body("discord", HOSTILE)
    assert discord["allowed_mentions"] == {"parse": []}
    assert "@everyone" not in discord["embeds"][0]["description"]
    for kind in ("telegram", "mattermost"):
        assert all(f"@{word}" not in body(kind, HOSTILE)["text"] for word in ("everyone", "here", "U123"))


def test_markup_in_names_is_inert() -> None:
    for text in (
        body("discord", HOSTILE)["embeds"][0]["description"],
        body("mattermost", HOSTILE)["text"].partition("\n")[2],
    ):
        assert "[x](javascript" not in text
        assert "*b*" not in text.replace(r"\*", "")
        assert r"\`c\`" in text
    [card] = body("teams", HOSTILE)["attachments"]
    told = "".join(strings(card["content"]["body"]))
    assert "{{DATE" not in told
    assert "<at>" not in told
    assert "[x](" not in told
    assert "parse_mode" not in body("telegram", HOSTILE)
    assert all(block["text"]["type"] == "plain_text" for block in body("slack", HOSTILE)["blocks"][:2])


def test_pagerduty_and_opsgenie_keep_one_case_for_a_trouble() -> None:
    acknowledged = replace(PLAIN, kind=Kind.ACKNOWLEDGED)
    actions = [body("pagerduty", message)["event_action"] for message in (PLAIN, acknowledged, UP)]
    assert actions == ["trigger", "acknowledge", "resolve"]
    assert {body("pagerduty", message)["dedup_key"] for message in (PLAIN, acknowledged, UP)} == {PLAIN.thread}
    assert body("opsgenie")["alias"] == PLAIN.thread
    assert [written("opsgenie", message).url.path for message in (PLAIN, acknowledged, UP)] == [
        "/v2/alerts",
        "/v2/alerts/incident%3A1b9d/acknowledge?identifierType=alias",
        "/v2/alerts/incident%3A1b9d/close?identifierType=alias",
    ]
    assert written("pagerduty", region="eu").url.host == "events.eu.pagerduty.com"
    assert ("Authorization", "GenieKey eb243592-faa2-4ba2-a551-1afdf565c889") in written("opsgenie").headers


def test_telegram_and_pushover_say_no_in_the_body() -> None:
    telegram, pushover = NOTIFIERS["telegram"].complaint, NOTIFIERS["pushover"].complaint
    assert telegram is not None
    assert pushover is not None
    assert telegram(b'{"ok": true}') is telegram(b"<html>") is telegram(b"[" * 100_000) is None
    assert telegram(b'{"ok": false, "description": "chat not found"}') == "chat not found"
    assert pushover(b'{"status": 1}') is None
    assert pushover(b'{"status": 0, "errors": ["user key is invalid"]}') == "user key is invalid"


# -- webhook


def test_a_webhook_says_everything_and_signs_it() -> None:
    post = written("webhook", UP, secret="a long secret", headers={"X-Team": "shop"})
    told = json.loads(post.body)
    assert told["kind"] == "up"
    assert told["incident"]["duration_s"] == 240
    headers = dict(post.headers)
    assert headers["Idempotency-Key"] == UP.key
    assert headers["X-Team"] == "shop"
    signed = f"{headers['X-Uptime-Timestamp']}.".encode() + post.body
    assert headers["X-Uptime-Signature"] == "v1=" + hmac.new(b"a long secret", signed, hashlib.sha256).hexdigest()


def test_a_list_names_every_monitor() -> None:
    items = tuple(Item(f"M{number}", "refused", "https://uptime.example.org/") for number in range(3))
    assert [one["name"] for one in body("webhook", replace(PLAIN, items=items))["monitors"]] == ["M0", "M1", "M2"]


def test_a_template_fills_strings_and_runs_nothing() -> None:
    template = {"text": "$TITLE", "deep": [{"why": "${REASON}!", "n": 5, "$TITLE": None}], "odd": "$NOPE $5 {{7*7}} $$"}
    told = body("webhook", HOSTILE, template=json.dumps(template))
    assert told == {
        "text": HOSTILE.title,
        "deep": [{"why": f"{EVIL}!", "n": 5, "$TITLE": None}],
        "odd": "$NOPE $5 {{7*7}} $",
    }
    assert body("webhook", template={"text": "$SEVERITY"}) == {"text": "critical"}


@given(st.text(), st.text())
def test_no_value_breaks_out_of_its_string(template: str, value: str) -> None:
    filled = json.loads(json.dumps(fill({"a": template, "b": ["$TITLE"]}, {"TITLE": value})))
    assert filled["b"] == [value]
    assert set(filled) == {"a", "b"}


@pytest.mark.parametrize(
    "bad",
    [
        {"template": "[]"},
        {"template": "{"},
        {"template": "[" * 9_000},
        {"template": '{"a":' * 30 + "1" + "}" * 30},
        {"template": '{"a": "' + "x" * 10_000 + '"}'},
        {"headers": {"X-Uptime-Signature": "v1=00"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"X-A": "1\r\nX-B: 2"}},
        {"secret": "short"},
        {"url": "ftp://example.org/"},
        {"url": "https://user:pw@example.org/"},
        {"method": "TRACE"},
    ],
)
def test_webhooks_that_make_no_sense(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        NOTIFIERS["webhook"].settings.parse(SETTINGS["webhook"] | bad)


# -- mail


def test_a_mail_is_inert_and_its_subject_one_line() -> None:
    mail = NOTIFIERS["email"].write(NOTIFIERS["email"].settings.parse(SETTINGS["email"]), HOSTILE)
    assert isinstance(mail, Mail)
    assert mail.subject.isprintable()
    assert "<img" not in mail.html
    assert "<script" not in mail.html
    assert "{{7*7}}" in mail.text
