"""Is it down? Since when? Who says so? Pure: results fold into region states, region states into a verdict.

A region's word counts once it was said often enough in a row: ``policy.confirmations`` times for going down,
``policy.recoveries`` times for coming back.
Unknown results are not a word at all. Silence is never an outage: regions that have gone quiet leave the count,
and the number that must agree stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitors.rules import Policy, Status
from probes.contract import Outcome, Reason

NO_RESULT_YET = "no_result_yet"
"""A vote that is still on its way: the region was asked for the first time a moment ago."""

REGION_OFFLINE = "region_offline"
"""No worker of the region has been heard of, so its last results say nothing about the present."""

DOWN_NO_MORE = frozenset({Status.UP, Status.DEGRADED, Status.PARTIAL})


@dataclass(frozen=True, slots=True)
class Observation:
    """One stored result, as far as deciding goes."""

    region: str
    slot: datetime
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class RegionState:
    """A region's present word: what it last knew, how often in a row, and since which slot.

    ``outcome`` is None until the region has known anything. ``silence`` says why its latest result was no word
    (an ``unknown`` reason), and is empty again with the next known result. ``strict``: degraded results were counted
    as failures when the streak was counted. ``good_slot``: the last good result before the present failures.
    """

    region: str
    outcome: Outcome | None = None
    reason: Reason | None = None
    message: str = ""
    streak: int = 0
    since: datetime | None = None
    slot: datetime | None = None
    silence: Reason | None = None
    silent_slot: datetime | None = None
    strict: bool = False
    good_slot: datetime | None = None

    @property
    def failing(self) -> bool:
        return _fails(self.outcome, strict=self.strict)


def _fails(outcome: str | None, *, strict: bool) -> bool:
    return outcome == Outcome.DOWN or (strict and outcome == Outcome.DEGRADED)


def observe(state: RegionState, seen: Observation, *, strict: bool = False) -> RegionState:
    """Fold one result into a region's state. Late and repeated results change nothing.

    ``strict``: degraded counts as failing. A degraded region's streak that was counted otherwise begins anew.
    """
    if seen.outcome is Outcome.UNKNOWN:
        if seen.slot <= latest_word(state):
            return state
        return replace(state, silence=seen.reason, silent_slot=seen.slot)
    if state.slot is not None and seen.slot <= state.slot:
        return state
    fails = _fails(seen.outcome, strict=strict)
    comparable = state.strict is strict or state.outcome is not Outcome.DEGRADED
    same = state.outcome is not None and comparable and state.failing is fails
    good_slot = (state.good_slot if state.failing else state.slot) if fails else None
    return RegionState(
        region=state.region,
        outcome=seen.outcome,
        reason=seen.reason,
        message=seen.message,
        streak=state.streak + 1 if same else 1,
        since=state.since if same else seen.slot,
        slot=seen.slot,
        strict=strict,
        good_slot=good_slot,
    )


def latest_word(state: RegionState) -> datetime:
    """The slot of the newest result that a region gave, known or not."""
    return max((slot for slot in (state.slot, state.silent_slot) if slot), default=datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Vote:
    """What one assigned region had to say when a verdict was made, and why it was left out if it was."""

    region: str
    outcome: str | None
    reason: str | None
    message: str
    streak: int
    since: str | None
    slot: str | None
    age_s: float | None
    excluded: str | None
    stands_in_for: str | None = None
    strict: bool = False
    good_slot: str | None = None

    @property
    def failing(self) -> bool:
        return self.excluded is None and _fails(self.outcome, strict=self.strict)

    @property
    def healthy(self) -> bool:
        return self.excluded is None and not _fails(self.outcome, strict=self.strict)


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Status
    votes: tuple[Vote, ...]

    @property
    def started_at(self) -> datetime | None:
        """The first failure of the streaks that agree: when the trouble began, not when we were sure."""
        starts = [datetime.fromisoformat(vote.since) for vote in self.votes if vote.failing and vote.since]
        return min(starts, default=None)

    @property
    def cause(self) -> dict[str, dict[str, Any]]:
        """Why, by region. ``first_slot`` and ``good_slot`` are the keys of what was seen first, and last while well."""
        return {
            vote.region: {
                "reason": vote.reason,
                "message": vote.message,
                "first_slot": vote.since,
                "good_slot": vote.good_slot,
            }
            for vote in self.votes
            if vote.failing
        }

    def votes_as_dicts(self) -> list[dict[str, Any]]:
        return [asdict(vote) for vote in self.votes]


def cast_votes(
    states: Mapping[str, RegionState],
    assigned: Iterable[str],
    *,
    stale_after: timedelta,
    status_since: datetime,
    now: datetime,
    offline: Collection[str] = (),
    stand_ins: Mapping[str, str] | None = None,
    suspect: Mapping[str, datetime] | None = None,
) -> tuple[Vote, ...]:
    """One vote for each assigned region, silent ones included. ``stand_ins`` vote in the place of those away.

    ``suspect``: regions in trouble of their own. A failure that began since then is no word on the site.
    """
    first_results_due = now - status_since <= stale_after

    def vote(region: str) -> Vote:
        voter = (stand_ins or {}).get(region, region)
        state = states.get(voter) or RegionState(voter)
        excluded = _why_excluded(state, stale_after, first_results_due, now)
        troubled = (suspect or {}).get(voter)
        if excluded is None and state.failing and troubled and state.since and state.since >= troubled:
            excluded = Reason.REGION_SUSPECT.value
        return _vote(
            state,
            excluded=REGION_OFFLINE if voter in offline else excluded,
            stands_in_for=None if voter == region else region,
            now=now,
        )

    return tuple(vote(region) for region in assigned)


def _vote(state: RegionState, *, excluded: str | None, stands_in_for: str | None, now: datetime) -> Vote:
    return Vote(
        region=state.region,
        outcome=state.outcome,
        reason=state.reason,
        message=state.message,
        streak=state.streak,
        since=state.since.isoformat() if state.since else None,
        slot=state.slot.isoformat() if state.slot else None,
        age_s=round((now - state.slot).total_seconds(), 3) if state.slot else None,
        excluded=excluded,
        stands_in_for=stands_in_for,
        strict=state.strict,
        good_slot=state.good_slot.isoformat() if state.good_slot and state.failing else None,
    )


def _why_excluded(state: RegionState, stale_after: timedelta, first_results_due: bool, now: datetime) -> str | None:
    if state.slot is not None and now - state.slot <= stale_after:
        return None
    if state.silence is not None:
        return state.silence
    if state.slot is not None:
        return "stale"
    return NO_RESULT_YET if first_results_due else "no_result"


def decide(votes: tuple[Vote, ...], policy: Policy, *, current: Status, open_incident: bool) -> Verdict:
    """The status that these votes add up to. ``open_incident``: it was down, and has not recovered since.

    1. Fewer fresh regions than the quorum: unknown, or still pending while first results are on their way.
    2. Down when a quorum of regions fails, each confirmed.
    3. A down monitor is up again only when a quorum of regions is well, each confirmed; until then the state is kept.
    4. Some regions failing, too few for the quorum: partial.

    After planned work the votes decide as on the first day, so that what fails still is told once.
    """
    if current is Status.MAINTENANCE:
        current = Status.DOWN if open_incident else Status.PENDING
    needed = policy.needed(len(votes))
    fresh = [vote for vote in votes if vote.excluded is None]
    failing = [vote for vote in fresh if vote.failing and vote.streak >= policy.confirmations]
    healthy = [vote for vote in fresh if vote.healthy]
    recovered = [vote for vote in healthy if vote.streak >= policy.recoveries]

    if len(fresh) < needed:
        waiting = current is Status.PENDING and any(vote.excluded == NO_RESULT_YET for vote in votes)
        return Verdict(Status.PENDING if waiting else Status.UNKNOWN, votes)
    if len(failing) >= needed:
        return Verdict(Status.DOWN, votes)
    if open_incident and len(recovered) < needed:
        return Verdict(current, votes)
    settled = len(failing) + len(healthy)
    if not settled or (current in {Status.PENDING, Status.UNKNOWN} and settled < needed):
        return Verdict(current, votes)
    if failing:
        return Verdict(Status.PARTIAL, votes)
    if any(vote.outcome == Outcome.DEGRADED for vote in healthy):
        return Verdict(Status.DEGRADED, votes)
    return Verdict(Status.UP, votes)


def regions_to_ask(votes: tuple[Vote, ...], policy: Policy, *, status: Status) -> list[tuple[Vote, str]]:
    """Regions whose word is wanted now rather than at their next slot, by their last votes, and why.

    A region that contradicts the present status and is not confirmed yet is asked again; and so is every
    region that has not looked since the contradiction began.
    """
    broken = status is Status.DOWN
    enough = policy.recoveries if broken else policy.confirmations
    dissenting = [vote for vote in votes if vote.excluded is None and vote.failing != broken and vote.streak < enough]
    if not dissenting:
        return []
    began = min(vote.since or "" for vote in dissenting)
    confirm = [(vote, f"confirm-{'down' if vote.failing else 'up'}-{vote.streak}") for vote in dissenting]
    return confirm + [(vote, "look") for vote in votes if vote not in dissenting and (vote.slot or "") < began]


def sentence(verdict: Verdict) -> str:
    """Why the status is what it is, in words for the page."""
    if verdict.status in {Status.DOWN, Status.PARTIAL}:
        return "; ".join(f"{vote.region}: {vote.message or vote.reason}" for vote in verdict.votes if vote.failing)
    if verdict.status is Status.DEGRADED:
        degraded = [vote for vote in verdict.votes if vote.outcome == Outcome.DEGRADED]
        return "; ".join(f"{vote.region}: {vote.message or vote.reason}" for vote in degraded)
    if verdict.status is Status.UNKNOWN:
        return "; ".join(f"{vote.region}: {vote.excluded}" for vote in verdict.votes if vote.excluded)
    return ""
