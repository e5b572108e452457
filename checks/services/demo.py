"""Demo data in bulk: monitors with a past, written with COPY. ``demo_story`` says what happened, this writes it down.

Demo monitors are paused, so that nobody checks them and no silence is noticed, but keep the status that their story
ends with: lists and pages look as they would. Whoever resumes one has it really checked, at an address under
``.example``, which never answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from accounts.models import Team
from checks.models import CheckEvidence, CheckResult, MonitorStats
from checks.rules import pack_histogram
from checks.services import days, demo_story, rollups, stats
from checks.services.demo_story import DAY_S, HOUR_S, SLOW, Character, Check, Event, Figures
from incidents import rules as incident_rules
from incidents.models import Incident, IncidentEvent, RegionState, StatusChange
from monitors import rules as monitor_rules
from monitors.models import Monitor
from monitors.rules import Policy, Status
from probes.contract import Outcome

TEAM_NAME = "Demo data"
AT_ONCE = 500
QUIET_END_S = 1_800
"""The last half hour is peaceful, as a paused monitor has no open incident."""

ROLLUP_COLUMNS = (
    "monitor_id, region, bucket, up, degraded, down, unknown, maintenance, timed, sum_ms, min_ms, max_ms, histogram"
)
RESULT_COLUMNS = (
    "slot, monitor_id, region, slots, attempts, http_status, dns_ms, connect_ms, tls_ms, first_byte_ms, "
    "download_ms, total_ms, body_bytes, remote_ip, outcome, reason, message"
)
NULL = r"\N"
NOTHING_SEEN: dict[str, object] = {"seen": {"note": "made up"}, "redirects": [], "certificate": None}

Report = Callable[[str], None]
Item = TypeVar("Item")


class AlreadyThere(Exception):
    """The same monitors have been made before."""


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
        return demo_story.region_level(self.who.level, self.place)

    def pattern(self, at: int) -> int:
        return demo_story.day_pattern(self.who.number, self.place, at // DAY_S)

    def events(self, start: int, end: int) -> list[Event]:
        return [event for event in self.who.events if event.covers(self.region, start, end)]

    def totals(self, hour: int, per_hour: int) -> tuple[float, ...]:
        return demo_story.response_times(*self.hour_of_story(hour), per_hour)

    def hour_of_story(self, hour: int) -> tuple[int, int]:
        """Level and shape of the hour that begins at this epoch."""
        pattern, of_day = self.pattern(hour), hour % DAY_S // HOUR_S
        return demo_story.hour_level(self.level, pattern, of_day), demo_story.hour_shape(pattern, of_day)


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
            demo_story.character(self.seed, number, regions=self.regions, start=self.start, end=end)
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
        return demo_story.eventful_hour(series.events(hour, hour + HOUR_S), series.region, slots, totals)

    def has_begun(self, series: Series, start: int) -> bool:
        """Whether the first slot from this hour or day on has come: without one there is no row."""
        return start + series.offset <= self.now

    def is_plain(self, series: Series, start: int, end: int) -> bool:
        """Whether nothing happens in this time, and it is over."""
        return end <= self.now and not series.events(start, end)


def moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def demo_team() -> Team:
    """The team of demo monitors that are nobody's."""
    return Team.objects.filter(name=TEAM_NAME, members=None).first() or Team.objects.create(name=TEAM_NAME)


def seed(plan: Plan, *, team: Team, report: Report) -> None:
    """Make the monitors, their hours and days, one day of single results, and their figures.

    Each step is committed by itself, so that no transaction grows without bound; ``clean`` removes what an
    interrupted run has left.
    """
    if Monitor.objects.filter(pk__in=[who.id for who in plan.characters[:AT_ONCE]]).exists():
        raise AlreadyThere
    rollups.close(now=moment(plan.now), seconds=math.inf)
    plan = replace(plan, folded=int(rollups.folded_until().timestamp()))
    report(f"{plan.monitors} monitors in {', '.join(plan.regions)} ...")
    _make_monitors(plan, team)
    hours = range(plan.raw_start, plan.now + 1, HOUR_S)
    days.ensure_days({moment(hour).date() for hour in hours})
    steps = [Step(f"hours and days of {moment(at):%Y-%m-%d}", _write_rollups, at) for at in plan.all_days]
    steps += [Step(f"results of {moment(at):%Y-%m-%d %H} h", _write_results, at) for at in hours]
    for number, step in enumerate(_in_two_threads(plan, steps), 1):
        report(f"{step.name} ({number} of {len(steps)})")
    report("statistics ...")
    _analyze()
    for some in _portions([who.id for who in plan.characters]):
        rollups.catch_up(some, since=moment(plan.folded))
        stats.compute(some, now=moment(plan.now))


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of writing that can be done beside others."""

    name: str
    write: Callable[[Plan, int], None]
    at: int


def _in_two_threads(plan: Plan, steps: Sequence[Step]) -> Iterator[Step]:
    """PostgreSQL works on one COPY with one core; two at a time keep two busy. Gives each step when it is done."""

    def do(step: Step) -> Step:
        try:
            step.write(plan, step.at)
        finally:
            connection.close()  # this thread's own
        return step

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(do, steps)


def _portions(items: Iterable[Item], size: int = AT_ONCE) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


# --- monitors and what was said of them ---


@transaction.atomic
def _make_monitors(plan: Plan, team: Team) -> None:
    for some in _portions(plan.characters):
        Monitor.objects.bulk_create([_monitor(plan, who, team) for who in some])
        Monitor.objects.filter(pk__in=[who.id for who in some]).update(created_at=moment(plan.start))
        MonitorStats.objects.bulk_create([MonitorStats(monitor_id=who.id) for who in some])
    for some_series in _portions(plan.series):
        RegionState.objects.bulk_create([_state(plan, series) for series in some_series])
    for who in plan.characters:
        for event in who.events:
            _tell(plan, who, event)
    # Nobody is to be told of a past that never was.
    for some in _portions(plan.characters):
        made_up = IncidentEvent.objects.filter(monitor__in=[who.id for who in some])
        made_up.update(team=team, planned_at=F("happened_at"))


def _monitor(plan: Plan, who: Character, team: Team) -> Monitor:
    status, since = _present(plan, who)
    return Monitor(
        id=who.id,
        team=team,
        name=f"Demo {who.number:05}",
        spec={"url": f"https://site-{who.number:05}.example/"},
        interval=plan.interval,
        regions=list(plan.regions),
        tags=["demo", f"group-{who.number % 20:02}"],
        policy=Policy().as_dict(),
        paused=True,
        phase=monitor_rules.phase_of(who.id, plan.interval),
        status=status,
        status_since=moment(since),
        status_reason=SLOW[2] if status is Status.DEGRADED else "",
    )


def _present(plan: Plan, who: Character) -> tuple[Status, int]:
    """The status that the story ends with, and since when."""
    if not who.events:
        return Status.UP, plan.start
    last = who.events[-1]
    return (_status_of(last), last.start) if last.end > plan.now else (Status.UP, last.end)


def _status_of(event: Event) -> Status:
    if event.trouble[0] is Outcome.DEGRADED:
        return Status.DEGRADED
    return Status.DOWN if event.region is None else Status.PARTIAL


def _state(plan: Plan, series: Series) -> RegionState:
    slot = monitor_rules.latest_slot(phase=series.offset, turn=0, interval=plan.interval, until=plan.now)
    status, since = _present(plan, series.who)
    slow = status is Status.DEGRADED
    return RegionState(
        monitor_id=series.who.id,
        region=series.region,
        outcome=Outcome.DEGRADED if slow else Outcome.UP,
        reason=SLOW[1] if slow else None,
        message=SLOW[2] if slow else "",
        streak=max(1, (slot - since) // plan.interval),
        since=moment(since),
        slot=moment(slot),
    )


def _tell(plan: Plan, who: Character, event: Event) -> None:
    """Store the changes of status that an event brings, and the incident of an outage."""
    status = _status_of(event)
    if event.trouble[0] is Outcome.UNKNOWN:
        return
    first = min(_slot_from(plan, who, place, event.start) for place in range(len(plan.regions)))
    if first >= event.end:
        return
    sure, over = first + 2, event.end + 2
    votes = _votes(plan, who, event, at=sure)
    _change(who, Status.UP, status, at=sure, votes=votes)
    if over > plan.now:
        return
    well = _votes(plan, who, None, at=over)
    _change(who, status, Status.UP, at=over, votes=well, open_incident=status is Status.DOWN)
    if status is Status.DOWN:
        _incident(plan, who, event, first=first, sure=sure, over=over, votes=votes, well=well)


def _slot_from(plan: Plan, who: Character, place: int, at: int) -> int:
    """The first slot of a monitor in a region at or after a moment."""
    turn = monitor_rules.region_turn(plan.interval, place, len(plan.regions))
    phase = monitor_rules.phase_of(who.id, plan.interval)
    return monitor_rules.latest_slot(phase=phase, turn=turn, interval=plan.interval, until=at + plan.interval - 1)


Votes = list[dict[str, object]]


def _votes(plan: Plan, who: Character, event: Event | None, *, at: int) -> Votes:
    states = {
        region: _word(region, event if event and event.region in {None, region} else None, at=at)
        for region in plan.regions
    }
    votes = incident_rules.cast_votes(
        states,
        plan.regions,
        stale_after=timedelta(seconds=2 * plan.interval + 20),
        status_since=moment(plan.start),
        now=moment(at),
    )
    return incident_rules.Verdict(Status.UP, votes).votes_as_dicts()


def _word(region: str, event: Event | None, *, at: int) -> incident_rules.RegionState:
    outcome, reason, message, _ = event.trouble if event else (Outcome.UP, None, "", None)
    since = moment(event.start if event else at - 1)
    return incident_rules.RegionState(
        region=region, outcome=outcome, reason=reason, message=message, streak=2, since=since, slot=moment(at - 1)
    )


def _change(
    who: Character, before: Status, after: Status, *, at: int, votes: Votes, open_incident: bool = False
) -> None:
    StatusChange.objects.create(
        monitor_id=who.id,
        happened_at=moment(at),
        before=before,
        after=after,
        votes=votes,
        policy=Policy().as_dict(),
        open_incident=open_incident,
    )


def _incident(
    plan: Plan, who: Character, event: Event, *, first: int, sure: int, over: int, votes: Votes, well: Votes
) -> None:
    incident = Incident.objects.create(
        monitor_id=who.id,
        started_at=moment(first),
        confirmed_at=moment(sure),
        resolved_at=moment(over),
        cause={region: {"reason": event.trouble[1], "message": event.trouble[2]} for region in plan.regions},
    )
    IncidentEvent.objects.create(
        incident=incident,
        monitor_id=who.id,
        kind=IncidentEvent.Kind.OPENED,
        happened_at=moment(sure),
        votes=votes,
    )
    IncidentEvent.objects.create(
        incident=incident,
        monitor_id=who.id,
        kind=IncidentEvent.Kind.RESOLVED,
        happened_at=moment(over),
        votes=well,
    )


# --- rollups ---


def _write_rollups(plan: Plan, day: int) -> None:
    """The hours and the sum of one day, in the order of time, as they would have come."""
    hours = range(day, min(day + DAY_S, plan.now + 1, plan.folded), HOUR_S)
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY checks_rolluphour ({ROLLUP_COLUMNS}) FROM STDIN") as copy:
            for hour in hours:
                at = f"{moment(hour)}\t"
                begun = (series for series in plan.series if plan.has_begun(series, hour))
                copy.write("".join([f"{series.key}{at}{_hour(plan, series, hour)}" for series in begun]))
        if day + DAY_S > plan.folded:
            return
        with cursor.copy(f"COPY checks_rollupday ({ROLLUP_COLUMNS}) FROM STDIN") as copy:
            at = f"{moment(day)}\t"
            begun = (series for series in plan.series if plan.has_begun(series, day))
            copy.write("".join([f"{series.key}{at}{_day(plan, series, hours)}" for series in begun]))


def _hour(plan: Plan, series: Series, hour: int) -> str:
    if plan.is_plain(series, hour, hour + HOUR_S):
        return _plain_hour(*series.hour_of_story(hour), plan.per_hour)
    return _rollup(demo_story.figures_of(plan.checks(series, hour)))


def _day(plan: Plan, series: Series, hours: range) -> str:
    if plan.is_plain(series, hours.start, hours.start + DAY_S):
        return _plain_day(series.level, series.pattern(hours.start), plan.per_hour)
    told = Figures()
    for hour in hours:
        if plan.is_plain(series, hour, hour + HOUR_S):
            told.add(demo_story.plain_hour(*series.hour_of_story(hour), plan.per_hour))
        else:
            told.add(demo_story.figures_of(plan.checks(series, hour)))
    return _rollup(told)


@cache
def _plain_hour(level: int, shape: int, per_hour: int) -> str:
    return _rollup(demo_story.plain_hour(level, shape, per_hour))


@cache
def _plain_day(level: int, pattern: int, per_hour: int) -> str:
    return _rollup(demo_story.plain_day(level, pattern, per_hour))


def _rollup(told: Figures) -> str:
    """A rollup as COPY reads it, without its key."""
    counts = [told.counts.get(outcome, 0) for outcome in (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN, Outcome.UNKNOWN)]
    edges = [NULL if value is None else value for value in (told.min_ms, told.max_ms)]
    histogram = rf"\\x{pack_histogram(told.histogram).hex()}"
    return "\t".join(map(str, [*counts, 0, told.timed, told.sum_ms, *edges, histogram])) + "\n"


# --- single results ---


def _write_results(plan: Plan, hour: int) -> None:
    """The results of one hour, in the order of time, and the evidence of those that did not simply pass."""
    moments = [f"{moment(hour + second)}\t" for second in range(HOUR_S)]
    rows = sorted(
        ((series.offset, series.key, _tails(plan, series, hour)) for series in plan.series), key=lambda row: row[0]
    )
    copy_in = f"COPY checks_checkresult ({RESULT_COLUMNS}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for turn in range(plan.per_hour):
            second = turn * plan.interval
            some = [f"{moments[second + at]}{key}{tails[turn]}" for at, key, tails in rows if turn < len(tails)]
            copy.write("".join(some))
    CheckEvidence.objects.bulk_create(_evidence(plan, hour), batch_size=1_000)


def _tails(plan: Plan, series: Series, hour: int) -> Sequence[str]:
    """What the results of an hour say after their key."""
    if plan.is_plain(series, hour, hour + HOUR_S):
        return _plain_tails(*series.hour_of_story(hour), plan.per_hour)
    return [_tail(check) for check in plan.checks(series, hour)]


@cache
def _plain_tails(level: int, shape: int, per_hour: int) -> tuple[str, ...]:
    return tuple(_tail(Check(total)) for total in demo_story.response_times(level, shape, per_hour))


def _tail(check: Check) -> str:
    """A result as COPY reads it, without its key."""
    outcome, reason, message, status = check.trouble or (Outcome.UP, "", "", 200)
    phases = [f"{check.total_ms * share:.2f}" if check.total_ms else NULL for _, share in demo_story.PHASES]
    total = NULL if check.total_ms is None else check.total_ms
    answered = (status, *phases, total, 5_120, "192.0.2.10") if status else (NULL, *phases, total, NULL, NULL)
    return "\t".join(map(str, [1, 1, *answered, outcome, reason, message])) + "\n"


def _evidence(plan: Plan, hour: int) -> Iterator[CheckEvidence]:
    for series in plan.series:
        if plan.is_plain(series, hour, hour + HOUR_S):
            continue
        for turn, check in enumerate(plan.checks(series, hour)):
            if check.trouble and check.outcome is not Outcome.UNKNOWN:
                slot = moment(hour + series.offset + turn * plan.interval)
                yield CheckEvidence(monitor_id=series.who.id, region=series.region, slot=slot, seen=NOTHING_SEEN)


def _analyze() -> None:
    """Let the planner and ``manage.py storage`` know what is there now."""
    with connection.cursor() as cursor:
        for table in ("checks_rolluphour", "checks_rollupday", *(each.name for each in days.describe())):
            cursor.execute(f"ANALYZE {table}")


# --- and away with it ---


def clean(*, team: Team | None, report: Report) -> int:
    """Remove all demo monitors, or those of a team, with their results; says how many."""
    ids = demo_ids(team)
    for number, some in enumerate(_portions(ids)):
        report(f"{number * AT_ONCE} of {len(ids)} removed ...")
        with transaction.atomic():
            CheckEvidence.objects.filter(monitor__in=some).delete()
            CheckResult.objects.filter(monitor__in=some).delete()
            Monitor.objects.filter(pk__in=some).delete()
    Team.objects.filter(name=TEAM_NAME, members=None, monitors=None).delete()
    return len(ids)


def demo_ids(team: Team | None) -> list[UUID]:
    monitors = Monitor.objects.all() if team is None else Monitor.objects.for_team(team)
    return [pk for pk in monitors.order_by("pk").values_list("pk", flat=True) if pk.version == 5]
