"""JSON to an address of the team's own, signed when there is a secret.

The signature is HMAC-SHA256 over ``<timestamp>.<body>``: a receiver compares it, refuses time stamps older than five
minutes, and remembers the ``Idempotency-Key`` for as long. Each try is signed anew; the key stays the same.
"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from string import Template
from time import time
from typing import Any

from alerts.message import Message
from alerts.notifiers.base import Settings, json_post, read_url
from probes.contract import InvalidSpec
from probes.fields import one_of, text, told
from probes.hosts import Url
from probes.kinds.http import read_headers
from probes.post import Post
from probes.sentences import say

METHODS = ("POST", "PUT")
TEMPLATE_LENGTH = 10_000
TEMPLATE_DEPTH = 20
OURS = {"content-type", "idempotency-key", "user-agent", "x-uptime-timestamp", "x-uptime-signature"}


def _read_template(value: Any, name: str) -> Any:
    """A JSON object, as such or as its text."""
    written = value if isinstance(value, str) else json.dumps(value)
    if len(written) > TEMPLATE_LENGTH:
        raise InvalidSpec(say("must have at most {most} characters", most=TEMPLATE_LENGTH), name)
    try:
        template = json.loads(written)
    except (ValueError, RecursionError):
        template = None
    if not isinstance(template, dict) or _depth(template) > TEMPLATE_DEPTH:
        raise InvalidSpec(
            say(
                'must be a JSON object like {{"text": "$TITLE"}}, at most {most} deep',
                most=TEMPLATE_DEPTH,
            ),
            name,
        )
    return template


def _depth(value: Any, so_far: int = 1) -> int:
    if so_far > TEMPLATE_DEPTH or not isinstance(value, dict | list):
        return so_far
    inner = value.values() if isinstance(value, dict) else value
    return max((_depth(item, so_far + 1) for item in inner), default=so_far)


def _read_headers(value: Any, name: str) -> tuple[tuple[str, str], ...]:
    headers = read_headers(value, name)
    for header, _ in headers:
        if header.lower() in OURS:
            raise InvalidSpec(say("{header} is set by us", header=header), name)
    return headers


@dataclass(frozen=True, slots=True)
class WebhookSettings(Settings):
    url: Url = told(read_url, "url", "Where the message is posted to; redirects are not followed")
    method: str = told(one_of(*METHODS), "choice", "How it is sent", default="POST", choices=METHODS)
    headers: tuple[tuple[str, str], ...] = told(
        _read_headers, "object", "Headers to send along", default=(), secret=True
    )
    secret: str | None = told(
        text(200, minimum=8), "text", "Signs the body (HMAC-SHA256) when it is given", default=None, secret=True
    )
    template: dict[str, Any] | None = told(
        _read_template,
        "text",
        'The JSON to send, like {"text": "$TITLE: $TEXT"}; left out: everything there is to say',
        default=None,
    )

    @property
    def site(self) -> Url:
        return self.url


def write(settings: WebhookSettings, message: Message) -> Post:
    payload = message.as_dict() if settings.template is None else fill(settings.template, message.placeholders())
    post = json_post(settings.url, payload)
    headers = (*post.headers, ("Idempotency-Key", message.key), *settings.headers)
    if settings.secret is not None:
        headers += signed(settings.secret, post.body, at=int(time()))
    return Post(settings.url, post.body, headers, settings.method)


def signed(secret: str, body: bytes, *, at: int) -> tuple[tuple[str, str], ...]:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return (("X-Uptime-Timestamp", str(at)), ("X-Uptime-Signature", f"v1={digest}"))


def fill(template: Any, values: dict[str, str]) -> Any:
    """Put values into the strings of a JSON value. A ``$NAME`` that we do not know stays as it is; nothing is run."""
    if isinstance(template, str):
        return Template(template).safe_substitute(values)
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    return template
