"""E-mail, HTML and plain text, by the operator's mail server (``EMAIL_URL``)."""

# told() makes a dataclass field, as field() does

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts.message import Message
from alerts.notifiers.base import Mail, Settings
from monitors.words import one_line
from probes.contract import InvalidSpec
from probes.fields import told
from probes.sentences import say

SUBJECT_LENGTH = 180


def _read_address(value: Any, name: str) -> str:
    plain = value.strip() if isinstance(value, str) else ""
    try:
        validate_email(plain)
    except ValidationError:
        raise InvalidSpec(say("must be an e-mail address"), name) from None
    return plain


@dataclass(frozen=True, slots=True)
class EmailSettings(Settings):
    to: str = told(_read_address, "email", "Who gets the mail")


def write(settings: EmailSettings, message: Message) -> Mail:
    return Mail(
        to=settings.to,
        subject=one_line(message.title, SUBJECT_LENGTH),
        text=f"{message.title}\n\n{message.text}\n\n{message.link}\n",
        html=_html(message),
        key=message.key,
        thread=message.thread,
    )


def _html(message: Message) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in message.lines if line)
    link = escape(message.link)
    return (
        f'<!DOCTYPE html><html lang="{message.language}"><body>'
        f"<h2>{escape(message.title)}</h2>{lines}"
        f'<p><a href="{link}">{link}</a></p>'
        "</body></html>"
    )
