"""Telegram, by a bot. https://core.telegram.org/bots/api#sendmessage"""

# told() makes a dataclass field, as field() does

from __future__ import annotations

import json
from dataclasses import dataclass

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, json_post, matching, without_mentions
from alerts.rules import Severity
from probes.fields import told
from probes.hosts import Url
from probes.post import Post
from probes.sentences import say

TEXT_LENGTH = 4_096


@dataclass(frozen=True, slots=True)
class TelegramSettings(Settings):
    token: str = told(
        matching(r"\d{5,20}:[A-Za-z0-9_-]{20,80}", "a bot's token like 123456:ABC-DEF..."),
        "text",
        "The bot's token, from @BotFather",
        secret=True,
    )
    chat: str = told(
        matching(r"-?\d{1,20}|@[A-Za-z0-9_]{5,32}", "a chat's number like -1001234567890, or @channelname"),
        "text",
        "The chat's number, or @channelname",
    )


def write(settings: TelegramSettings, message: Message) -> Post:
    url = Url("https", "api.telegram.org", 443, f"/bot{settings.token}/sendMessage")
    payload = {
        "chat_id": settings.chat,
        # No parse_mode: nothing in the text is markup.
        "text": without_mentions(cut(f"{message.title}\n\n{message.text}\n\n{message.link}", TEXT_LENGTH // 2)),
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.severity is Severity.INFO,
    }
    return json_post(url, payload)


def complaint(body: bytes) -> str | None:
    """Telegram says ``ok`` in the body as well."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    refused = isinstance(answer, dict) and answer.get("ok") is False
    return str(answer.get("description", say("it was refused"))) if refused else None
