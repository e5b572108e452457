"""Why an incident was opened, in plain words, from what was stored when it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from incidents.rules import NO_RESULT_YET, REGION_OFFLINE, Verdict, Vote, decide
from monitors.rules import Policy, Status, agreement, span
from probes.contract import InvalidSpec, Reason

EXCLUDED = {
    "stale": "has said nothing since, and that is too old to count",
    "no_result": "has never answered",
    NO_RESULT_YET: "had not answered yet",
    REGION_OFFLINE: "was out: none of its workers was heard of",
    Reason.REGION_SUSPECT: "failed for many unrelated sites at that time, so the trouble was its own",
}


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
    try:
        rules = Policy.parse(policy)
    except InvalidSpec as error:
        return Explanation(
            f"The policy of that time cannot be read: {error}.", [say(vote) for vote in votes], "", False
        )
    verdict = decide(votes, rules, current=before, open_incident=open_incident)
    return Explanation(
        sentence=_sentence(Verdict(after, votes), rules),
        votes=[say(vote) for vote in votes],
        again=verdict.status.value,
        same=verdict.status is after,
    )


def _sentence(verdict: Verdict, policy: Policy) -> str:
    votes = verdict.votes
    failing = [vote.region for vote in votes if vote.failing and vote.streak >= policy.confirmations]
    healthy = [vote.region for vote in votes if vote.healthy]
    excluded = [vote.region for vote in votes if vote.excluded]
    said = f"{_list(failing) or 'no region'} failed {policy.confirmations} times in a row or more"
    parts = [f"It is {verdict.status.value} when {agreement(policy, len(votes))}; {said}"]
    if healthy:
        parts.append(f"{_list(healthy)} found it well")
    if excluded:
        parts.append(f"{_list(excluded)} had no vote")
    return "; ".join(parts) + "."


def _list(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def say(vote: Vote) -> str:
    """One region's vote: "usa: connection refused, 2 times in a row, 3 s old"."""
    name = vote.region if vote.stands_in_for is None else f"{vote.region} (in the place of {vote.stands_in_for})"
    if vote.excluded is not None:
        last = f"; its last word was {vote.outcome}, {span(vote.age_s)} old" if vote.age_s is not None else ""
        return f"{name} {EXCLUDED.get(vote.excluded, f'could not tell: {vote.excluded}')}{last}"
    said = (vote.message or vote.reason or "failed") if vote.failing else str(vote.outcome)
    return f"{name}: {said}, {vote.streak} times in a row, {span(vote.age_s or 0)} old"


def difference(good: Mapping[str, Any], bad: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What had changed between the last good check and the first failure: [then, at the failure] by name."""
    return {name: [good[name], bad.get(name)] for name in good if good[name] != bad.get(name)}
