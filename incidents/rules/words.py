"""Why an incident was opened, in plain words, from what was stored when it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from incidents.rules import NO_RESULT_YET, REGION_OFFLINE, Verdict, Vote, decide
from monitors.rules import Policy, Status, agreement, rough_span
from probes.contract import InvalidSpec, Reason
from probes.sentences import ended, listed, say

EXCLUDED = {
    "stale": say("has said nothing since, and that is too old to count"),
    "no_result": say("has never answered"),
    NO_RESULT_YET: say("had not answered yet"),
    REGION_OFFLINE: say("was out: none of its workers was heard of"),
    Reason.REGION_SUSPECT: say("failed for many unrelated sites at that time, so the trouble was its own"),
}


STATUSES = {
    Status.PENDING: say("pending"),
    Status.UP: say("up"),
    Status.DEGRADED: say("degraded"),
    Status.PARTIAL: say("partial"),
    Status.DOWN: say("down"),
    Status.UNKNOWN: say("unknown"),
    Status.MAINTENANCE: say("maintenance"),
    Status.PAUSED: say("paused"),
}
OUTCOMES = {status.value: word for status, word in STATUSES.items()}
"""In the middle of a sentence. The outcomes of a check have the names of statuses."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict in words, and whether the same rules come to it again."""

    sentence: str
    votes: list[str]
    again: str
    same: bool


def read_votes(stored: Sequence[dict[str, Any]]) -> tuple[Vote, ...]:
    """Votes as they were stored, also by an earlier version that knew less of them."""
    known = {part.name for part in fields(Vote)}
    return tuple(Vote(**{name: value for name, value in vote.items() if name in known}) for vote in stored)


def explain(
    stored: Sequence[dict[str, Any]], policy: object, *, before: Status, after: Status, open_incident: bool
) -> Explanation:
    """Tell a stored verdict in words, and judge its votes again."""
    votes = read_votes(stored)
    told = [vote_in_words(vote) for vote in votes]
    try:
        rules = Policy.parse(policy)
    except InvalidSpec as error:
        return Explanation(say("The policy of that time cannot be read: {error}.", error=error), told, "", False)
    verdict = decide(votes, rules, current=before, open_incident=open_incident)
    return Explanation(
        sentence=_sentence(Verdict(after, votes), rules),
        votes=told,
        again=verdict.status.value,
        same=verdict.status is after,
    )


def _sentence(verdict: Verdict, policy: Policy) -> str:
    votes = verdict.votes
    failing = [vote.region for vote in votes if vote.failing and vote.streak >= policy.confirmations]
    healthy = [vote.region for vote in votes if vote.healthy]
    excluded = [vote.region for vote in votes if vote.excluded]
    needed = say(
        "It is {status} when {agreement}", status=STATUSES[verdict.status], agreement=agreement(policy, len(votes))
    )
    failed = say(
        "{failing} failed {count} times in a row or more",
        failing=listed(failing) or say("no region"),
        count=policy.confirmations,
    )
    well = [say("{healthy} found it well", healthy=listed(healthy))] if healthy else []
    silent = [say("{excluded} had no vote", excluded=listed(excluded))] if excluded else []
    return ended([needed, failed, *well, *silent])


def vote_in_words(vote: Vote) -> str:
    """One region's vote: "usa: connection refused, 2 times in a row, 3 s old"."""
    name = vote.region
    if vote.stands_in_for is not None:
        name = say("{region} (in the place of {absent})", region=vote.region, absent=vote.stands_in_for)
    if vote.excluded is not None:
        return _excluded(name, vote.excluded, vote)
    said = (
        (vote.message or vote.reason or say("failed"))
        if vote.failing
        else OUTCOMES.get(str(vote.outcome), vote.outcome)
    )
    return say(
        "{region}: {said}, {count} times in a row, {age} old",
        region=name,
        said=said,
        count=vote.streak,
        age=rough_span(vote.age_s or 0),
    )


def _excluded(region: str, why: str, vote: Vote) -> str:
    told = say("{region} {why}", region=region, why=EXCLUDED.get(why) or say("could not tell: {reason}", reason=why))
    if vote.age_s is None:
        return told
    last = {"outcome": OUTCOMES.get(str(vote.outcome), vote.outcome), "age": rough_span(vote.age_s)}
    return say("{told}; its last word was {outcome}, {age} old", told=told, **last)


def difference(good: Mapping[str, Any], bad: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What had changed between the last good check and the first failure: [then, at the failure] by name."""
    return {name: [good[name], bad.get(name)] for name in good if good[name] != bad.get(name)}
