"""Mattermost, by an incoming webhook. https://developers.mattermost.com/integrate/webhooks/incoming/"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, json_post, read_url, without_markdown, without_mentions
from probes.fields import told
from probes.hosts import Url
from probes.post import Post

TEXT_LENGTH = 4_000
"""Servers of today take 16,383 characters, older ones 4,000."""


@dataclass(frozen=True, slots=True)
class MattermostSettings(Settings):
    url: Url = told(read_url, "url", "The address of the incoming webhook (.../hooks/...)", secret=True)

    @property
    def site(self) -> Url:
        return self.url


def write(settings: MattermostSettings, message: Message) -> Post:
    inert = without_mentions(without_markdown(cut(f"{message.title}\n{message.text}", TEXT_LENGTH // 4)))
    title, _, rest = inert.partition("\n")
    return json_post(settings.url, {"text": f"**{title}**\n{rest}\n{message.link}"})
