"""Badges: what one says, in which colour, and how it is drawn. Pure.

A badge is two boxes side by side, a label and a message. How wide each is follows from its text: we measure with a
table of widths, and tell the browser to set the text to exactly that length (``textLength``), whatever font it has.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Any

from common.spans import Span
from monitors.rules import Status
from monitors.words import milliseconds, one_line, percent

LABEL_LENGTH = 60
CACHE_S = 60
"""How long a reader may keep a badge."""

GOOD, FAIR, POOR, BAD, CALM, NEUTRAL = "#0d7a50", "#5d6b12", "#8a5a00", "#c1202d", "#3f51d4", "#576172"
LABEL_GROUND, INK = "#2f3745", "#ffffff"

UNKNOWN = "unknown"


class Figure(StrEnum):
    """What a badge may tell."""

    STATUS = "status"
    UPTIME = "uptime"
    RESPONSE = "response"
    CERTIFICATE = "certificate"


SPANS = tuple(span for span in Span if span is not Span.HOUR)
"""Over how long."""

WITH_SPAN = {Figure.UPTIME, Figure.RESPONSE}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which badge is asked for: ``status``, ``uptime-30d``, ``response-24h``, ``certificate``."""

    figure: Figure
    span: Span | None = None

    @classmethod
    def parse(cls, text: str) -> Wanted | None:
        """None for what is no badge."""
        return BY_NAME.get(text)

    @property
    def name(self) -> str:
        return f"{self.figure}-{self.span}" if self.span else str(self.figure)

    @property
    def words(self) -> str:
        """``uptime 30d``."""
        return self.name.replace("-", " ")


EVERY: tuple[Wanted, ...] = tuple(
    Wanted(figure, span) for figure in Figure for span in (SPANS if figure in WITH_SPAN else (None,))
)
BY_NAME = {wanted.name: wanted for wanted in EVERY}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a monitor; ``share`` (0..1) and ``mean_ms`` over the span that was asked for."""

    status: Status
    share: float | None = None
    mean_ms: float | None = None
    certificate_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Badge:
    label: str
    message: str
    colour: str

    @property
    def sentence(self) -> str:
        return f"{self.label}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """The form that shields.io reads of an endpoint."""
        return {
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": self.colour,
            "labelColor": LABEL_GROUND,
            "cacheSeconds": CACHE_S,
        }


# --- what it says ---

STATUSES: dict[Status, tuple[str, str]] = {
    Status.PENDING: ("checking", NEUTRAL),
    Status.UP: ("up", GOOD),
    Status.DEGRADED: ("degraded", POOR),
    Status.PARTIAL: ("partly down", POOR),
    Status.DOWN: ("down", BAD),
    Status.UNKNOWN: (UNKNOWN, NEUTRAL),
    Status.MAINTENANCE: ("maintenance", CALM),
    Status.PAUSED: ("paused", NEUTRAL),
}

UPTIMES = ((0.999, GOOD), (0.99, FAIR), (0.95, POOR), (0.0, BAD))
"""From which share on which colour."""

RESPONSES_MS = ((500.0, GOOD), (1_000.0, FAIR), (2_000.0, POOR))
"""Up to which mean which colour; beyond them: bad."""

CERTIFICATE_DAYS = ((30, GOOD), (14, FAIR), (7, POOR))
"""From how many days left which colour; below them: bad."""


def badge(wanted: Wanted, facts: Facts, *, label: str, now: datetime) -> Badge:
    """``label`` is the name that people chose for the monitor; without one a badge is labelled by its figure alone."""
    name = one_line(label, LABEL_LENGTH)
    words = "" if name and wanted.figure is Figure.STATUS else wanted.words
    message, colour = _said(wanted.figure, facts, now)
    return Badge(" ".join(filter(None, [name, words])), message, colour)


def _said(figure: Figure, facts: Facts, now: datetime) -> tuple[str, str]:
    match figure:
        case Figure.STATUS:
            return STATUSES[facts.status]
        case Figure.UPTIME:
            return _uptime(facts.share)
        case Figure.RESPONSE:
            return _response(facts.mean_ms)
        case Figure.CERTIFICATE:
            return _certificate(facts.certificate_until, now)


def _uptime(share: float | None) -> tuple[str, str]:
    if share is None:
        return UNKNOWN, NEUTRAL
    return percent(share), next(colour for least, colour in UPTIMES if share >= least)


def _response(mean_ms: float | None) -> tuple[str, str]:
    if mean_ms is None:
        return UNKNOWN, NEUTRAL
    return milliseconds(mean_ms), next((colour for most, colour in RESPONSES_MS if mean_ms < most), BAD)


def _certificate(until: datetime | None, now: datetime) -> tuple[str, str]:
    if until is None:
        return UNKNOWN, NEUTRAL
    if until <= now:
        return "expired", BAD
    days = (until - now).days
    colour = next((colour for least, colour in CERTIFICATE_DAYS if days >= least), BAD)
    return ("less than a day" if days < 1 else f"{days} day{'' if days == 1 else 's'}"), colour


# --- how it is drawn ---

FONT_SIZE = 11
HEIGHT = 20
PADDING = 6
FONTS = "Verdana,DejaVu Sans,Geneva,sans-serif"

# In hundredths of the font's size, from the space on, as a wide sans-serif has them.
# fmt: off
_ASCII = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34,
    34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73,
    68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63,
    63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)
# fmt: on
_WIDE, _OTHER = 100, 70


def width_of(text: str) -> int:
    """In pixels. Letters beyond ASCII are taken for wide ones; marks that sit on a letter take no room."""
    return -(-sum(_width(char) for char in text) * FONT_SIZE // 100)


def _width(char: str) -> int:
    if " " <= char <= "~":
        return _ASCII[ord(char) - 32]
    if unicodedata.combining(char):
        return 0
    return _WIDE if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0xFFFF else _OTHER


def draw(badge: Badge) -> str:
    """As SVG without style, script or anything from elsewhere; every text is escaped."""
    label_px, message_px = width_of(badge.label), width_of(badge.message)
    left, right = label_px + 2 * PADDING, message_px + 2 * PADDING
    width, said = left + right, escape(badge.sentence)
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
        for x, length, words in ((PADDING, label_px, badge.label), (left + PADDING, message_px, badge.message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}"'
        f' role="img" aria-label="{said}"><title>{said}</title>'
        f'<clipPath id="r"><rect width="{width}" height="{HEIGHT}" rx="4" fill="#fff"/></clipPath>'
        f'<g clip-path="url(#r)">'
        f'<rect width="{left}" height="{HEIGHT}" fill="{LABEL_GROUND}"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{badge.colour}"/></g>'
        f'<g fill="{INK}" font-family="{FONTS}" font-size="{FONT_SIZE}" aria-hidden="true">{texts}</g></svg>'
    )
