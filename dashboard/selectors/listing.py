"""The list of monitors."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q

from accounts.models import Team
from checks.rules import HourSum
from checks.selectors.figures import Figures, figures_by_monitor, last_hours
from dashboard.filters import Filters
from dashboard.selectors import fingerprint
from dashboard.selectors.delays import Delay, delays, pace_s
from dashboard.words import STATUSES
from monitors.models import Monitor, MonitorQuerySet
from monitors.rules import WORST_FIRST, Status
from monitors.selectors import commonest, fitting

PAGE_SIZE = 50
FIRST_FEW = 3
FAILING = (Status.DOWN, Status.PARTIAL)
SHOWN = (
    *("team", "name", "kind", "spec", "tags", "regions", "shadow", "wanted_at"),
    *("status", "status_since", "status_reason"),
)
"""All that a row needs to know of a monitor."""


@dataclass(frozen=True, slots=True)
class StatusCount:
    """One of the filters above the list."""

    status: Status
    name: str
    count: int
    chosen: bool
    query: str


@dataclass(frozen=True)
class Row:
    """One monitor in the list."""

    monitor: Monitor
    figures: Figures
    hours: Sequence[HourSum]

    @property
    def waiting(self) -> bool:
        """Somebody waits for a result."""
        return self.monitor.status == Status.PENDING or self.monitor.wanted_at is not None

    @property
    def awaited(self) -> bool:
        """A result, or the first figures made from one, will be there in a moment."""
        return self.waiting or figures_awaited(self.figures.first_results)

    @cached_property
    def mark(self) -> str:
        """The same for as long as the row would show the same."""
        return fingerprint(self.facts())[:12]

    def facts(self) -> tuple[object, ...]:
        monitor, figures = self.monitor, self.figures
        shown = (monitor.pk, monitor.name, monitor.url, monitor.tags, monitor.regions, monitor.shadow)
        status = (monitor.status, monitor.status_since, monitor.status_reason, self.waiting, self.awaited)
        counts = [hour[1:] for hour in self.hours]  # the same hours for every row: the first tells which
        return (*shown, *status, self.hours[:1], counts, figures.last_response_ms, figures.uptime_24h)


def figures_awaited(first_results: int) -> bool:
    """So many are stored, and the first windows not computed yet: they will be in a moment."""
    return 0 < first_results < FIRST_FEW


@dataclass(frozen=True)
class Listing:
    rows: list[Row]
    page: Page[Monitor]
    counts: list[StatusCount]
    matching: int
    """How many there are on all pages."""
    total: int
    """How many the team has, whatever is filtered."""
    failing: int
    """Down or partly down, whatever is filtered."""
    moved: int
    """Rows that would stand elsewhere, were the order not held."""
    delays: list[Delay]
    tags: list[str]
    """Those that the team uses, where they were asked for."""
    filters: Filters

    @property
    def pace_s(self) -> int:
        return pace_s(awaited=any(row.awaited for row in self.rows), delayed=bool(self.delays))

    @property
    def any_status(self) -> str:
        """The query of the same list with every status."""
        return self.filters.with_status()

    @property
    def unnamed(self) -> int:
        """How many the chips of the statuses add up to."""
        return sum(item.count for item in self.counts)

    def facts(self) -> tuple[object, ...]:
        rows = [row.mark for row in self.rows]
        pages = (self.page.number, self.page.paginator.num_pages, self.matching, self.total)
        return (rows, pages, self.counts, self.failing, self.moved, self.delays)


def monitor_list(
    team: Team,
    *,
    now: datetime,
    filters: Filters | None = None,
    page: str = "1",
    held: Sequence[UUID] = (),
    with_tags: bool = False,
) -> Listing:
    """A page of the team's monitors, failing ones first.

    ``held``: the monitors that somebody is reading, in the order of their screen. They stay where they are, and the
    page says how many would stand elsewhere.
    """
    filters = filters or Filters()
    counts = _counted(team, replace(filters, statuses=()), with_tags=with_tags)
    paginator = Paginator(matching(team, filters).worst_first(), PAGE_SIZE)
    paginator.count = sum(counts.fitting[status] for status in filters.statuses or Status)
    shown = paginator.get_page(page)
    # Ten thousand ids are sorted in a fraction of the time that ten thousand whole rows take.
    first = (shown.number - 1) * PAGE_SIZE
    ids = matching(team, filters).worst_first().values("pk")[first : first + PAGE_SIZE]
    monitors = Monitor.objects.for_team(team).only(*SHOWN)
    if held:
        wanted = [row["pk"] for row in ids]
        present = _in_order(monitors.filter(pk__in=held), held)
    else:
        present = list(monitors.filter(pk__in=ids).worst_first())
        wanted = [monitor.pk for monitor in present]
    return Listing(
        rows=_rows(present, now=now),
        page=shown,
        counts=_chips(counts.fitting, filters),
        matching=paginator.count,
        total=counts.every.total(),
        failing=sum(counts.every[item] for item in FAILING),
        moved=displaced(held or wanted, wanted),
        delays=delays(now=now),
        tags=commonest(counts.tags),
        filters=filters,
    )


def matching(team: Team, filters: Filters) -> MonitorQuerySet:
    """All monitors that a list shows, on whichever page."""
    return Monitor.objects.for_team(team).filter(_fitting(filters))


def _fitting(filters: Filters) -> Q:
    fits = fitting(
        search=filters.search,
        statuses=filters.statuses,
        kind=filters.kind,
        regions=filters.regions,
        tags=filters.tags,
    )
    if filters.failed:
        fits &= Q(stats__uptime_24h__lt=1) | Q(status__in=FAILING)
    if filters.shadow:
        fits &= Q(shadow=True)
    return fits


@dataclass(frozen=True, slots=True)
class Counts:
    """How many monitors a team has of each status, and how many of them fit; and how many have which tags."""

    every: Counter[str] = field(default_factory=Counter)
    fitting: Counter[str] = field(default_factory=Counter)
    tags: list[tuple[list[str], int]] = field(default_factory=list)


def _counted(team: Team, filters: Filters, *, with_tags: bool) -> Counts:
    """In one look at all of them, which takes longer than all else that a list asks for."""
    numbers = {"every": Count("pk"), "fits": Count("pk", filter=_fitting(filters) or None)}
    alike = ("status", "tags") if with_tags else ("status",)
    counts = Counts()
    groups = Monitor.objects.for_team(team).order_by().values_list(*alike).annotate(**numbers)
    for status, *tags, every, fits in groups:
        counts.every[status] += every
        counts.fitting[status] += fits
        counts.tags.extend((own, every) for own in tags)
    return counts


def _in_order(monitors: Iterable[Monitor], order: Sequence[UUID]) -> list[Monitor]:
    found = {monitor.pk: monitor for monitor in monitors}
    return [found[pk] for pk in order if pk in found]


def _rows(monitors: Sequence[Monitor], *, now: datetime) -> list[Row]:
    """Without those that were deleted while we read."""
    ids = [monitor.pk for monitor in monitors]
    figures, hours = figures_by_monitor(ids), last_hours(ids, now=now)
    return [Row(monitor, figures[monitor.pk], hours[monitor.pk]) for monitor in monitors if monitor.pk in figures]


def _chips(counted: Mapping[str, int], filters: Filters) -> list[StatusCount]:
    """One click shows one status; the one that is shown alone gives all back."""
    return [
        StatusCount(
            status,
            STATUSES[status],
            counted.get(status, 0),
            chosen=status in filters.statuses,
            query=filters.with_status(*(() if filters.statuses == (status,) else (status,))),
        )
        for status in WORST_FIRST
        if counted.get(status) or status in filters.statuses
    ]


def displaced(shown: Sequence[UUID], wanted: Sequence[UUID]) -> int:
    """How many of ``wanted`` do not stand where they should: the fewest that have to be moved or let in."""
    place = {pk: at for at, pk in enumerate(shown)}
    ends: list[int] = []  # of the longest rising rows of places so far, by length
    for at in (place[pk] for pk in wanted if pk in place):
        spot = bisect_left(ends, at)
        ends[spot : spot + 1] = [at]
    return len(wanted) - len(ends)
