"""Opsgenie, Alert API. https://docs.opsgenie.com/docs/alert-api"""

# told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, in_path, json_post, matching, one_by_severity
from alerts.rules import Kind
from probes.fields import one_of, told
from probes.hosts import Url
from probes.post import Post

HOSTS = {"us": "api.opsgenie.com", "eu": "api.eu.opsgenie.com"}
MESSAGE_LENGTH, DESCRIPTION_LENGTH, NOTE_LENGTH, ENTITY_LENGTH = 130, 15_000, 25_000, 512


@dataclass(frozen=True, slots=True)
class OpsgenieSettings(Settings):
    api_key: str = told(
        matching(r"[A-Za-z0-9-]{20,64}", "an API key like eb243592-faa2-..."),
        "text",
        "The key of an API integration",
        secret=True,
    )
    region: str = told(one_of(*HOSTS), "choice", "Where the account lives", default="us", choices=tuple(HOSTS))


def write(settings: OpsgenieSettings, message: Message) -> Post:
    path, payload = _request(message)
    url = Url("https", HOSTS[settings.region], 443, path)
    return json_post(url, payload, (("Authorization", f"GenieKey {settings.api_key}"),))


def _request(message: Message) -> tuple[str, dict[str, Any]]:
    if message.is_end or message.kind is Kind.ACKNOWLEDGED:
        verb = "close" if message.is_end else "acknowledge"
        path = f"/v2/alerts/{in_path(message.thread)}/{verb}?identifierType=alias"
        return path, {"note": cut(f"{message.title}\n{message.text}", NOTE_LENGTH), "source": "Uptime"}
    return "/v2/alerts", {
        "message": cut(message.title, MESSAGE_LENGTH),
        "alias": message.thread,
        "description": cut(f"{message.text}\n\n{message.link}", DESCRIPTION_LENGTH),
        "entity": cut(message.name, ENTITY_LENGTH),
        "source": "Uptime",
        "priority": one_by_severity(message.severity, info="P5", warning="P3", critical="P1"),
    }
