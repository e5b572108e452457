"""The little Markdown that the API's description is written in."""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def marked(text: str) -> SafeString:
    """``**words**`` and ``code`` between backticks; all else is text."""
    whole = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return mark_safe(re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", whole))  # noqa: S308 - escaped above
