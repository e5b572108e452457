"""HTML put together in Python, for what a page has dozens of: a template takes twice as long over each."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString

NOTHING = SafeString("")


def fill(form: str, *parts: object, **named: object) -> SafeString:
    """``format_html`` at a third of its cost: whatever is not HTML of ours is escaped. ``form`` is always ours."""
    return SafeString(form.format(*map(_safe, parts), **{name: _safe(part) for name, part in named.items()}))


def joined(pieces: Iterable[SafeString]) -> SafeString:
    return SafeString("".join(pieces))


def _safe(part: object) -> str:
    return part if isinstance(part, SafeString) else escape(str(part))
