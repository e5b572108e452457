"""Small pictures drawn on the server, each with the same in words. Pure; what goes in comes out escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from html import escape
from itertools import groupby

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, gettext_noop, ngettext
from django.utils.translation import gettext as _

from checks.rules import TICKS, HourSum, Tick
from dashboard import words
from dashboard.markup import fill
from monitors.rules import Status
from probes.contract import Outcome

# --- status icons: 16 x 16, told apart by their shape alone ---

DISC = "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z"
TRIANGLE = "M8 1.6 15.2 14a.6.6 0 0 1-.5.9H1.3a.6.6 0 0 1-.5-.9z"
OCTAGON = "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"
SQUARE = "M3.5 1.5h9a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2z"

ICONS: dict[str, tuple[str, str]] = {
    Status.UP: (DISC, "m4.8 8.2 2.2 2.2 4.2-4.6"),
    Status.DEGRADED: (TRIANGLE, "M8 6v4M8 12.4v.1"),
    Status.PARTIAL: (OCTAGON, "M8 4.4v4.2M8 11.4v.1"),
    Status.DOWN: (OCTAGON, "m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8"),
    Status.UNKNOWN: (DISC, "M6.2 6.2a1.9 1.9 0 1 1 2.5 1.9c-.5.2-.7.5-.7 1v.4M8 11.6v.1"),
    Status.PENDING: (DISC, "M8 4.6V8l2.2 1.6"),
    Status.MAINTENANCE: (SQUARE, "M5 8h6M8 5v6"),
    Status.PAUSED: (SQUARE, "M6.2 5.4v5.2M9.8 5.4v5.2"),
}


@lru_cache(maxsize=64)
def status_icon(status: str) -> SafeString:
    """Decoration: the word always stands beside it."""
    shape, sign = ICONS.get(status, ICONS[Status.UNKNOWN])
    return fill(
        '<svg class="icon is-{}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">'
        '<path class="icon-shape" d="{}"/><path class="icon-sign" d="{}"/></svg>',
        status,
        shape,
        sign,
    )


# --- the last ten checks of a region ---

BAR, STEP, HEIGHT = 6, 9, 24

# Each outcome has its own height and foot, so that the bar reads without colour.
BARS: dict[str, tuple[tuple[int, int], ...]] = {
    Outcome.UP: ((0, 24),),
    Outcome.DEGRADED: ((8, 16),),
    Outcome.DOWN: ((0, 11), (13, 11)),
    Outcome.UNKNOWN: ((18, 6),),
}
NO_CHECK = ((21, 3),)


def ticks_svg(region: str, ticks: Sequence[Tick]) -> SafeString:
    """Ten bars, newest on the right; places that have no check yet are small dots."""
    shown = list(ticks)[-TICKS:]
    blank: list[Tick | None] = [None] * (TICKS - len(shown))
    return fill(
        '<svg class="ticks" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        TICKS * STEP - (STEP - BAR),
        HEIGHT,
        TICKS * STEP - (STEP - BAR),
        HEIGHT,
        ticks_in_words(region, shown),
        mark_safe("".join(_bar(place, tick) for place, tick in enumerate([*blank, *shown]))),  # noqa: S308 - escaped
    )


def _bar(place: int, tick: Tick | None) -> str:
    """A page has a thousand of these: only what is not ours is escaped, only what differs put together each time."""
    if not tick:
        return f'<g class="is-none">{_rects(place, None)}</g>'
    outcome, took = str(tick["outcome"]), tick["total_ms"]
    shape = outcome if outcome in BARS else Outcome.UNKNOWN
    word = outcome if outcome in BARS else escape(outcome)
    told = _outcome(word) if took is None else f"{_outcome(word)}, {words.milliseconds(took)}"
    return f'<g class="is-{word}"><title>{told}</title>{_rects(place, shape)}</g>'


@cache
def _rects(place: int, outcome: str | None) -> str:
    parts = BARS[outcome] if outcome else NO_CHECK
    return "".join(f'<rect x="{place * STEP}" y="{top}" width="{BAR}" height="{high}" rx="2"/>' for top, high in parts)


def ticks_in_words(region: str, ticks: Sequence[Tick]) -> str:
    """``usa, last 10 checks, oldest first: 8 up, 2 down``."""
    if not ticks:
        return gettext("%s: no checks yet") % region
    runs = [(outcome, len(list(run))) for outcome, run in groupby(str(tick["outcome"]) for tick in ticks)]
    story = ", ".join(f"{count} {_outcome(outcome)}" for outcome, count in runs)
    told = ngettext(
        "%(region)s, last %(count)s check, oldest first: %(story)s",
        "%(region)s, last %(count)s checks, oldest first: %(story)s",
        len(ticks),
    )
    return told % {"region": region, "count": len(ticks), "story": story}


def _outcome(outcome: str) -> str:
    return words.outcome_word(outcome).lower()


# --- the last 24 hours of a monitor, all regions together ---

PITCH = 7
SHARES = 6
"""A bar is this many pieces of 4 px high; whatever happened at all is at least one piece."""

HOUR_PARTS = ("up", "degraded", "unknown", "down")
"""From the top: what is well hangs, what is down stands on the ground, and a gap is between them."""


def hours_svg(name: str, hours: Sequence[HourSum], *, zone: tzinfo) -> SafeString:
    """A bar an hour, newest on the right; an hour that nothing is known of is a small dot."""
    language = get_language()
    return fill(
        '<svg class="ticks strip" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        len(hours) * PITCH - 2,
        HEIGHT,
        len(hours) * PITCH - 2,
        HEIGHT,
        _("%(name)s, last 24 hours: %(story)s") % {"name": name, "story": hours_in_words(hours)},
        mark_safe("".join([_hour(place, hour, zone, language) for place, hour in enumerate(hours)])),  # noqa: S308 - numbers
    )


def _hour(place: int, hour: HourSum, zone: tzinfo, language: str | None) -> str:
    told, drawn = _counted(place, (hour.up, hour.degraded, hour.unknown, hour.down), language)
    return f"<g><title>{_clock(hour.begin, zone)}: {told}</title>{drawn}</g>"


@lru_cache(maxsize=8192)
def _counted(place: int, counts: tuple[int, ...], _language: str | None) -> tuple[str, str]:
    """The words and the bar of an hour, of its counts by ``HOUR_PARTS``. A list has a thousand, and most are alike."""
    return escape(hour_in_words(counts)), _stack(place, shares(counts))


@lru_cache(maxsize=256)
def _clock(begin: datetime, zone: tzinfo) -> str:
    """The same for every row of a list."""
    local = begin.astimezone(zone)
    return f"{local:%H:%M} {escape(local.tzname() or '')}"


def hour_in_words(counts: Sequence[int]) -> str:
    """``118 up, 2 down``."""
    told = [f"{count} {_outcome(part)}" for part, count in zip(HOUR_PARTS, counts, strict=True) if count]
    return ", ".join(told) or _("no checks")


def hours_in_words(hours: Sequence[HourSum]) -> str:
    """``22 well, 1 with failures, 1 without checks``: of hours."""
    failed = sum(hour.down > 0 for hour in hours)
    empty = sum(not any(hour[1:]) for hour in hours)
    return _story(len(hours) - failed - empty, failed, empty, get_language())


@lru_cache(maxsize=1024)
def _story(well: int, failed: int, empty: int, _language: str | None) -> str:
    counts = [(well, _("well")), (failed, _("with failures")), (empty, _("without checks"))]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def shares(counts: Sequence[int]) -> tuple[int, ...]:
    """How many of the bar's pieces each of ``HOUR_PARTS`` has; none is hidden by the others."""
    if not (known := sum(counts)):
        return (0,) * len(counts)
    pieces = [max(1, round(SHARES * count / known)) if count else 0 for count in counts]
    while sum(pieces) != SHARES:
        largest = max(range(len(pieces)), key=pieces.__getitem__)
        pieces[largest] += 1 if sum(pieces) < SHARES else -1
    return tuple(pieces)


@cache
def _stack(place: int, pieces: tuple[int, ...]) -> str:
    if not any(pieces):
        return f'<rect class="is-none" x="{place * PITCH}" y="{HEIGHT - 3}" width="5" height="3" rx="1.5"/>'
    drawn, top = "", 0
    for part, count in zip(HOUR_PARTS, pieces, strict=True):
        high, gap = count * HEIGHT // SHARES, 1 if top else 0
        if count:
            box = f'x="{place * PITCH}" y="{top + gap}" width="5" height="{high - gap}" rx="1.5"'
            drawn += f'<rect class="is-{part}" {box}/>'
        top += high
    return drawn


# --- what the last runs of a job took ---

RUN_HEIGHT = 48


def runs_svg(runs: Sequence[tuple[float, bool]]) -> SafeString:
    """A bar for each run, newest on the right, as high as it was long; ``runs`` are seconds and whether it went well.

    One that failed stands on a foot of its own, so that it shows without colour.
    """
    longest = max((took for took, _well in runs), default=0.0) or 1.0
    width = max(len(runs) * STEP - (STEP - BAR), BAR)
    return fill(
        '<svg class="ticks" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        *(width, RUN_HEIGHT, width, RUN_HEIGHT, runs_in_words(runs)),
        mark_safe("".join(_run(place, *run, longest) for place, run in enumerate(runs))),  # noqa: S308 - escaped
    )


def _run(place: int, took: float, well: bool, longest: float) -> str:
    foot = 0 if well else 5
    high = max(3, round((RUN_HEIGHT - foot) * took / longest))
    boxes = [(RUN_HEIGHT - foot - high, high)] + ([] if well else [(RUN_HEIGHT - 3, 3)])
    rects = "".join(f'<rect x="{place * STEP}" y="{top}" width="{BAR}" height="{high}" rx="2"/>' for top, high in boxes)
    told = f"{words.span(took)}, {_('done') if well else _('failed')}"
    return f'<g class="is-{"up" if well else "down"}"><title>{escape(told)}</title>{rects}</g>'


def runs_in_words(runs: Sequence[tuple[float, bool]]) -> str:
    """``last 12 runs: 40 s to 2 min, the last one 41 s; 1 failed``."""
    lengths = [took for took, _well in runs]
    told = {
        "count": len(runs),
        "shortest": words.span(min(lengths)),
        "longest": words.span(max(lengths)),
        "last": words.span(lengths[-1]),
        "failed": sum(not well for _took, well in runs),
    }
    return _("last %(count)s runs: %(shortest)s to %(longest)s, the last one %(last)s; %(failed)s failed") % told


# --- the phases of one check ---

PHASES = words.Words(
    {
        "dns": "DNS",
        "connect": gettext_noop("Connect"),
        "tls": "TLS",
        "first_byte": gettext_noop("First byte"),
        "download": gettext_noop("Download"),
    }
)
WIDTH, LANE = 1000, 20
THINNEST = 3


def phases_svg(region: str, timings_ms: Mapping[str, float | None], *, scale_ms: float) -> SafeString:
    """A waterfall: each phase begins where the one before ended. ``scale_ms`` is the width of the picture."""
    scale = WIDTH / max(scale_ms, 0.001)
    rects, start = "", 0.0
    for phase in PHASES:
        length = max(timings_ms.get(phase) or 0.0, 0.0) * scale
        if length:
            box = f'x="{start:.1f}" y="0" width="{max(length, THINNEST):.1f}" height="{LANE}"'
            rects += f'<rect class="phase-{phase}" {box}/>'
        start += length
    return fill(
        '<svg class="phases" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        LANE,
        phases_in_words(region, timings_ms),
        mark_safe(rects),  # noqa: S308 - numbers
    )


def phases_in_words(region: str, timings_ms: Mapping[str, float | None]) -> str:
    """``usa: DNS 4 ms, Connect 12 ms, First byte 80 ms, total 97 ms``."""
    told = {name: timings_ms.get(key) for key, name in PHASES.items()} | {gettext("total"): timings_ms.get("total")}
    parts = [f"{name} {words.milliseconds(length)}" for name, length in told.items() if length is not None]
    return f"{region}: {', '.join(parts) or gettext('nothing was measured')}"


def lane_svg(key: str, start_ms: float, took_ms: float, *, scale_ms: float) -> SafeString:
    """One phase of a waterfall: decoration, since its length stands beside it."""
    scale = WIDTH / max(scale_ms, 0.001)
    width = min(max(took_ms * scale, THINNEST), WIDTH)
    return fill(
        '<svg class="lane" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="phase-{}" x="{}" y="0" width="{}" height="{}"/></svg>',
        WIDTH,
        LANE,
        key,
        f"{min(start_ms * scale, WIDTH - width):.1f}",
        f"{width:.1f}",
        LANE,
    )
