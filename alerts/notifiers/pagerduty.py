"""PagerDuty, Events API v2. https://developer.pagerduty.com/docs/events-api-v2/overview/"""

# told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, json_post, matching
from alerts.rules import Kind
from probes.fields import one_of, told
from probes.hosts import Url
from probes.post import Post

HOSTS = {"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}
SUMMARY_LENGTH, TEXT_LENGTH = 1_024, 20_000


@dataclass(frozen=True, slots=True)
class PagerDutySettings(Settings):
    routing_key: str = told(
        matching(r"[A-Za-z0-9]{32}", "an integration key of 32 letters and digits"),
        "text",
        "The integration key of an 'Events API V2' integration",
        secret=True,
    )
    region: str = told(one_of(*HOSTS), "choice", "Where the account lives", default="us", choices=tuple(HOSTS))


def write(settings: PagerDutySettings, message: Message) -> Post:
    event: dict[str, Any] = {
        "routing_key": settings.routing_key,
        "event_action": _action(message),
        "dedup_key": message.thread,
    }
    if event["event_action"] == "trigger":
        event |= {
            "client": "Uptime",
            "client_url": message.link,
            "links": [{"href": message.link, "text": message.link_words}],
            "payload": {
                "summary": cut(message.title, SUMMARY_LENGTH),
                "source": cut(message.url or message.name or "uptime", SUMMARY_LENGTH),
                "severity": message.severity,
                "timestamp": message.happened_at.isoformat(),
                "custom_details": {"text": cut(message.text, TEXT_LENGTH)},
            },
        }
    return json_post(Url("https", HOSTS[settings.region], 443, "/v2/enqueue"), event)


def _action(message: Message) -> str:
    if message.kind is Kind.ACKNOWLEDGED:
        return "acknowledge"
    return "resolve" if message.is_end else "trigger"
