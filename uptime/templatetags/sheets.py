"""For pages that must be shown whatever is broken."""

from __future__ import annotations

from django import template
from django.templatetags.static import static

register = template.Library()


@register.simple_tag
def sheet(name: str) -> str:
    """The address of a style sheet; nothing where the list of collected files lacks it: the error must show."""
    try:
        return static(name)
    except ValueError:
        return ""
