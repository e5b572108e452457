"""ntfy, on ntfy.sh or a server of one's own. https://docs.ntfy.sh/publish/#publish-as-json"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass

from alerts.message import Message
from alerts.notifiers.base import Settings, cut, cut_bytes, json_post, matching, one_by_severity, read_url
from probes.fields import told
from probes.hosts import Url
from probes.post import Post

TITLE_LENGTH, MESSAGE_BYTES = 250, 4_000
"""A longer message would become a file."""


@dataclass(frozen=True, slots=True)
class NtfySettings(Settings):
    topic: str = told(
        matching(r"[A-Za-z0-9_-]{1,64}", "a topic of up to 64 letters, digits, - and _"),
        "text",
        "The topic; whoever knows it can read along",
        secret=True,
    )
    server: Url = told(read_url, "url", "The server", default=Url("https", "ntfy.sh", 443, "/"))
    token: str | None = told(
        matching(r"[\x21-\x7e]{1,200}", "a token without spaces"),
        "text",
        "An access token, where the topic wants one",
        default=None,
        secret=True,
    )

    @property
    def site(self) -> Url:
        return self.server


def write(settings: NtfySettings, message: Message) -> Post:
    payload = {
        "topic": settings.topic,
        "title": cut(message.title, TITLE_LENGTH),
        "message": cut_bytes(message.text or message.title, MESSAGE_BYTES),
        "priority": 3 if message.is_end else one_by_severity(message.severity, info=2, warning=4, critical=5),
        "tags": ["white_check_mark" if message.is_end else "rotating_light"],
        "click": message.link,
    }
    headers = (("Authorization", f"Bearer {settings.token}"),) if settings.token else ()
    return json_post(settings.server, payload, headers)
