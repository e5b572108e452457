"""Ninety days as bars, each state in its own shape, so that they read without colour; response times as a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from monitors.rules import Status
from statuspages import words
from statuspages.rules import NO_DATA
from statuspages.shown import Chart, Day

BAR, STEP, HEIGHT = 6, 9, 32
SHAPES: dict[str, tuple[tuple[int, int], ...]] = {
    Status.UP: ((0, 32),),
    Status.DEGRADED: ((10, 22),),
    Status.PARTIAL: ((0, 22), (25, 7)),
    Status.DOWN: ((0, 14), (18, 14)),
    Status.MAINTENANCE: ((20, 12),),
    NO_DATA: ((29, 3),),
}
"""Top and height of each part of a bar."""


def bars_svg(days: Sequence[Day]) -> SafeString:
    """The days, oldest on the left. Good days and unknown ones are one path each: they are many, and need no words."""
    quiet = {Status.UP, NO_DATA}
    paths = [
        (state, "".join(_bar(place, state) for place, day in enumerate(days) if day.state == state)) for state in quiet
    ]
    troubled = [(day.state, day_in_words(day), _bar(place, day.state)) for place, day in enumerate(days)]
    width = len(days) * STEP - (STEP - BAR)
    return format_html(
        '<svg class="ticks days" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>',
        width,
        HEIGHT,
        days_in_words(days),
        format_html_join("", '<path class="is-{}" d="{}"/>', ((state, path) for state, path in paths if path)),
        format_html_join(
            "",
            '<g class="is-{}"><title>{}</title><path d="{}"/></g>',
            (about for about in troubled if about[0] not in quiet),
        ),
    )


def _bar(place: int, state: str) -> str:
    return "".join(f"M{place * STEP} {top}h{BAR}v{high}h-{BAR}z" for top, high in SHAPES[state])


HOUR, TALL = 4, 120
"""Of the line: how far one hour goes, and the height of the slowest."""


def chart_svg(chart: Chart, *, labelled_by: str) -> SafeString:
    """Response times by the hour, broken where nothing was measured; from nothing at the bottom to the slowest hour."""
    highest = chart.highest_ms or 1.0
    steps, pen_is_down = [], False
    for place, value in enumerate(chart.values):
        if value is not None:
            steps.append(f"{'L' if pen_is_down else 'M'}{place * HOUR} {TALL - TALL * value / highest:.1f}h0")
        pen_is_down = value is not None
    return format_html(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-labelledby="{}"><path d="{}"/></svg>',
        max(1, len(chart.values) - 1) * HOUR,
        TALL,
        labelled_by,
        "".join(steps),
    )


def days_in_words(days: Sequence[Day]) -> str:
    """``The last 90 days: no trouble on 87, outage on 1, no data on 2.``"""
    count = Counter(day.state for day in days)
    told = ", ".join(
        _("%(what)s on %(count)d") % {"what": word, "count": count[state]}
        for state, word in words.DAYS.items()
        if count[state]
    )
    return _("The last %(days)d days: %(told)s.") % {"days": len(days), "told": told}


def day_in_words(day: Day) -> str:
    """``3 Nov: short outage``."""
    date = date_format(day.day, _("j M"))
    return f"{date}: {words.DAYS[day.state]}"
