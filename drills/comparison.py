"""What another policy would have changed, and why a replay is not what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from incidents.rules.replay import Raised
from monitors.rules import Policy
from probes.sentences import say

TOLERANCE = timedelta(seconds=15)
"""What a result takes from the region to the verdict, and silence until it is noticed, is not stored."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An incident as it was, or would have been. ``told_at``: None where it was over before anybody was to be told."""

    started_at: datetime
    confirmed_at: datetime
    resolved_at: datetime | None
    told_at: datetime | None
    flapping: bool = False

    @classmethod
    def of(cls, raised: Raised, policy: Policy) -> Outage:
        return cls.seen(raised.started_at, raised.confirmed_at, raised.resolved_at, policy, flapping=raised.flapping)

    @classmethod
    def seen(
        cls,
        started_at: datetime,
        confirmed_at: datetime,
        resolved_at: datetime | None,
        policy: Policy,
        *,
        flapping: bool = False,
    ) -> Outage:
        told_at = max(confirmed_at, started_at + timedelta(seconds=policy.alert_after_s))
        told = resolved_at is None or told_at <= resolved_at
        return cls(started_at, confirmed_at, resolved_at, told_at if told else None, flapping)

    def overlaps(self, other: Outage) -> bool:
        return (other.resolved_at is None or self.started_at < other.resolved_at) and (
            self.resolved_at is None or other.started_at < self.resolved_at
        )


class Change(StrEnum):
    """What another policy makes of an outage."""

    SAME = "same"
    RAISED = "raised"
    MISSED = "missed"
    DELAYED = "delayed"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Effect:
    """One outage under both policies. ``later_s``: how much later people would have been told; less than 0: sooner."""

    change: Change
    present: Outage | None
    proposed: Outage | None
    later_s: float | None = None


def compare(present: Sequence[Outage], proposed: Sequence[Outage]) -> list[Effect]:
    """Each outage of either policy once, in the order of time."""
    left, effects = list(proposed), []
    for outage in present:
        match = next((other for other in left if outage.overlaps(other)), None)
        if match is not None:
            left.remove(match)
        effects.append(_effect(outage, match))
    effects += [_effect(None, outage) for outage in left]
    return sorted(effects, key=lambda effect: (effect.present or effect.proposed).started_at)  # type: ignore[union-attr]


def _effect(present: Outage | None, proposed: Outage | None) -> Effect:
    before = present.told_at if present else None
    after = proposed.told_at if proposed else None
    if before is None or after is None:
        change = Change.SAME if before is after else Change.RAISED if after else Change.MISSED
        return Effect(change, present, proposed)
    later_s = round((after - before).total_seconds(), 3)
    change = Change.DELAYED if later_s > 0 else Change.EARLIER if later_s < 0 else Change.SAME
    return Effect(change, present, proposed, later_s)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An incident of the record, and what may part it from a replay."""

    outage: Outage
    ended_why: str = ""
    """recovered, calm, by_hand or paused; empty while it is open."""
    same_policy: bool = True
    """It was decided by the policy that is in force now."""
    results_kept: bool = True
    """The results that decided it are still stored."""
    excluded: tuple[str, ...] = ()
    """Why regions had no vote then, where they had none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the replay of the present policy is not the record, in words."""

    what: str
    why: str
    recorded: Outage | None
    replayed: Outage | None


ELSE = say(
    "the monitor had other settings then or was paused, another region stood in, or results came in another order"
)


def differences(recorded: Sequence[Recorded], replayed: Sequence[Outage]) -> list[Difference]:
    """Empty when the replay gives exactly what was recorded, but for the seconds that are not stored."""
    left, found = list(replayed), []
    for record in recorded:
        match = _match(record.outage, left)
        if match is not None:
            left.remove(match)
        if what := _what(record, match):
            found.append(Difference(what, _why(record, match), record.outage, match))
    return found + [Difference(say("only in the replay"), _why_extra(each, recorded), None, each) for each in left]


def _match(outage: Outage, among: Sequence[Outage]) -> Outage | None:
    same = (each for each in among if each.started_at == outage.started_at)
    return next(same, next((each for each in among if each.overlaps(outage)), None))


def _what(record: Recorded, match: Outage | None) -> str:
    if match is None:
        return say("only in the record")
    outage = record.outage
    if match.started_at != outage.started_at or abs(match.confirmed_at - outage.confirmed_at) > TOLERANCE:
        return say("another beginning")
    return "" if _near(match.resolved_at, outage.resolved_at) else say("another end")


def _near(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE


def _why(record: Recorded, match: Outage | None) -> str:
    if not record.results_kept:
        return say("its results are not stored any more")
    if not record.same_policy:
        return say("it was decided by another policy")
    if match is not None and match.started_at == record.outage.started_at and record.ended_why == "by_hand":
        return say("a person closed it before it was over")
    if record.ended_why == "paused":
        return say("the monitor was paused")
    if record.excluded:
        return say("regions had no vote then: {names}", names=", ".join(record.excluded))
    return ELSE


def _why_extra(replayed: Outage, recorded: Sequence[Recorded]) -> str:
    """After a closing by hand the record opens nothing until the site has recovered."""
    for record in recorded:
        end = record.outage.resolved_at
        if end is not None and replayed.started_at <= end + TOLERANCE and record.outage.overlaps(replayed):
            return say("it is part of one that ended otherwise ({ended_why})", ended_why=record.ended_why)
    return ELSE
