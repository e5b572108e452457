"""Paging by key: a cursor is the key of the last row seen, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from django.core.exceptions import ValidationError

DEFAULT_LIMIT = 100
MAX_LIMIT = 500


def read_limit(value: str | None) -> int:
    """The page size asked for, from 1 to 500."""
    if value is None or value == "":
        return DEFAULT_LIMIT
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= MAX_LIMIT:
        raise ValidationError({"limit": [f"must be a whole number from 1 to {MAX_LIMIT}"]})
    return int(value)


def write_cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in key]).encode()).decode().rstrip("=")


def read_cursor(value: str, parts: int) -> list[str]:
    """The key inside a cursor of ours; anything else is refused."""
    try:
        key = json.loads(base64.urlsafe_b64decode(value.encode() + b"=" * (-len(value) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise ValidationError({"cursor": ["is not a cursor of this list; leave it out to start at the beginning"]})
    return key
