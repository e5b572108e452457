"""The monitors of a plan, and what was said of them: changes of status, incidents, votes."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from accounts.models import Team
from checks.models import MonitorStats
from checks.services.demo.plan import AT_ONCE, Plan, Series, moment
from checks.services.demo.story import SLOW, Character, Event
from common.portions import portions
from incidents import rules as incident_rules
from incidents.models import Incident, IncidentEvent, RegionState, StatusChange
from monitors import rules as monitor_rules
from monitors.models import Monitor
from monitors.rules import Policy, Status
from probes.contract import Outcome


@transaction.atomic
def make_monitors(plan: Plan, team: Team) -> None:
    for some in portions(plan.characters, AT_ONCE):
        Monitor.objects.bulk_create([_monitor(plan, who, team) for who in some])
        Monitor.objects.filter(pk__in=[who.id for who in some]).update(created_at=moment(plan.start))
        MonitorStats.objects.bulk_create([MonitorStats(monitor_id=who.id) for who in some])
    for some_series in portions(plan.series, AT_ONCE):
        RegionState.objects.bulk_create([_state(plan, series) for series in some_series])
    for who in plan.characters:
        for event in who.events:
            _tell(plan, who, event)
    # Nobody is to be told of a past that never was.
    for some in portions(plan.characters, AT_ONCE):
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
