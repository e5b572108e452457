"""Discord, by a channel's webhook. https://discord.com/developers/docs/resources/webhook#execute-webhook"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass

from alerts.message import Message
from alerts.notifiers.base import (
    Settings,
    cut,
    json_post,
    one_by_severity,
    read_url,
    without_markdown,
    without_mentions,
)
from probes.fields import told
from probes.hosts import Url
from probes.post import Post

TITLE_LENGTH, DESCRIPTION_LENGTH = 256, 4_096
GREEN = 0x2E7D32


@dataclass(frozen=True, slots=True)
class DiscordSettings(Settings):
    url: Url = told(read_url, "url", "The address of the channel's webhook (discord.com/api/webhooks/...)", secret=True)

    @property
    def site(self) -> Url:
        return self.url


def write(settings: DiscordSettings, message: Message) -> Post:
    colour = one_by_severity(message.severity, info=0x546E7A, warning=0xB26A00, critical=0xB3261E)
    embed = {
        "title": cut(_inert(message.title), TITLE_LENGTH),
        "description": cut(_inert(message.text), DESCRIPTION_LENGTH),
        "url": message.link,
        "color": GREEN if message.is_end else colour,
        "timestamp": message.happened_at.isoformat(),
    }
    return json_post(settings.url, {"embeds": [embed], "allowed_mentions": {"parse": []}})


def _inert(text: str) -> str:
    return without_mentions(without_markdown(text))
