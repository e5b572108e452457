"""A status page as the world sees it: plain values that can be kept, and rendered without a database.

Nothing in here names a monitor, its address or anything else that the page does not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from monitors.rules import Status
from statuspages import rules
from statuspages.rules import Counts, Overall, PostKind, PostState, Visibility


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    counts: Counts

    @property
    def state(self) -> str:
        return rules.day_state(self.counts)


@dataclass(frozen=True, slots=True)
class Chart:
    """Mean response times by the hour, oldest first; an hour in which no check passed is None."""

    times: tuple[int, ...]
    """Beginnings, epoch seconds."""
    values: tuple[float | None, ...]
    mean_ms: float | None
    fastest_ms: float | None
    slowest_ms: float | None

    @property
    def highest_ms(self) -> float | None:
        return max((value for value in self.values if value is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        return {"times": self.times, "values": self.values}

    @property
    def table(self) -> list[tuple[date, float, float]]:
        """By day, newest first: the mean and the slowest of its hours. Days without a value are left out."""
        days: dict[date, list[float]] = defaultdict(list)
        for at, value in zip(self.times, self.values, strict=True):
            if value is not None:
                days[datetime.fromtimestamp(at, UTC).date()].append(value)
        return [(day, sum(values) / len(values), max(values)) for day, values in sorted(days.items(), reverse=True)]


@dataclass(frozen=True, slots=True)
class Component:
    id: UUID
    name: str
    description: str
    state: Status
    days: tuple[Day, ...]
    """Oldest first, today included."""
    chart: Chart | None = None

    @property
    def whole(self) -> Counts:
        return rules.total(day.counts for day in self.days)

    @property
    def uptime(self) -> float | None:
        return self.whole.uptime

    @property
    def coverage(self) -> float | None:
        return self.whole.coverage

    @property
    def troubled(self) -> list[Day]:
        """The days on which not all was well, newest first."""
        return [day for day in reversed(self.days) if day.state not in {Status.UP, rules.NO_DATA}]

    @property
    def first_known(self) -> date | None:
        return next((day.day for day in self.days if day.counts.known), None)


@dataclass(frozen=True, slots=True)
class Section:
    id: UUID | None
    name: str
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Update:
    id: UUID
    state: PostState
    text: str
    """Markdown, as it was written."""
    html: str
    """The same as safe HTML."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    id: UUID
    kind: PostKind
    title: str
    state: PostState
    starts_at: datetime
    ends_at: datetime | None
    components: tuple[str, ...]
    updates: tuple[Update, ...]
    """Newest first."""

    @property
    def is_over(self) -> bool:
        return self.state in rules.ENDS


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage that nobody has written of. ``partly``: of some of what the components stand for.

    ``id`` is for this page alone, and tells nothing of the monitor."""

    id: UUID
    components: tuple[str, ...]
    partly: bool
    starts_at: datetime
    ends_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.ends_at is not None


@dataclass(frozen=True)
class Page:
    id: UUID
    slug: str
    title: str
    description: str
    logo_mark: str
    colours: Mapping[str, str]
    languages: tuple[str, ...]
    visibility: Visibility
    token_key: str
    password_mark: str
    """Changes with the password; says nothing about it."""
    embeddable: bool
    lists_outages: bool
    takes_subscribers: bool
    since: datetime
    """When the page was made: its history goes back no further."""
    overall: Overall
    sections: tuple[Section, ...]
    incidents: tuple[Post, ...]
    """Those that are not over."""
    planned: tuple[Post, ...]
    """Planned work that is under way or to come, the next first."""
    past: tuple[Post | Outage, ...]
    """What was lately, and is over; newest first."""
    under_way: tuple[Outage, ...] = field(default=())
    """Outages that nobody has written of yet."""

    @property
    def components(self) -> Iterator[Component]:
        for section in self.sections:
            yield from section.components

    def component(self, pk: UUID) -> Component | None:
        return next((each for each in self.components if each.id == pk), None)


@dataclass(frozen=True)
class Month:
    """What happened in a month, newest first."""

    first: date
    entries: tuple[Post | Outage, ...]
