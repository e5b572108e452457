"""What is to be made: which monitors in which regions, from when to when, and what each hour of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from checks.services.demo import story
from checks.services.demo.story import DAY_S, HOUR_S, Character, Check, Event
from monitors import rules as monitor_rules

AT_ONCE = 500
"""Monitors that are written together."""
QUIET_END_S = 1_800
"""The last half hour is peaceful, as a paused monitor has no open incident."""


@dataclass(frozen=True, slots=True)
class Series:
    """One monitor in one region. ``offset``: its slots' second within each interval."""

    who: Character
    place: int
    region: str
    offset: int

    @property
    def key(self) -> str:
        return f"{self.who.id}\t{self.region}\t"

    @property
    def level(self) -> int:
        return story.region_level(self.who.level, self.place)

    def pattern(self, at: int) -> int:
        return story.day_pattern(self.who.number, self.place, at // DAY_S)

    def events(self, start: int, end: int) -> list[Event]:
        return [event for event in self.who.events if event.covers(self.region, start, end)]

    def totals(self, hour: int, per_hour: int) -> tuple[float, ...]:
        return story.response_times(*self.hour_of_story(hour), per_hour)

    def hour_of_story(self, hour: int) -> tuple[int, int]:
        """Level and shape of the hour that begins at this epoch."""
        pattern, of_day = self.pattern(hour), hour % DAY_S // HOUR_S
        return story.hour_level(self.level, pattern, of_day), story.hour_shape(pattern, of_day)


@dataclass(frozen=True)
class Plan:
    """What to make. Times are epochs in seconds; ``interval`` divides an hour.

    Hours before ``folded`` are rollups (``rollups``); of later ones only the single results are written.
    """

    seed: int
    monitors: int
    days: int
    interval: int
    regions: tuple[str, ...]
    now: int
    folded: int = 0

    @property
    def start(self) -> int:
        return self.now // DAY_S * DAY_S - (self.days - 1) * DAY_S

    @property
    def raw_start(self) -> int:
        """Single results are there from this hour on: a day of them, in whole hours."""
        return max(self.start, (self.now - DAY_S) // HOUR_S * HOUR_S)

    @property
    def all_days(self) -> range:
        return range(self.start, self.now, DAY_S)

    @property
    def per_hour(self) -> int:
        return HOUR_S // self.interval

    @cached_property
    def characters(self) -> list[Character]:
        end = max(self.start + 1, self.now - QUIET_END_S)
        told = [
            story.character(self.seed, number, regions=self.regions, start=self.start, end=end)
            for number in range(self.monitors)
        ]
        return sorted(told, key=lambda who: who.id)

    @cached_property
    def series(self) -> list[Series]:
        return [
            Series(who, place, region, self._offset(who, place))
            for who in self.characters
            for place, region in enumerate(self.regions)
        ]

    def _offset(self, who: Character, place: int) -> int:
        turn = monitor_rules.region_turn(self.interval, place, len(self.regions))
        return (monitor_rules.phase_of(who.id, self.interval) + turn) % self.interval

    def checks(self, series: Series, hour: int) -> list[Check]:
        """The checks of an hour, one by one, up to now."""
        slots = range(hour + series.offset, min(hour + HOUR_S, self.now + 1), self.interval)
        totals = series.totals(hour, self.per_hour)
        return story.eventful_hour(series.events(hour, hour + HOUR_S), series.region, slots, totals)

    def has_begun(self, series: Series, start: int) -> bool:
        """Whether the first slot from this hour or day on has come: without one there is no row."""
        return start + series.offset <= self.now

    def is_plain(self, series: Series, start: int, end: int) -> bool:
        """Whether nothing happens in this time, and it is over."""
        return end <= self.now and not series.events(start, end)


def moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
