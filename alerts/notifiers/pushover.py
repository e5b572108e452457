"""Pushover. https://pushover.net/api"""

# told() makes a dataclass field, as field() does

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, matching, one_by_severity
from probes.fields import told
from probes.hosts import Url
from probes.post import Post
from probes.sentences import say

MESSAGE_LENGTH, TITLE_LENGTH, URL_LENGTH = 1_024, 250, 512
MESSAGES = Url("https", "api.pushover.net", 443, "/1/messages.json")
_KEY = matching(r"[A-Za-z0-9]{30}", say("30 letters and digits"))


@dataclass(frozen=True, slots=True)
class PushoverSettings(Settings):
    token: str = told(_KEY, "text", "The application's token", secret=True)
    user: str = told(_KEY, "text", "The key of the user or group", secret=True)


def write(settings: PushoverSettings, message: Message) -> Post:
    fields = {
        "token": settings.token,
        "user": settings.user,
        "title": cut(message.title, TITLE_LENGTH),
        "message": cut(message.text or message.title, MESSAGE_LENGTH),
        "priority": 0 if message.is_end else one_by_severity(message.severity, info=-1, warning=0, critical=1),
        "timestamp": int(message.happened_at.timestamp()),
    }
    if len(message.link) <= URL_LENGTH:
        fields |= {"url": message.link, "url_title": message.link_words}
    body = urlencode(fields, errors="replace").encode()
    return Post(MESSAGES, body, (("Content-Type", "application/x-www-form-urlencoded"),))


def complaint(body: bytes) -> str | None:
    """``status`` is 1 when it was taken."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("status") in (1, None):
        return None
    return "; ".join(map(str, answer.get("errors") or [say("it was refused")]))
