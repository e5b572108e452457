"""Words and bars for the templates of status pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from common.clock import iso
from monitors.rules import Status
from statuspages import pictures, words
from statuspages.rules import Overall, PostState
from statuspages.shown import Chart, Day, Outage, Update

register = template.Library()


@register.filter
def component_word(state: Status) -> str:
    return str(words.COMPONENTS[state])


@register.filter
def day_word(state: str) -> str:
    return str(words.DAYS[state])


@register.filter
def overall_word(overall: Overall) -> str:
    return str(words.OVERALL[overall])


@register.filter
def post_word(state: str) -> str:
    return str(words.POSTS[PostState(state)])


@register.filter
def post_mark(state: str) -> Status:
    return words.POST_MARKS[PostState(state)]


@register.filter
def is_outage(entry: object) -> bool:
    return isinstance(entry, Outage)


@register.filter
def as_html(update: Update) -> SafeString:
    """What ``markdown.render`` has made safe."""
    return mark_safe(update.html)  # noqa: S308


@register.simple_tag
def day_bars(days: Sequence[Day]) -> SafeString:
    return pictures.bars_svg(days)


@register.simple_tag
def chart_picture(chart: Chart, component: UUID) -> SafeString:
    """Where no script draws it. What it says stands below it, in ``chart-words-...``."""
    return pictures.chart_svg(chart, labelled_by=f"chart-title-{component} chart-words-{component}")


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """``3 Nov 2026, 10:15 UTC``, in the visitor's language."""
    said = f"{date_format(at.astimezone(UTC), gettext('j M Y, H:i'))} UTC"
    return format_html('<time datetime="{}">{}</time>', iso(at, "seconds"), said)
