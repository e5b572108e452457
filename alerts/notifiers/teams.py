"""Microsoft Teams, by a Workflow that starts when a webhook request is received; it takes Adaptive Cards."""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import ZERO_WIDTH, Settings, cut, json_post, one_by_severity, read_url, without_markdown
from probes.fields import told
from probes.hosts import Url
from probes.post import Post

TITLE_LENGTH, TEXT_LENGTH = 300, 6_000
"""A message may have 28 KB; a character takes up to 12 bytes in JSON with its escapes."""


@dataclass(frozen=True, slots=True)
class TeamsSettings(Settings):
    url: Url = told(
        read_url,
        "url",
        "The address of a workflow with the trigger 'When a Teams webhook request is received'",
        secret=True,
    )

    @property
    def site(self) -> Url:
        return self.url


def write(settings: TeamsSettings, message: Message) -> Post:
    colour = one_by_severity(message.severity, info="default", warning="warning", critical="attention")
    body = [
        _block(cut(message.title, TITLE_LENGTH), weight="bolder", color="good" if message.is_end else colour),
        *(_block(line) for line in cut(message.text, TEXT_LENGTH // 3).split("\n") if line),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": message.link_words, "url": message.link}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return json_post(settings.url, {"type": "message", "attachments": [attachment]})


def _block(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": _inert(text), "wrap": True, **style}


def _inert(text: str) -> str:
    """Cards read some Markdown, ``{{DATE(...)}}`` and ``<at>``."""
    escaped = without_markdown(text)
    return escaped.replace("{", "{" + ZERO_WIDTH).replace("<", "<" + ZERO_WIDTH).replace("@", "@" + ZERO_WIDTH)
