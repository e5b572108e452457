"""Slack, by an incoming webhook. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import Settings, json_post, read_url
from probes.fields import told
from probes.hosts import Url
from probes.post import Post

HEADER_LENGTH, SECTION_LENGTH, URL_LENGTH = 150, 3_000, 3_000


@dataclass(frozen=True, slots=True)
class SlackSettings(Settings):
    url: Url = told(read_url, "url", "The address of the incoming webhook (hooks.slack.com)", secret=True)

    @property
    def site(self) -> Url:
        return self.url


def write(settings: SlackSettings, message: Message) -> Post:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title, HEADER_LENGTH)},
        {"type": "section", "text": _plain(message.text or message.title, SECTION_LENGTH)},
    ]
    if len(message.link) <= URL_LENGTH:
        button = {"type": "button", "text": {"type": "plain_text", "text": message.link_words}, "url": message.link}
        blocks.append({"type": "actions", "elements": [button]})
    payload = {"text": escaped(message.title, SECTION_LENGTH), "blocks": blocks, "unfurl_links": False}
    return json_post(settings.url, payload)


def _plain(text: str, length: int) -> dict[str, str | bool]:
    """Text in which Slack knows no markup at all; ``emoji`` would read :words:."""
    return {"type": "plain_text", "text": escaped(text, length), "emoji": False}


def escaped(text: str, length: int) -> str:
    """Slack's three control characters, with which <!channel> and links begin; never cut in the middle of one."""
    out = ""
    for char in text:
        piece = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(char, char)
        if len(out) + len(piece) > length - 1:
            return out + "…"
        out += piece
    return out
