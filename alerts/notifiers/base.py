"""What every notifier is made of: settings that describe themselves, and what it asks to be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from alerts.message import Message
from alerts.rules import Severity
from probes.contract import InvalidSpec
from probes.fields import Described
from probes.hosts import Url, parse_url
from probes.post import Post
from probes.sentences import say

ZERO_WIDTH = "\u200b"


class Settings(Described):
    """A channel's settings. ``site`` is the address that the team chose itself, for the guard and for its secrets."""

    @property
    def site(self) -> Url | None:
        return None


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that goes by the operator's mail server."""

    to: str
    subject: str
    text: str
    html: str
    key: str
    thread: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Relay:
    """A message that Apprise carries, in a process of its own (``probes/relay.py``)."""

    module: str
    name: str
    url: str
    title: str
    body: str
    level: str


Outgoing = Post | Mail | Relay


@dataclass(frozen=True, slots=True)
class Notifier:
    """``write`` makes of settings and a message what is sent; pure, so that its wording is tested without a network.

    ``threads``: the service keeps one case for each trouble and hears of its acknowledgement; its messages are never
    grouped. ``complaint`` reads a refusal out of an answer whose status is fine.
    """

    title: str
    settings: type[Settings]
    write: Callable[[Any, Message], Outgoing]
    threads: bool = False
    complaint: Callable[[bytes], str | None] | None = None


def json_post(url: Url, payload: Any, headers: tuple[tuple[str, str], ...] = ()) -> Post:
    """``payload`` as JSON. Line ends, quotes and half characters in names stay inside their strings."""
    body = json.dumps(payload).encode()
    return Post(url, body, (("Content-Type", "application/json"), *headers))


def cut(text: str, length: int) -> str:
    """At most so many characters, and it shows where something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def cut_bytes(text: str, size: int) -> str:
    """At most so many bytes of UTF-8."""
    if len(text.encode(errors="replace")) <= size:
        return text
    return text.encode(errors="replace")[: size - 3].decode(errors="ignore") + "…"


def without_mentions(text: str) -> str:
    """Nobody is called by a monitor's name: ``@channel``, ``@everyone`` and people's names become plain words."""
    return text.replace("@", f"@{ZERO_WIDTH}").replace("#", f"#{ZERO_WIDTH}")


_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~])")


def without_markdown(text: str) -> str:
    """Every sign that Markdown could take for its own, escaped."""
    return _MARKDOWN.sub(r"\\\1", text)


def one_by_severity(severity: Severity, *, info: Any, warning: Any, critical: Any) -> Any:
    return {Severity.INFO: info, Severity.WARNING: warning, Severity.CRITICAL: critical}[severity]


def in_path(text: str) -> str:
    """As one segment of a path."""
    return quote(text, safe="")


# -- readers of settings, as in probes.fields


def read_url(value: Any, name: str) -> Url:
    if not isinstance(value, str):
        raise InvalidSpec(say("must be an address like https://example.org/"), name)
    return parse_url(value, name)


def matching(pattern: str, meaning: str) -> Callable[[Any, str], str]:
    """A text that wholly matches; ``meaning`` says what it is."""
    compiled = re.compile(pattern)

    def read(value: Any, name: str) -> str:
        plain = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not compiled.fullmatch(plain):
            raise InvalidSpec(say("must be {meaning}", meaning=meaning), name)
        return plain

    return read
