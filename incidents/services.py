"""Folding results into states and states into a status; opening and closing incidents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from common.portions import portions
from incidents import doorbell, rules, selectors
from incidents.handling import events, outages, troubles
from incidents.models import Incident, RegionState, StatusChange
from incidents.rules import Observation, Verdict
from monitors.models import Monitor
from monitors.rules import Status
from monitors.selectors import offline_regions, region_codes
from probes.contract import Outcome, Reason
from probes.sentences import say

STATE_FIELDS = [item.name for item in fields(rules.RegionState) if item.name != "region"]


@dataclass(frozen=True, slots=True)
class Question:
    """A region whose word on a monitor is wanted now; ``slot`` is that of its last word.

    ``why`` tells one question from the next: the same why soon after is the same question.
    """

    monitor_id: UUID
    region: str
    why: str
    slot: datetime | None


STEADY = """
WITH seen AS MATERIALIZED (
    SELECT monitor_id, to_timestamp(slot) AS slot FROM unnest(%s::uuid[], %s::float8[]) AS seen (monitor_id, slot)
),
folded AS (
    INSERT INTO incidents_regionstate AS state (monitor_id, region, slot, outcome, since, streak, message)
    SELECT monitor_id, %s, slot, 'up', slot, 1, '' FROM seen ORDER BY monitor_id
    ON CONFLICT (monitor_id, region) DO UPDATE
        SET slot = excluded.slot, streak = state.streak + 1, silence = NULL, silent_slot = NULL
    WHERE state.slot < excluded.slot AND state.outcome = 'up' AND state.message = ''
    RETURNING monitor_id
)
SELECT monitor_id::text FROM seen WHERE monitor_id NOT IN (TABLE folded)
"""
"""The usual case, for many at once: a region that said up says up again. The same as ``rules.observe`` for that.
Gives the monitors that have more to tell."""


def fold_passes(*, region: str, passes: Mapping[str, float]) -> set[str]:
    """Fold plain passes of one region; gives the monitors of which ``observe`` must hear, since more may change.

    ``passes``: slots, in seconds since the epoch, by the id of the monitor. The monitors are locked and their status is
    up, so that one more good result cannot change it.
    """
    if not passes:
        return set()
    with connection.cursor() as cursor:
        # As PostgreSQL writes arrays, since making one of a list costs more than reading it.
        arrays = [f"{{{','.join(map(str, column))}}}" for column in (passes, passes.values())]
        cursor.execute(STEADY, [*arrays, region])
        return {row[0] for row in cursor.fetchall()}


UNASKED = {Reason.BACKPRESSURE, Reason.SCHEDULER_GAP}
"""The region was not asked, so nobody waits for what it would have said."""

STILL_SILENT = """
WITH seen AS MATERIALIZED (
    SELECT monitor_id, to_timestamp(slot) AS slot
    FROM unnest(%(ids)s::uuid[], %(slots)s::float8[]) AS seen (monitor_id, slot)
)
UPDATE incidents_regionstate AS state SET silence = %(reason)s, silent_slot = seen.slot
FROM seen JOIN monitors_monitor AS monitor ON monitor.id = seen.monitor_id
WHERE state.monitor_id = seen.monitor_id AND state.region = %(region)s
    AND greatest(state.slot, state.silent_slot) < seen.slot AND monitor.status IN ('up', 'unknown')
    AND (state.silence = %(reason)s OR state.slot >= %(now)s - make_interval(secs => 2 * monitor.interval))
RETURNING state.monitor_id
"""
"""A region that is not asked, and whose last word still counts or whose silence is known: no vote changes by that.
The same as ``rules.observe``; when the last word gets stale, ``notice_silence`` sees it."""


@transaction.atomic(savepoint=False)
def observe(*, seen: Mapping[UUID, Sequence[Observation]], up: Collection[UUID], now: datetime) -> list[Question]:
    """Take in new results and say which regions to ask at once.

    The caller holds the monitors' row locks, so one monitor's story is told by one transaction at a time, and gives
    no paused ones. ``up`` are those whose status is up: one more good result cannot change it.
    """
    telling = _fold_steady(seen, up, now=now)
    if not telling:
        return []
    monitors = list(Monitor.objects.filter(pk__in=telling).order_by("pk"))
    states = selectors.states_of(monitors)
    for monitor in monitors:
        known, strict = states[monitor.id], monitor.rules.degraded_counts
        if monitor.status == Status.PENDING:
            _forget_earlier_watch(monitor, known)
        for observation in sorted(seen[monitor.id], key=lambda item: item.slot):
            state = known.get(observation.region) or rules.RegionState(observation.region)
            known[observation.region] = rules.observe(state, observation, strict=strict)
    _save_states(monitors, states)
    return judge(monitors, states, regions=set(region_codes()), now=now)


def _forget_earlier_watch(monitor: Monitor, known: dict[str, rules.RegionState]) -> None:
    """A watch that begins anew is not decided by votes from before the pause."""
    began = monitor.status_since.replace(microsecond=0)
    earlier = [region for region, state in known.items() if rules.latest_word(state) < began]
    for region in earlier:
        del known[region]
    if earlier:
        RegionState.objects.filter(monitor=monitor, region__in=earlier).delete()


def _fold_steady(seen: Mapping[UUID, Sequence[Observation]], up: Collection[UUID], *, now: datetime) -> list[UUID]:
    """Fold what changes nothing at once; gives the monitors that have more to tell."""
    passes: dict[str, dict[str, float]] = defaultdict(dict)
    unasked: dict[tuple[str, Reason], dict[str, float]] = defaultdict(dict)
    for monitor, observations in seen.items():
        one = observations[0]
        if len(observations) > 1:
            continue
        if monitor in up and one.outcome is Outcome.UP and not one.message:
            passes[one.region][str(monitor)] = one.slot.timestamp()
        elif one.outcome is Outcome.UNKNOWN and one.reason in UNASKED:
            unasked[one.region, one.reason][str(monitor)] = one.slot.timestamp()
    folded = {
        UUID(monitor)
        for region, slots in sorted(passes.items())
        for monitor in slots.keys() - fold_passes(region=region, passes=slots)
    }
    for (region, reason), slots in sorted(unasked.items()):
        folded |= _fold_unasked(region, reason, slots, now=now)
    return sorted(seen.keys() - folded)


def _fold_unasked(region: str, reason: Reason, slots: Mapping[str, float], *, now: datetime) -> set[UUID]:
    """Gives the monitors that are done with."""
    asked: dict[str, Any] = {"ids": list(slots), "slots": list(slots.values())}
    with connection.cursor() as cursor:
        cursor.execute(STILL_SILENT, asked | {"region": region, "reason": reason.value, "now": now})
        return {row[0] for row in cursor.fetchall()}


def judge(
    monitors: Sequence[Monitor],
    states: Mapping[UUID, Mapping[str, rules.RegionState]],
    *,
    regions: set[str],
    now: datetime,
) -> list[Question]:
    """Decide each monitor's status anew from its states; the monitors are locked."""
    incidents, bench = selectors.unsettled_incidents(monitors), Bench(regions, now)
    rulings = [
        Ruling(monitor, bench.verdict(monitor, states[monitor.id], incident), incident, Status(monitor.status))
        for monitor, incident in ((monitor, incidents.get(monitor.id)) for monitor in monitors)
    ]
    _announce(rulings, now=now)
    questions = []
    for ruling in rulings:
        monitor, verdict = ruling.monitor, ruling.verdict
        if verdict.status is Status.MAINTENANCE:
            continue  # nobody waits for certainty meanwhile
        for vote, why in rules.regions_to_ask(verdict.votes, monitor.rules, status=verdict.status):
            slot = datetime.fromisoformat(vote.slot) if vote.slot else None
            questions.append(Question(monitor.id, vote.region, why, slot))
    return questions


class Bench:
    """Where verdicts are made: what holds for all monitors that are judged together."""

    def __init__(self, regions: set[str], now: datetime) -> None:
        self.regions, self.now = regions, now
        self.offline = offline_regions()
        self.suspect = selectors.suspect_regions()
        self.cleared = set(self.suspect)

    def verdict(self, monitor: Monitor, states: Mapping[str, rules.RegionState], incident: Incident | None) -> Verdict:
        """Before a region is believed that a site has gone down, it is asked whether that is the region's own trouble.

        So a failure of many in the last second is seen as what it is, before the first of them is called an outage.
        """
        verdict = self._decide(monitor, states, incident)
        if verdict.status == monitor.status or verdict.status not in {Status.DOWN, Status.PARTIAL}:
            return verdict
        accusers = {vote.region for vote in verdict.votes if vote.failing} - self.cleared
        self.cleared |= accusers
        found = [region for region in sorted(accusers) if troubles.suspect(region, now=self.now)]
        if not found:
            return verdict
        self.suspect = selectors.suspect_regions()
        return self._decide(monitor, states, incident)

    def _decide(self, monitor: Monitor, states: Mapping[str, rules.RegionState], incident: Incident | None) -> Verdict:
        votes = rules.cast_votes(
            states,
            monitor.assigned(self.regions),
            stale_after=monitor.stale_after,
            status_since=monitor.status_since,
            now=self.now,
            offline=self.offline,
            stand_ins=monitor.stand_ins,
            suspect=self.suspect,
        )
        if monitor.maintenance_until is not None:
            return Verdict(Status.MAINTENANCE, votes)
        return rules.decide(votes, monitor.rules, current=Status(monitor.status), open_incident=_in_trouble(incident))


def _in_trouble(incident: Incident | None) -> bool:
    return incident is not None and incident.recovered_at is None


CALM = {Status.PENDING, Status.UNKNOWN, Status.UP}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict on a monitor, beside what was so ``before`` it."""

    monitor: Monitor
    verdict: Verdict
    incident: Incident | None
    before: Status

    @property
    def changes_status(self) -> bool:
        return self.verdict.status is not self.before

    @property
    def is_quiet(self) -> bool:
        """Nobody was in trouble and nobody is: where no trouble was ever told either, nothing follows."""
        return self.incident is None and self.before in CALM and self.verdict.status in CALM


def _announce(rulings: Sequence[Ruling], *, now: datetime) -> None:
    """Store what verdicts change: statuses, votes, and all that follows from them.

    A thousand monitors that a region comes back to, or that are new, are a few statements and not some thousands.
    """
    news = [ruling for ruling in rulings if _restate(ruling, now=now)]
    changes = [ruling for ruling in news if ruling.changes_status]
    StatusChange.objects.bulk_create([_change(ruling, now=now) for ruling in changes])
    _save_statuses([ruling.monitor for ruling in news])
    storied = events.with_health_told([ruling.monitor for ruling in changes if ruling.is_quiet])
    telling = [ruling for ruling in changes if not ruling.is_quiet or ruling.monitor.pk in storied]
    for ruling in telling:
        outages.follow(ruling.monitor, ruling.verdict, ruling.incident, before=ruling.before, now=now)
    for ruling in news:
        events.warn_of_certificate(ruling.monitor, ruling.verdict, now=now)
    if telling:
        doorbell.ring()


def _restate(ruling: Ruling, *, now: datetime) -> bool:
    """Put a verdict on its monitor, unsaved; True where it says something new."""
    monitor, verdict = ruling.monitor, ruling.verdict
    reason = rules.sentence(verdict)[:500]
    if not ruling.changes_status:
        is_new, monitor.status_reason = reason != monitor.status_reason, reason
        return is_new
    monitor.status, monitor.status_since, monitor.status_reason = verdict.status, now, reason
    if verdict.status is Status.DOWN:
        monitor.status_since = verdict.started_at or now
    return True


def _change(ruling: Ruling, *, now: datetime) -> StatusChange:
    return StatusChange(
        monitor=ruling.monitor,
        happened_at=now,
        before=ruling.before,
        after=ruling.verdict.status,
        votes=ruling.verdict.votes_as_dicts(),
        policy=ruling.monitor.policy,
        open_incident=_in_trouble(ruling.incident),
    )


SAVE_STATUSES = """
UPDATE monitors_monitor AS monitor SET status = told.status, status_since = told.since, status_reason = told.reason
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[]) AS told (id, status, since, reason)
WHERE monitor.id = told.id
"""


def _save_statuses(monitors: Sequence[Monitor]) -> None:
    if not monitors:
        return
    columns = zip(*((one.pk, str(one.status), one.status_since, one.status_reason) for one in monitors), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(SAVE_STATUSES, [list(column) for column in columns])


def _save_states(monitors: Iterable[Monitor], states: Mapping[UUID, Mapping[str, rules.RegionState]]) -> None:
    rows = [
        RegionState.of(monitor, state) for monitor in monitors for _region, state in sorted(states[monitor.id].items())
    ]
    RegionState.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["monitor", "region"], update_fields=STATE_FIELDS
    )


JUDGED_AT_ONCE = 200
JUDGING_S = 5.0
"""How long one look at silence may take. Who is left over is found again by the next one: judging them all in one go
would hold up the very results that end the silence."""


def notice_silence(*, regions: set[str], now: datetime) -> int:
    """Judge again the monitors whose regions may have gone quiet, since no result will come to do it; says how many."""
    quiet, enough, judged = selectors.quiet_monitors(now=now), monotonic() + JUDGING_S, 0
    for some in portions(quiet, JUDGED_AT_ONCE):
        if judged and monotonic() > enough:
            break
        judged += _judge_again(some, regions=regions, now=now)
    return judged


def watch_regions(*, regions: set[str], now: datetime) -> None:
    """Notice regions in trouble of their own before anything is decided, and let those that are well be heard again."""
    for region in sorted(regions - set(selectors.suspect_regions())):
        troubles.suspect(region, now=now)
    for failing in troubles.believe_again(now=now).values():
        for some in portions(failing, JUDGED_AT_ONCE):
            _judge_again(some, regions=regions, now=now)


@transaction.atomic
def _judge_again(ids: Sequence[UUID], *, regions: set[str], now: datetime) -> int:
    """Those that an ingester holds are left to it."""
    chosen = Monitor.objects.active().filter(pk__in=ids).order_by("pk")
    monitors = list(chosen.select_for_update(skip_locked=True, no_key=True))
    judge(monitors, selectors.states_of(monitors), regions=regions, now=now)
    return len(monitors)


@transaction.atomic
def close_paused(*, now: datetime) -> int:
    """A paused monitor is watched no more, so its incident ends; resuming starts a new story."""
    incidents = list(selectors.incidents_of_paused().select_for_update(of=("self",)))
    for incident in incidents:
        if incident.resolved_at is None:
            outages.resolve(incident, why="paused", now=now, text=say("the monitor was paused"))
        else:
            outages.mark(incident, recovered_at=now)
    return len(incidents)


def tell_unheard(incident: Incident, *, now: datetime) -> None:
    """The monitor's shadow has ended while it was down: people hear of it now."""
    events.note(events.Kind.SHADOW_ENDED, incident.monitor, incident=incident, now=now)
