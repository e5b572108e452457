"""Who is told what, and when? Pure: events and rules in, messages out, by time and states that are handed in.

A trouble (down, degraded, ...) is announced to the channels that the rules name. Its end goes exactly where the trouble
was announced, by looking at those deliveries and not at the rules: whatever was changed in between, there is no end
without its trouble and no trouble without its end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from probes.sentences import say

PAUSES_S = (10, 30, 60, 120, 300, 600, 1_800, 3_600)
"""Between tries; the last one again and again."""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""However long a provider asks us to wait."""

HOLDS_UP_OTHERS = timedelta(seconds=60)
"""A message that is tried again within so long goes before later ones of the same monitor: DOWN, UP, DOWN."""

FAILURES_THAT_BREAK = 5
PAUSE_OF_BROKEN = timedelta(minutes=5)
"""A channel that failed so often in a row is tried so rarely, by one message at a time."""

MASS_WINDOW = timedelta(seconds=60)
COLLECT_QUIET = timedelta(seconds=10)
COLLECT_LONGEST = timedelta(seconds=60)
"""A group goes out when nothing joined it for so long, and in any case after so long."""


class Kind(StrEnum):
    """What a message says."""

    DOWN = "down"
    UP = "up"
    REMINDER = "reminder"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    RECOVERED = "recovered"
    CERTIFICATE = "certificate"
    FLAPPING = "flapping"
    CALM = "calm"
    ACKNOWLEDGED = "acknowledged"
    REGION = "region"
    REGION_WELL = "region_well"
    TEST = "test"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def reaches(self, least: Severity) -> bool:
        order = list(Severity)
        return order.index(self) >= order.index(least)


class State(StrEnum):
    """Where a delivery is on its way."""

    WAITING = "waiting"
    HELD = "held"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({State.WAITING, State.HELD, State.SENDING})

BEGINS: Mapping[str, Kind] = {
    "opened": Kind.DOWN,
    "reopened": Kind.DOWN,
    "shadow_ended": Kind.DOWN,
    "degraded": Kind.DEGRADED,
    "partial": Kind.PARTIAL,
    "certificate": Kind.CERTIFICATE,
    "flapping": Kind.FLAPPING,
    "region_offline": Kind.REGION,
    "region_suspect": Kind.REGION,
}
"""The kinds of event with which a trouble begins."""

ENDS: Mapping[str, Kind] = {
    "resolved": Kind.UP,
    "recovered": Kind.RECOVERED,
    "calm": Kind.CALM,
    "region_online": Kind.REGION_WELL,
    "region_well": Kind.REGION_WELL,
}

CHOICES = (Kind.DOWN, Kind.DEGRADED, Kind.PARTIAL, Kind.CERTIFICATE, Kind.FLAPPING, Kind.REGION)
"""What a rule may ask for. Ends follow by themselves, and so does ``up``, which may be named as well."""

SEVERITIES: Mapping[Kind, Severity] = {
    Kind.DOWN: Severity.CRITICAL,
    Kind.REMINDER: Severity.CRITICAL,
    Kind.UP: Severity.CRITICAL,
    Kind.ACKNOWLEDGED: Severity.INFO,
    Kind.TEST: Severity.INFO,
}
"""The others are warnings. An end is as grave as its trouble: who was woken up wants to hear it."""


def severity_of(kind: Kind) -> Severity:
    return SEVERITIES.get(kind, Severity.WARNING)


def thread_of(event: str, *, incident: UUID | None, monitor: UUID | None, region: str) -> str:
    """What an event belongs to: the begin and the end of one trouble have the same thread."""
    if event in {"region_offline", "region_online"}:
        return f"region:{region}:offline"
    if event in {"region_suspect", "region_well"}:
        return f"region:{region}:suspect"
    if event in {"degraded", "partial", "recovered"}:
        return f"monitor:{monitor}:health"
    if event in {"flapping", "calm"} and incident is None:
        return f"monitor:{monitor}:flapping"
    if event == "certificate":
        return f"monitor:{monitor}:certificate"
    return f"incident:{incident}"


# -- rules


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day in a time zone; ``begins`` after ``ends`` means over midnight."""

    begins: time
    ends: time
    zone: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Quiet:
        """Raises ``ValueError`` with a sentence."""
        if not isinstance(data, Mapping) or set(data) != {"from", "to", "zone"}:
            raise ValueError(say('quiet hours are {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}'))
        begins, ends = _hour(data["from"]), _hour(data["to"])
        if begins == ends:
            raise ValueError(say("quiet hours must end at another time than they begin"))
        zone = data["zone"]
        if not isinstance(zone, str) or not _is_zone(zone):
            raise ValueError(say("zone must be a time zone like Europe/Berlin or UTC"))
        return cls(begins, ends, zone)

    def until(self, moment: datetime) -> datetime | None:
        """The end of the quiet hours in which a moment lies; None when it lies in none."""
        local = moment.astimezone(ZoneInfo(self.zone))
        now = local.time().replace(tzinfo=None)
        over_midnight = self.begins > self.ends
        inside = (now >= self.begins or now < self.ends) if over_midnight else self.begins <= now < self.ends
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if over_midnight and now >= self.begins else 0)
        end = datetime.combine(day, self.ends, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return max(end, moment)


def _hour(text: Any) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except (TypeError, ValueError):
        raise ValueError(say("from and to are times of day like 22:00")) from None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such file, a path outside, a directory
        return False
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """``steps`` are channels with the minutes after which they are told: 0, or later while nobody has acknowledged."""

    id: UUID
    everything: bool = True
    monitors: frozenset[UUID] = frozenset()
    tags: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset({Kind.DOWN})
    severity: Severity = Severity.INFO
    delay_s: int = 0
    quiet: Quiet | None = None
    steps: tuple[tuple[UUID, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an event says, and about what."""

    kind: Kind
    happened_at: datetime
    monitor: UUID | None = None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to be. ``step`` is the minute of the escalation, 0 for the first ones."""

    channel: UUID
    step: int
    at: datetime
    rule: UUID
    quiet: bool = False


def applies(rule: Rule, trouble: Trouble) -> bool:
    if trouble.kind not in rule.events or not severity_of(trouble.kind).reaches(rule.severity):
        return False
    if trouble.kind is Kind.REGION:
        return True
    return rule.everything or trouble.monitor in rule.monitors or not rule.tags.isdisjoint(trouble.tags)


def plan(rules: Iterable[Rule], trouble: Trouble) -> list[Planned]:
    """Whom to tell and when. Several rules may name a channel: it is told once a step, at the earliest moment."""
    wanted: dict[tuple[UUID, int], Planned] = {}
    for rule in rules:
        if not applies(rule, trouble):
            continue
        for channel, minutes in rule.steps:
            item = _planned(rule, trouble, channel, minutes)
            known = wanted.get((channel, minutes))
            if known is None or (item.at, item.rule) < (known.at, known.rule):
                wanted[channel, minutes] = item
    return sorted(wanted.values(), key=lambda item: (item.at, item.step, item.channel))


def _planned(rule: Rule, trouble: Trouble, channel: UUID, minutes: int) -> Planned:
    at = trouble.happened_at + timedelta(seconds=rule.delay_s, minutes=minutes)
    held = held_until(trouble.kind, rule.quiet, at)
    return Planned(channel, minutes, held or at, rule.id, held is not None)


def held_until(kind: Kind, quiet: Quiet | None, moment: datetime) -> datetime | None:
    """The end of the quiet hours that hold a message of that kind; None when it may go at that moment."""
    return None if quiet is None or severity_of(kind) is Severity.CRITICAL else quiet.until(moment)


# -- the end of a trouble


@dataclass(frozen=True, slots=True)
class Announced:
    """A delivery of a trouble that no end has answered yet."""

    id: UUID
    channel: UUID
    state: State
    tries: int
    due_at: datetime

    def has_begun(self, ended_at: datetime) -> bool:
        """Whether it may have reached somebody, or would have if we were quicker.

        What was still to wait on purpose when the trouble ended (a delay, a group, quiet hours, a parent that is down)
        has not begun.
        """
        return self.tries > 0 or (self.state is not State.HELD and self.due_at <= ended_at)


@dataclass(frozen=True, slots=True)
class Ending:
    """``cancel``: told to nobody any more. ``answer``: by channel, what the end's message answers.

    What died is answered too: should somebody send it again, its end must follow.
    """

    cancel: frozenset[UUID]
    answer: Mapping[UUID, tuple[UUID, ...]]


def ending(announced: Iterable[Announced], *, ended_at: datetime) -> Ending:
    cancel: set[UUID] = set()
    answer: dict[UUID, list[UUID]] = {}
    for item in announced:
        if item.state is State.CANCELLED:
            continue
        if item.state in {State.WAITING, State.HELD} and not item.has_begun(ended_at):
            cancel.add(item.id)
        else:
            answer.setdefault(item.channel, []).append(item.id)
    return Ending(frozenset(cancel), {channel: tuple(ids) for channel, ids in answer.items()})


class Turn(StrEnum):
    GO = "go"
    WAIT = "wait"
    NEVER = "never"


def turn_of_end(answered: Collection[State]) -> Turn:
    """Whether the end may be told: not before its trouble is settled, and not where that never arrived."""
    if any(state in OPEN_STATES for state in answered):
        return Turn.WAIT
    return Turn.GO if State.SENT in answered else Turn.NEVER


# -- many at once


def alone(*, recent: int, new: int, over: int) -> int:
    """How many of ``new`` messages to one channel go by themselves; the others become one with a list.

    ``recent`` went there within ``MASS_WINDOW``. Up to ``over`` in it are told one by one and at once. Beyond that the
    first still goes at once, so that a mass failure is heard of as quickly as a single one.
    """
    if recent + new <= over:
        return new
    return 1 if recent == 0 else 0


def group_due(*, began: datetime, joined: datetime) -> datetime:
    """When a group goes out, counted from its first and its last member."""
    return min(began + COLLECT_LONGEST, joined + COLLECT_QUIET)


# -- tries


def next_try(*, tries: int, now: datetime, expires_at: datetime, retry_after: timedelta | None) -> datetime | None:
    """When to try again after so many tries; None when it is given up."""
    pause = timedelta(seconds=PAUSES_S[min(max(tries, 1), len(PAUSES_S)) - 1])
    if retry_after is not None:
        pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
    moment = now + pause
    return moment if moment <= expires_at else None


def is_broken(failures: int) -> bool:
    return failures >= FAILURES_THAT_BREAK


# -- parents

LOOK_AT_PARENT = timedelta(seconds=15)
"""How often is looked whether a parent is well again."""

WAS_HELD_BY_PARENT = say("waited while what it depends on was down")


@dataclass(frozen=True, slots=True)
class Parent:
    """A monitor that another one depends on. ``shaky``: a region's last word on it is a failure."""

    down: bool
    shaky: bool
    well_since: datetime | None


def held_by_parents(parents: Sequence[Parent], *, already_held: bool, grace: timedelta, now: datetime) -> bool:
    """Whether a monitor's message waits because what it depends on is down.

    A child is often found down a moment before its parent, so a failing region of the parent is enough at first. A
    message that was held waits a little longer than the parent's trouble: until the child had its chance to recover.
    """
    for parent in parents:
        if parent.down or (parent.shaky and not already_held):
            return True
        if already_held and parent.well_since is not None and now - parent.well_since < grace:
            return True
    return False
