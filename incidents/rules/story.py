"""What follows from a verdict: incidents that open and close, flapping, and who might want to hear of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from incidents.rules import DOWN_NO_MORE, Verdict
from monitors.rules import Policy, Status
from probes.contract import Reason

SETTLING = timedelta(seconds=60)
"""A partial or degraded status is told when it has lasted so long: most are steps on the way down or back up."""

CERTIFICATE_AGAIN = timedelta(days=7)
"""While a certificate runs out, this often."""

RANKS = {Status.UP: 0, Status.DEGRADED: 1, Status.PARTIAL: 2, Status.DOWN: 3}
"""Of the statuses that say something of the site, the worse the higher."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of status."""

    at: datetime
    before: Status
    after: Status


def swings(changes: Iterable[Change]) -> list[datetime]:
    """When things took a turn for the worse or for the better, however many steps each turn took; oldest first.

    Up, partial, down, partial, up are two swings. What we do not know is neither.
    """
    turns: list[datetime] = []
    rank: int | None = None
    worse: bool | None = None
    for change in sorted(changes, key=lambda change: change.at):
        rank = RANKS.get(change.before, rank) if rank is None else rank
        now = RANKS.get(change.after)
        if now is None:
            continue
        if rank is not None and now != rank and worse is not (now > rank):
            worse = now > rank
            turns.append(change.at)
        rank = now
    return turns


def recent(changes: Iterable[Change], policy: Policy, *, now: datetime) -> list[Change]:
    return [change for change in changes if now - timedelta(seconds=policy.flapping_s) < change.at <= now]


def is_flapping(changes: Iterable[Change], policy: Policy, *, now: datetime) -> bool:
    """Whether there were more swings lately than a policy bears. ``changes`` may reach back further."""
    return policy.flapping > 0 and len(swings(recent(changes, policy, now=now))) > policy.flapping


def is_calm(changes: Iterable[Change], policy: Policy, *, now: datetime) -> bool:
    """Whether flapping is over: not one swing for as long as many had made it."""
    return not swings(recent(changes, policy, now=now))


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of an incident before a verdict."""

    open: bool = False
    flapping: bool = False
    shelved: bool = False
    """A person has closed the last one while the trouble went on."""


NOTHING = Standing()


class Step(StrEnum):
    """What is to be done about a change of status."""

    OPEN = "open"
    FOLD = "fold"
    """Open one flapping incident in the place of many."""
    RESOLVE = "resolve"
    RECOVER = "recover"
    """The trouble is over, though the incident is not closed by it, or was closed before."""
    RELAPSE = "relapse"
    TELL = "tell"
    """Partial, degraded, or well again without an incident."""


def conclude(before: Status, after: Status, standing: Standing, *, flapping: bool) -> list[Step]:
    """The steps that follow when a verdict changes the status. Nothing ever follows from what we do not know."""
    if after is before or after not in RANKS:
        return []
    if standing.flapping:
        return [Step.RELAPSE if after is Status.DOWN else Step.RECOVER]
    if standing.open:
        return [] if after is Status.DOWN else [Step.RESOLVE, Step.TELL]
    if standing.shelved:
        return [] if after is Status.DOWN else [Step.RECOVER, Step.TELL]
    if flapping and RANKS[after] > RANKS.get(before, 0):
        return [Step.FOLD]
    return [Step.OPEN] if after is Status.DOWN else [Step.TELL]


def held_until(after: Status, policy: Policy, *, started_at: datetime, now: datetime) -> datetime | None:
    """When somebody may be told of trouble, None for at once. What is over before that is told to nobody."""
    if after is Status.DOWN and not policy.alert_after_s:
        return None  # also where a slot that began the outage lies a second ahead
    earliest = started_at + timedelta(seconds=policy.alert_after_s)
    if after is not Status.DOWN:
        earliest = max(earliest, now + SETTLING)
    return earliest if earliest > now else None


def certificate_words(verdict: Verdict) -> str:
    """What the regions say of a certificate that runs out; empty when none does."""
    if verdict.status not in DOWN_NO_MORE:
        return ""
    found = [vote for vote in verdict.votes if vote.healthy and vote.reason == Reason.CERT_EXPIRING]
    return "; ".join(f"{vote.region}: {vote.message or vote.reason}" for vote in found)


def only_certificate(verdict: Verdict) -> bool:
    """Whether a certificate is all that is not in order."""
    others = [
        vote for vote in verdict.votes if vote.excluded is None and vote.reason not in {None, Reason.CERT_EXPIRING}
    ]
    return bool(certificate_words(verdict)) and not others


def may_warn_again(told: Sequence[datetime], *, now: datetime) -> bool:
    return all(now - at >= CERTIFICATE_AGAIN for at in told)
