"""The page of one monitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Sum

from checks.models import CheckResult, Day, Hour, MonitorStats
from checks.rules import Tick
from checks.selectors import Wanted, latest_results, newest_results, stats_of
from dashboard.selectors.delays import Delay, delays, pace_s
from dashboard.selectors.listing import FAILING, figures_awaited
from dashboard.selectors.maintenance import work_on
from dashboard.words import reason_in_words
from heartbeats import selectors as heartbeats
from heartbeats.models import Ping
from incidents.models import Incident
from incidents.rules import RegionState
from incidents.selectors import incidents_of, states_of
from maintenance.models import Window as Work
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import Outcome

RECENT_CHECKS = 50
RECENT_INCIDENTS = 10
RECENT_PINGS = 20

SPEAKERS: dict[str, set[Outcome | None]] = {
    Status.DOWN: {Outcome.DOWN},
    Status.PARTIAL: {Outcome.DOWN},
    Status.DEGRADED: {Outcome.DEGRADED},
}
"""Of a monitor with this status, the regions with such a last word say why."""


@dataclass(frozen=True, slots=True)
class RegionView:
    """What one region has to say."""

    code: str
    state: RegionState
    latest: CheckResult | None
    ticks: list[Tick]
    asked: bool
    """A check that somebody waits for is on its way."""

    @property
    def status(self) -> str:
        """The region's own word, as a status to draw; unknown while its latest check told nothing."""
        if self.state.silence is not None:
            return Status.UNKNOWN
        return self.state.outcome or Status.PENDING

    @property
    def reason(self) -> str:
        return reason_in_words(self.state.silence or self.state.reason)

    @property
    def message(self) -> str:
        return "" if self.state.silence else self.state.message

    @property
    def timings_ms(self) -> dict[str, float | None]:
        return self.latest.timings_ms if self.latest else {}

    @property
    def phases_ms(self) -> float:
        """How long the picture of the latest check's phases is."""
        return sum(length or 0.0 for phase, length in self.timings_ms.items() if phase != "total")

    def facts(self) -> tuple[object, ...]:
        latest = (self.latest.slot, self.latest.outcome, self.latest.total_ms) if self.latest else None
        return (self.code, self.state, latest, self.ticks, self.asked)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, with the regions that say the same."""

    reason: str
    regions: list[str]
    messages: list[str]


@dataclass(frozen=True, slots=True)
class Window:
    """Uptime over a span: the share of known time, and how much of the time is known."""

    label: str
    uptime: float | None
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job that reports: its state in one word, when it is due, and what it said of late."""

    state: str
    due: datetime | None
    deadline: datetime | None
    runs: int
    pings: list[Ping]


@dataclass(frozen=True)
class MonitorPage:
    monitor: Monitor
    stats: MonitorStats
    regions: list[RegionView]
    windows: list[Window]
    recent: list[CheckResult]
    incidents: list[Incident]
    delays: list[Delay]
    work: list[Work]
    """Planned work that goes on."""
    job: Job | None
    """How the job of a passive monitor does."""

    @property
    def failing(self) -> int:
        return int(self.monitor.status in FAILING)

    @property
    def asked(self) -> list[str]:
        """Regions whose word is awaited right now."""
        if self.monitor.wanted_at:
            return list(self.monitor.regions)
        return [region.code for region in self.regions if region.asked]

    @property
    def pace_s(self) -> int:
        awaited = self.asked or self.monitor.status == Status.PENDING or figures_awaited(self.stats)
        return pace_s(awaited=bool(awaited) and not self.monitor.paused, delayed=bool(self.delays))

    @property
    def causes(self) -> list[Cause]:
        """Why the monitor is not simply up, the same words said once."""
        if self.monitor.status not in {*SPEAKERS, Status.UNKNOWN}:
            return []
        wanted = SPEAKERS.get(self.monitor.status)
        speaking = [
            region for region in self.regions if region.reason and (wanted is None or region.state.outcome in wanted)
        ]
        groups = groupby(sorted(speaking, key=lambda region: region.reason), lambda region: region.reason)
        return [_cause(reason, list(regions)) for reason, regions in groups]

    @property
    def scale_ms(self) -> float:
        """The common width of the regions' phases, so that they can be compared."""
        return max((region.phases_ms for region in self.regions), default=0.0)

    def facts(self) -> tuple[object, ...]:
        monitor = self.monitor
        shown = (monitor.name, monitor.url, monitor.status, monitor.status_since, monitor.status_reason)
        regions = [region.facts() for region in self.regions]
        newest = [(result.region, result.slot) for result in self.recent]
        stories = [(incident.pk, incident.resolved_at) for incident in self.incidents]
        work = [(window.pk, window.title, window.next_ends) for window in self.work]
        job = self.job and (self.job.state, self.job.due, self.job.runs, [ping.pk for ping in self.job.pings])
        parts = (monitor.wanted_at, regions, self.windows, newest, stories, self.delays, work, job, self.pace_s)
        return (*shown, *parts)


def _cause(reason: str, regions: list[RegionView]) -> Cause:
    messages = sorted({region.message for region in regions if region.message})
    return Cause(reason, [region.code for region in regions], messages)


def monitor_page(monitor: Monitor, *, now: datetime) -> MonitorPage:
    stats = stats_of(monitor)
    states = states_of([monitor])[monitor.pk]
    latest = {result.region: result for result in latest_results(monitor)}
    asked = regions_asked(monitor.pk, now=now)
    return MonitorPage(
        monitor=monitor,
        stats=stats,
        regions=[
            RegionView(
                code=code,
                state=states.get(code) or RegionState(code),
                latest=latest.get(code),
                ticks=stats.ticks.get(code, []),
                asked=code in asked,
            )
            for code in monitor.regions
        ],
        windows=windows(monitor, stats, now=now),
        recent=newest_results(monitor, Wanted(), limit=RECENT_CHECKS),
        incidents=list(incidents_of(monitor.team).filter(monitor=monitor)[:RECENT_INCIDENTS]),
        delays=[] if monitor.paused else delays(now=now, regions=monitor.regions),
        work=work_on(monitor, now=now),
        job=job_of(monitor, now=now) if monitor.is_passive else None,
    )


def job_of(monitor: Monitor, *, now: datetime) -> Job:
    told = heartbeats.job(monitor, now=now)
    pings = list(heartbeats.pings_of(monitor)[:RECENT_PINGS])
    return Job(told["state"], told["due"], told["deadline"], len(told["runs"]), pings)


ASKED = """
SELECT DISTINCT region FROM checks_checkbatch
WHERE state = 'open' AND lane = 'now' AND created_at > %s
    AND EXISTS (SELECT 1 FROM unnest(check_ids) AS check_id WHERE starts_with(check_id, %s))
"""


def regions_asked(monitor_id: UUID, *, now: datetime) -> set[str]:
    """Regions that were asked outside the timetable in the last minute and have not answered yet."""
    with connection.cursor() as cursor:
        cursor.execute(ASKED, [now - timedelta(minutes=1), f"{monitor_id}/"])
        return {row[0] for row in cursor.fetchall()}


def windows(monitor: Monitor, stats: MonitorStats, *, now: datetime) -> list[Window]:
    """The spans of the page: the ratios are read, the coverage is counted from this one monitor's rows."""
    last_hour = CheckResult.objects.filter(monitor=monitor, slot__gt=now - timedelta(hours=1), slot__lte=now)
    hours = Hour.objects.filter(monitor=monitor, bucket__gt=now - timedelta(days=7))
    days = Day.objects.filter(monitor=monitor, bucket__gt=now - timedelta(days=30))
    raw = last_hour.aggregate(known=Sum("slots", filter=~Q(outcome=Outcome.UNKNOWN)), every=Sum("slots"))
    return [
        Window("1 hour", stats.uptime_1h, _ratio(raw)),
        Window("24 hours", stats.uptime_24h, stats.coverage_24h),
        Window("7 days", stats.uptime_7d, _ratio(hours.aggregate(known=Sum(KNOWN), every=Sum(EVERY)))),
        Window("30 days", stats.uptime_30d, _ratio(days.aggregate(known=Sum(KNOWN), every=Sum(EVERY)))),
    ]


KNOWN = F("up") + F("degraded") + F("down")
EVERY = KNOWN + F("unknown")


def _ratio(counted: dict[str, int | None]) -> float | None:
    every = counted["every"]
    return (counted["known"] or 0) / every if every else None
