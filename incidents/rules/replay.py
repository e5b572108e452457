"""The past under a policy: stored results of a monitor go through the rules again. Pure; the base of the backtest.

Left out: what people did (pauses, incidents closed by hand) and earlier settings of the monitor. With the policy that
was in force, the incidents are the recorded ones; what silence alone brought about, the server notices up to 5 s later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from incidents.rules import DOWN_NO_MORE, REGION_OFFLINE, Observation, RegionState, Verdict, cast_votes, decide, observe
from incidents.rules.story import Change, Standing, Step, conclude, is_calm, is_flapping, recent
from monitors.rules import Policy, Status
from probes.contract import Outcome, Reason

JUST_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored result and when it came home: when it was checked, and the time it took."""

    at: datetime
    seen: Observation


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a region's word did not count: ``REGION_OFFLINE``, or ``Reason.REGION_SUSPECT``."""

    region: str
    why: str
    since: datetime
    until: datetime | None = None

    def covers(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Work:
    """A time of planned work: results are noted, and nothing is decided."""

    since: datetime
    until: datetime | None = None

    def covers(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(slots=True)
class Raised:
    """An incident as it would have been."""

    started_at: datetime
    confirmed_at: datetime
    cause: dict[str, dict[str, Any]]
    flapping: bool = False
    recovered_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(slots=True)
class Replay:
    """A monitor's story, told forward: ``take`` results as they come, ``look`` when none does."""

    policy: Policy
    regions: Sequence[str]
    stale_after: timedelta
    began: datetime
    absences: Sequence[Absence] = ()
    works: Sequence[Work] = ()
    status: Status = Status.PENDING
    states: dict[str, RegionState] = field(default_factory=dict)
    incidents: list[Raised] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def take(self, seen: Iterable[Observation], *, now: datetime) -> None:
        for one in sorted(seen, key=lambda one: one.slot):
            state = self.states.get(one.region) or RegionState(one.region)
            self.states[one.region] = observe(state, one, strict=self.policy.degraded_counts)
        self.judge(now=now)

    def take_steady(self, seen: Observation) -> bool:
        """The usual case in short, as in ``services.fold_passes``: what is up says up again. False: ``take`` it."""
        state = self.states.get(seen.region)
        steady = (
            self.status is Status.UP
            and seen.outcome is Outcome.UP
            and not seen.message
            and state is not None
            and state.outcome is Outcome.UP
            and not state.message
            and state.slot is not None
            and state.slot < seen.slot
        )
        if steady and state is not None:
            word = replace(state, slot=seen.slot, streak=state.streak + 1, silence=None, silent_slot=None)
            self.states[seen.region] = word
        return steady

    def look(self, *, now: datetime) -> None:
        """What the server does every few seconds: notice silence, and calm after flapping."""
        self.judge(now=now)
        current = self._current()
        if current and current.flapping and self.status in {Status.DOWN, *DOWN_NO_MORE}:
            self._calm_down(current, now=now)

    def judge(self, *, now: datetime) -> None:
        suspect = {each.region: each.since for each in self._absent(Reason.REGION_SUSPECT, now)}
        votes = cast_votes(
            self.states,
            self.regions,
            stale_after=self.stale_after,
            status_since=self.began,
            now=now,
            offline={each.region for each in self._absent(REGION_OFFLINE, now)},
            suspect=suspect,
        )
        if any(work.covers(now) for work in self.works):
            self._follow(Verdict(Status.MAINTENANCE, votes), now=now)
            return
        current = self._current()
        in_trouble = current is not None and current.recovered_at is None
        self._follow(decide(votes, self.policy, current=self.status, open_incident=in_trouble), now=now)

    def _absent(self, why: str, now: datetime) -> list[Absence]:
        return [each for each in self.absences if each.why == why and each.covers(now)]

    def _current(self) -> Raised | None:
        last = self.incidents[-1] if self.incidents else None
        return last if last and last.resolved_at is None else None

    def _follow(self, verdict: Verdict, *, now: datetime) -> None:
        before, after = self.status, verdict.status
        if before is after:
            return
        current = self._current()
        self.changes = [*recent(self.changes, self.policy, now=now), Change(now, before, after)]
        standing = Standing(open=current is not None, flapping=current is not None and current.flapping)
        self.status = after
        flapping = is_flapping(self.changes, self.policy, now=now)
        for step in conclude(before, after, standing, flapping=flapping):
            self._do(step, current, verdict, now=now)

    def _do(self, step: Step, current: Raised | None, verdict: Verdict, *, now: datetime) -> None:
        if step in {Step.OPEN, Step.FOLD}:
            raised = Raised(verdict.started_at or now, now, verdict.cause, flapping=step is Step.FOLD)
            raised.recovered_at = None if verdict.status is Status.DOWN else now
            self.incidents.append(raised)
        elif current and step is Step.RESOLVE:
            current.resolved_at = current.recovered_at = now
        elif current and step is Step.RECOVER:
            current.recovered_at = current.recovered_at or now
        elif current and step is Step.RELAPSE:
            current.recovered_at = None

    def _calm_down(self, current: Raised, *, now: datetime) -> None:
        if not is_calm(self.changes, self.policy, now=now):
            return
        current.flapping = False
        if current.recovered_at is not None:
            current.resolved_at = now

    def next_look(self, *, after: datetime) -> datetime | None:
        """The next moment at which something changes though no result comes: a word grows old, flapping calms down."""
        moments = [state.slot + self.stale_after + JUST_AFTER for state in self.states.values() if state.slot]
        moments.append(self.began + self.stale_after + JUST_AFTER)
        spans: list[Absence | Work] = [*self.absences, *self.works]
        moments += [edge for each in spans for edge in (each.since, each.until) if edge]
        moments += [change.at + timedelta(seconds=self.policy.flapping_s) for change in self.changes]
        return min((moment for moment in moments if moment > after), default=None)


def replay(
    arrivals: Iterable[Arrival],
    policy: Policy,
    *,
    regions: Sequence[str],
    stale_after: timedelta,
    began: datetime,
    until: datetime,
    absences: Sequence[Absence] = (),
) -> list[Raised]:
    """The incidents that these results would have raised under a policy, oldest first.

    ``regions``: those assigned; ``began``: when the watch began, with nothing known.
    """
    story = Replay(policy, regions, stale_after, began, absences)
    now = began
    in_order = sorted(arrivals, key=lambda arrival: arrival.at)
    for at, together in groupby(in_order, key=lambda arrival: arrival.at):
        _wait(story, now, at)
        story.take([arrival.seen for arrival in together], now=at)
        now = at
    _wait(story, now, until)
    return story.incidents


class Telling:
    """A story told result by result, with the looks between them, for pasts too long to be held at once."""

    def __init__(self, story: Replay) -> None:
        self.story, self.now = story, story.began
        self._next = story.next_look(after=self.now)

    def hear(self, arrival: Arrival) -> None:
        """Arrivals come in the order of their time."""
        self.wait(until=arrival.at)
        # A steady word only puts looks off, so the next one that is known comes first in any case.
        if not self.story.take_steady(arrival.seen):
            self.story.take([arrival.seen], now=arrival.at)
            self._next = self.story.next_look(after=arrival.at)
        self.now = arrival.at

    def wait(self, *, until: datetime) -> None:
        if self._next is not None and self._next <= until:
            _wait(self.story, self.now, until)
            self._next = self.story.next_look(after=until)


def _wait(story: Replay, now: datetime, until: datetime) -> None:
    while (moment := story.next_look(after=now)) and moment <= until:
        story.look(now=moment)
        now = moment
