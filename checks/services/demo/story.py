"""What happens to the monitors of the demo data: response times, bad hours, outages. Pure, and the same for a seed.

Response times of an hour are one of ``SHAPES`` standard hours, moved up or down by whole latency buckets. So an hour's
figures are worked out once for each shape and level, however many monitors there are; only hours in which something
happens are told check by check.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import NAMESPACE_URL, UUID, uuid5

from checks import rules
from probes.contract import Outcome, Reason

HOUR_S, DAY_S = 3_600, 86_400
SHAPES = 64
LOWEST_LEVEL, HIGHEST_LEVEL = 15, 58
"""Levels are latency buckets: medians from 7 ms to 3 s."""

SLOW_LEVELS = 10
"""A degraded hour is so many buckets slower: about four times."""

STILL_SLOW = 0.02
"""How many monitors are degraded at the end."""

PHASES = (("dns", 0.06), ("connect", 0.18), ("tls", 0.27), ("first_byte", 0.44), ("download", 0.05))
TROUBLES = (
    (Outcome.DOWN, Reason.CONNECT_TIMEOUT, "Connecting took longer than 10 s", None),
    (Outcome.DOWN, Reason.UNEXPECTED_STATUS, "Expected a status in 200-399, got 503", 503),
    (Outcome.DOWN, Reason.DNS_SERVFAIL, "The name server answered SERVFAIL", None),
    (Outcome.DOWN, Reason.FIRST_BYTE_TIMEOUT, "No answer within 10 s", None),
)
SLOW = (Outcome.DEGRADED, Reason.SLOW_RESPONSE, "Slower than the 500 ms it may take", 200)
SILENT = (Outcome.UNKNOWN, Reason.LATE, "no worker of the region reported in 75 s", None)
Trouble = tuple[Outcome, Reason, str, int | None]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a monitor from ``start`` to ``end`` (epoch seconds); no region means all."""

    start: int
    end: int
    trouble: Trouble
    region: str | None = None

    def covers(self, region: str, start: int, end: int) -> bool:
        return self.start < end and self.end > start and self.region in {None, region}


@dataclass(frozen=True, slots=True)
class Character:
    """What a monitor is like."""

    number: int
    id: UUID
    level: int
    events: tuple[Event, ...]


def monitor_id(seed: int, number: int) -> UUID:
    """Ids of demo monitors are of version 5, those of real ones of version 4; that is how they are told apart."""
    return uuid5(NAMESPACE_URL, f"uptime-demo:{seed}:{number}")


def character(seed: int, number: int, *, regions: Sequence[str], start: int, end: int) -> Character:
    """A monitor's speed (log-normal over monitors) and its bad hours between two moments."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - a story, no secret
    typical_ms = chance.lognormvariate(math.log(140), 0.75)
    level = min(max(rules.bucket_of(typical_ms), LOWEST_LEVEL), HIGHEST_LEVEL)
    events = sorted(_events(chance, regions, start, end), key=lambda event: event.start)
    return Character(number, monitor_id(seed, number), level, tuple(_apart(events)))


def _events(chance: random.Random, regions: Sequence[str], start: int, end: int) -> Iterator[Event]:
    """In a month: an outage for every third monitor, a slow time for every fourth, a silent region for every tenth."""
    months = (end - start) / (30 * DAY_S)
    for likely, troubles, longest_s, one_region in (
        (0.33, TROUBLES, 3 * HOUR_S, False),
        (0.25, (SLOW,), 6 * HOUR_S, False),
        (0.15, TROUBLES, 900, True),
        (0.10, (SILENT,), HOUR_S, True),
    ):
        if chance.random() < likely * months:
            begin = chance.randrange(start, max(start + 1, end - HOUR_S))
            length = int(min(longest_s, 180 + chance.expovariate(4 / longest_s), end - begin))
            region = chance.choice(list(regions)) if one_region and len(regions) > 1 else None
            yield Event(begin, begin + length, chance.choice(troubles), region)
    if chance.random() < STILL_SLOW:
        yield Event(end - 2 * HOUR_S, end + DAY_S, SLOW)


def _apart(events: Iterable[Event]) -> Iterator[Event]:
    """One thing at a time, with an hour of peace between them."""
    peace = 0
    for event in events:
        if event.start > peace:
            yield event
            peace = event.end + HOUR_S


@dataclass(slots=True)
class Figures:
    """A rollup in the making."""

    counts: dict[Outcome, int] = field(default_factory=dict)
    timed: int = 0
    sum_ms: float = 0.0
    min_ms: float | None = None
    max_ms: float | None = None
    histogram: dict[int, int] = field(default_factory=dict)

    def add(self, other: Figures) -> None:
        for outcome, count in other.counts.items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count
        self.timed += other.timed
        self.sum_ms += other.sum_ms
        if other.min_ms is not None and other.max_ms is not None:
            self.min_ms = other.min_ms if self.min_ms is None else min(self.min_ms, other.min_ms)
            self.max_ms = other.max_ms if self.max_ms is None else max(self.max_ms, other.max_ms)
        self.histogram = rules.merge_histograms([self.histogram, other.histogram])


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the story; ``trouble`` is None when all is well."""

    total_ms: float | None
    trouble: Trouble | None = None

    @property
    def outcome(self) -> Outcome:
        return self.trouble[0] if self.trouble else Outcome.UP


def figures_of(checks: Iterable[Check]) -> Figures:
    told = Figures()
    for check in checks:
        told.counts[check.outcome] = told.counts.get(check.outcome, 0) + 1
        if check.total_ms is not None and check.outcome in {Outcome.UP, Outcome.DEGRADED}:
            one = check.total_ms
            told.add(Figures({}, 1, one, one, one, {rules.bucket_of(one): 1}))
    return told


@cache
def shape(number: int, per_hour: int) -> tuple[float, ...]:
    """The response times of a standard hour, as factors of its median (log-normal)."""
    chance = random.Random(f"shape/{number}")  # noqa: S311 - a story, no secret
    return tuple(chance.lognormvariate(0, 0.22) for _ in range(per_hour))


@cache
def response_times(level: int, number: int, per_hour: int) -> tuple[float, ...]:
    """Milliseconds of an hour's checks, as PostgreSQL's ``real`` keeps them."""
    middle = rules.bucket_value(level)
    return tuple(
        struct.unpack("f", struct.pack("f", round(middle * factor, 2)))[0] for factor in shape(number, per_hour)
    )


@cache
def plain_hour(level: int, number: int, per_hour: int) -> Figures:
    """The figures of an hour in which all is well."""
    return figures_of(Check(total) for total in response_times(level, number, per_hour))


@cache
def plain_day(level: int, pattern: int, per_hour: int) -> Figures:
    """The figures of a day in which all is well."""
    day = Figures()
    for hour in range(24):
        day.add(plain_hour(hour_level(level, pattern, hour), hour_shape(pattern, hour), per_hour))
    return day


def hour_level(level: int, pattern: int, hour: int) -> int:
    """Busy in the afternoon, quiet at night; each pattern has its own peak."""
    rhythm = 2.0 * math.cos(2 * math.pi * (hour - 12 - pattern % 8) / 24)
    return level + round(rhythm)


def hour_shape(pattern: int, hour: int) -> int:
    return (pattern * 7 + hour * 11) % SHAPES


def day_pattern(number: int, place: int, day: int) -> int:
    """Which of the standard days a monitor has in a region (its ``place``) on a day: any, and always the same."""
    return ((number * 2_654_435_761 + place * 40_503 + day * 2_246_822_519) >> 9) % SHAPES


def region_level(level: int, place: int) -> int:
    """Each further region is a little further away."""
    return level + 2 * place


def eventful_hour(events: Sequence[Event], region: str, slots: Sequence[int], totals: Sequence[float]) -> list[Check]:
    """The checks of an hour in which something happens."""
    return [_check(events, region, slot, total) for slot, total in zip(slots, totals, strict=False)]


def _check(events: Sequence[Event], region: str, slot: int, total_ms: float) -> Check:
    for event in events:
        if event.covers(region, slot, slot + 1):
            return _troubled(event.trouble, total_ms)
    return Check(total_ms)


def _troubled(trouble: Trouble, total_ms: float) -> Check:
    if trouble[0] is Outcome.DEGRADED:
        slow = total_ms * rules.GROWTH**SLOW_LEVELS
        return Check(struct.unpack("f", struct.pack("f", round(slow, 2)))[0], trouble)
    answered = trouble[3] is not None
    return Check(total_ms if answered else None, trouble)
