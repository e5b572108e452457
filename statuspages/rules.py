"""What a status page says of a component, of a day and of the whole, and what may be set on one. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitors.rules import Status
from probes.sentences import say

DAYS = 90
"""How many days the bars go back, today included."""


class Visibility(StrEnum):
    PUBLIC = "public"
    UNLISTED = "unlisted"
    """For whoever knows the address, which has a token in it."""
    PASSWORD = "password"  # noqa: S105 - a word


class Source(StrEnum):
    """What a component stands for."""

    MONITOR = "monitor"
    TAG = "tag"
    GROUP = "group"


class Road(StrEnum):
    """How a subscriber is told; the names are those of the notifiers."""

    EMAIL = "email"
    WEBHOOK = "webhook"


class PostKind(StrEnum):
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


class PostState(StrEnum):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    SCHEDULED = "scheduled"
    UNDER_WAY = "under_way"
    COMPLETED = "completed"


STATES: Mapping[PostKind, tuple[PostState, ...]] = {
    PostKind.INCIDENT: (
        PostState.INVESTIGATING,
        PostState.IDENTIFIED,
        PostState.MONITORING,
        PostState.RESOLVED,
    ),
    PostKind.MAINTENANCE: (PostState.SCHEDULED, PostState.UNDER_WAY, PostState.COMPLETED),
}
ENDS = {PostState.RESOLVED, PostState.COMPLETED}


# --- the state of a component and of the whole ---

SHOWN = (Status.DOWN, Status.PARTIAL, Status.DEGRADED, Status.MAINTENANCE, Status.UP)
"""From bad to good, as far as something is known."""


def component_state(monitors: Collection[Status]) -> Status:
    """What to say of a component whose monitors have these statuses; paused ones are not among them.

    Down only when all of it is. Where nothing at all is known, unknown; else what is known decides.
    """
    known = [status for status in monitors if status in SHOWN]
    if not known:
        return Status.UNKNOWN
    if all(status is Status.DOWN for status in known):
        return Status.DOWN
    if Status.DOWN in known:
        return Status.PARTIAL
    return min(known, key=SHOWN.index)


class Overall(StrEnum):
    """The line at the top of a page."""

    EMPTY = "empty"
    UP = "up"
    UP_AS_KNOWN = "up_as_known"
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    SOME_DOWN = "some_down"
    ALL_DOWN = "all_down"
    UNKNOWN = "unknown"

    @property
    def status(self) -> Status:
        """Whose colour and sign it has."""
        return {
            Overall.EMPTY: Status.UNKNOWN,
            Overall.UP_AS_KNOWN: Status.UP,
            Overall.INCIDENT: Status.DEGRADED,
            Overall.SOME_DOWN: Status.DOWN,
            Overall.ALL_DOWN: Status.DOWN,
        }.get(self) or Status(self.value)


def overall(components: Collection[Status], *, open_incident: bool = False) -> Overall:
    """``open_incident``: somebody has written of trouble that is not over, whatever the checks say."""
    if not components:
        return Overall.INCIDENT if open_incident else Overall.EMPTY
    known = [state for state in components if state in SHOWN]
    if not known:
        return Overall.INCIDENT if open_incident else Overall.UNKNOWN
    if all(state is Status.DOWN for state in components):
        return Overall.ALL_DOWN
    worst = min(known, key=SHOWN.index)
    if worst is Status.DOWN:
        return Overall.SOME_DOWN
    if open_incident and worst in {Status.UP, Status.MAINTENANCE}:
        return Overall.INCIDENT
    if worst is Status.UP and len(known) < len(components):
        return Overall.UP_AS_KNOWN
    return Overall(worst.value)


# --- days ---


@dataclass(frozen=True, slots=True)
class Counts:
    """How many checks of a span of time ended how."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0
    maintenance: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.up + other.up,
            self.degraded + other.degraded,
            self.down + other.down,
            self.unknown + other.unknown,
            self.maintenance + other.maintenance,
        )

    @property
    def known(self) -> int:
        return self.up + self.degraded + self.down

    @property
    def uptime(self) -> float | None:
        """0..1 over known time; None where nothing is known."""
        return (self.up + self.degraded) / self.known if self.known else None

    @property
    def coverage(self) -> float | None:
        """The known part of the time in which something was to be known."""
        asked = self.known + self.unknown
        return self.known / asked if asked else None


DEGRADED_DAY = 0.05
DOWN_DAY = 0.95
NO_DATA = "none"


def day_state(counts: Counts) -> str:
    """How a day's bar looks: a status, or ``none`` where nothing is known of the day. Silence is never up."""
    if not counts.known:
        return Status.MAINTENANCE if counts.maintenance else NO_DATA
    if counts.down:
        return Status.DOWN if (counts.uptime or 0) < DOWN_DAY else Status.PARTIAL
    return Status.DEGRADED if counts.degraded / counts.known >= DEGRADED_DAY else Status.UP


def total(days: Iterable[Counts]) -> Counts:
    return sum(days, Counts())


# --- posts ---


def post_state(
    kind: PostKind, said: PostState, *, starts: datetime | None, ends: datetime | None, now: datetime
) -> PostState:
    """What is said of a post now: planned work begins and ends by the clock, unless somebody has said otherwise."""
    if kind is PostKind.INCIDENT or said is PostState.COMPLETED:
        return said
    if ends and now >= ends:
        return PostState.COMPLETED
    if starts and now >= starts:
        return PostState.UNDER_WAY
    return said


# --- what may be set ---

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{4,253}}\Z)(?:{LABEL}\.)+(?!\d+\Z){LABEL}")
COLOUR = re.compile(r"#[0-9a-f]{6}")

COLOURS = ("accent", "up", "degraded", "down", "unknown")
"""What may be coloured: links and focus, and the bars by state."""

READABLE = 4.5
"""WCAG 2.2, 1.4.3: text against its ground."""
VISIBLE = 1.5
"""A bar that is nearly white would look like a gap on white ground."""


def slug_problem(slug: str) -> str | None:
    if SLUG.fullmatch(slug):
        return None
    return say("must be 1 to 60 small letters, digits and hyphens, like my-company")


def domain_problem(domain: str) -> str | None:
    if DOMAIN.fullmatch(domain):
        return None
    return say("must be a host name like status.example.com, without http:// and without a port")


def colours_problem(colours: Mapping[str, object]) -> str | None:
    for name, value in colours.items():
        if name not in COLOURS:
            return say("{name} is not known here; the names are {names}", name=str(name)[:40], names=", ".join(COLOURS))
        if not isinstance(value, str) or not COLOUR.fullmatch(value):
            return say("{name} must be like #3f51d4", name=name)
        contrast = contrast_on_white(value)
        if name == "accent" and contrast < READABLE:
            return say(
                "accent cannot be read on white (contrast {contrast}, needed {readable}): choose a darker one",
                contrast=f"{contrast:.1f}",
                readable=READABLE,
            )
        if contrast < VISIBLE:
            return say("{name} is too light to be seen on white: choose a darker one", name=name)
    return None


def contrast_on_white(colour: str) -> float:
    """The contrast ratio of WCAG, 1 to 21, of ``#rrggbb`` against white."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


# --- subscribers ---


def masked(address: str) -> str:
    """An address for those who need not know it: ``o...@example.com``, ``https://hooks.example.com/...``."""
    name, at, domain = address.rpartition("@")
    if at and "/" not in address:
        return f"{name[:1]}…@{domain}"
    scheme, colon, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…" if colon else "…"
