"""The list of monitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, IntegerField, QuerySet, Value, When
from django.db.models.functions import Lower

from accounts.models import Team
from checks.models import MonitorStats
from checks.rules import Tick
from checks.selectors import stats_by_monitor
from dashboard.selectors.delays import Delay, delays, pace_s
from dashboard.words import STATUSES
from monitors.models import Monitor
from monitors.rules import Status
from monitors.selectors import find_monitors

PAGE_SIZE = 50
FIRST_FEW = 3

WORST_FIRST = (
    Status.DOWN,
    Status.PARTIAL,
    Status.UNKNOWN,
    Status.DEGRADED,
    Status.PENDING,
    Status.UP,
    Status.MAINTENANCE,
    Status.PAUSED,
)
FAILING = (Status.DOWN, Status.PARTIAL)


@dataclass(frozen=True, slots=True)
class StatusCount:
    """One of the filters above the list."""

    status: Status
    name: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One monitor in the list."""

    monitor: Monitor
    stats: MonitorStats

    @property
    def ticks(self) -> list[tuple[str, list[Tick]]]:
        return [(region, self.stats.ticks.get(region, [])) for region in self.monitor.regions]

    @property
    def waiting(self) -> bool:
        """Somebody waits for a result."""
        return self.monitor.status == Status.PENDING or self.monitor.wanted_at is not None

    @property
    def awaited(self) -> bool:
        """A result, or the first figures made from one, will be there in a moment."""
        return self.waiting or figures_awaited(self.stats)

    def facts(self) -> tuple[object, ...]:
        monitor, stats = self.monitor, self.stats
        shown = (monitor.pk, monitor.name, monitor.url, monitor.tags, monitor.regions)
        status = (monitor.status, monitor.status_since, monitor.status_reason, self.waiting, self.awaited)
        return (*shown, *status, stats.ticks, stats.last_response_ms, stats.uptime_24h)


def figures_awaited(stats: MonitorStats) -> bool:
    """The first results are stored, the first windows not computed yet."""
    few = stats.ticks and all(len(ticks) < FIRST_FEW for ticks in stats.ticks.values())
    return bool(few) and stats.refreshed_at is None


@dataclass(frozen=True)
class MonitorList:
    rows: list[Row]
    page: Page[Monitor]
    counts: list[StatusCount]
    total: int
    failing: int
    """Down or partly down, whatever is filtered."""
    delays: list[Delay]
    search: str
    status: str

    @property
    def pace_s(self) -> int:
        return pace_s(awaited=any(row.awaited for row in self.rows), delayed=bool(self.delays))

    @property
    def filtered(self) -> bool:
        return bool(self.search or self.status)

    def facts(self) -> tuple[object, ...]:
        rows = [row.facts() for row in self.rows]
        return (rows, self.page.number, self.page.paginator.num_pages, self.counts, self.failing, self.delays)


def monitor_list(team: Team, *, now: datetime, search: str = "", status: str = "", page: str = "1") -> MonitorList:
    """A page of the team's monitors, failing ones first."""
    status = status if status in set(Status) else ""
    counted = dict(Monitor.objects.for_team(team).order_by().values_list("status").annotate(Count("pk")))
    found = worst_first(find_monitors(team, search=search, status=status))
    paginator = Paginator(found, PAGE_SIZE)
    if not search:
        paginator.count = counted.get(status, 0) if status else sum(counted.values())
    shown = paginator.get_page(page)
    # Ten thousand ids are sorted in a fraction of the time that ten thousand whole rows take.
    ids = found.values("pk")[(shown.number - 1) * PAGE_SIZE : shown.number * PAGE_SIZE]
    monitors = list(worst_first(Monitor.objects.filter(pk__in=ids)))
    stats = stats_by_monitor(monitors)
    return MonitorList(
        rows=[Row(monitor, stats[monitor.pk]) for monitor in monitors],
        page=shown,
        counts=[
            StatusCount(item, STATUSES[item], counted.get(item, 0), chosen=item == status)
            for item in WORST_FIRST
            if counted.get(item) or item == status
        ],
        total=sum(counted.values()),
        failing=sum(counted.get(item, 0) for item in FAILING),
        delays=delays(now=now),
        search=search,
        status=status,
    )


def worst_first(found: QuerySet[Monitor]) -> QuerySet[Monitor]:
    rank = Case(
        *(When(status=status, then=Value(place)) for place, status in enumerate(WORST_FIRST)),
        default=Value(len(WORST_FIRST)),
        output_field=IntegerField(),
    )
    return found.order_by(rank, Lower("name"), "id")
