"""What a drill does next, and what its times mean. Pure: times and what is seen in, a step out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from monitors.rules import Status
from probes.sentences import say

PATIENCE = timedelta(seconds=60)
"""Beside the turns that checking needs."""

DELIVERY_PATIENCE = timedelta(seconds=120)
"""A message that was not accepted by then shows a channel in trouble, which is worth knowing as well."""


OPEN_THE_WAY = say(
    "Set SITE_URL to this server's public address, or open its network to web and workers by PROBE_ALLOWED_NETWORKS."
)


class Stage(StrEnum):
    """How far a drill has come."""

    PREPARING = "preparing"
    DOWN = "down"
    MENDED = "mended"
    DONE = "done"
    FAILED = "failed"


class Step(StrEnum):
    """What is to be done next."""

    WAIT = "wait"
    BREAK = "break"
    MEND = "mend"
    END = "end"


@dataclass(frozen=True, slots=True)
class Times:
    """When each stage was reached, None while it was not. ``fault_at`` and ``mended_at`` may lie ahead."""

    asked_at: datetime
    fault_at: datetime | None = None
    failed_at: datetime | None = None
    confirmed_at: datetime | None = None
    queued_at: datetime | None = None
    accepted_at: datetime | None = None
    mended_at: datetime | None = None
    recovered_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """How the drill's monitor stands: None when somebody has deleted it."""

    status: Status | None
    reason: str = ""
    blocked: str = ""
    """What the guard of a region says against the target's address."""
    planned: bool = False
    """It was decided whom to tell of the outage."""
    trouble: str = ""
    """What the channels say that have not accepted the message."""


def reached(times: Times, *, now: datetime) -> Times:
    """What has come by now: a fault and a mending are chosen ahead, and one that never came is mended by nothing."""
    fault_at = times.fault_at if times.fault_at and times.fault_at <= now else None
    mended_at = times.mended_at if fault_at and times.mended_at and times.mended_at <= now else None
    return replace(times, fault_at=fault_at, mended_at=mended_at)


def is_broken(fault_at: datetime | None, mended_at: datetime | None, now: datetime) -> bool:
    """Whether the target fails at this moment."""
    return fault_at is not None and fault_at <= now and (mended_at is None or now < mended_at)


def next_step(times: Times, seen: Seen, *, interval: timedelta, now: datetime) -> tuple[Step, str]:
    """What to do, and the sentence that says what went wrong when that is to end a drill before its time."""
    if seen.status is None:
        return Step.END, say("Its monitor was deleted.")
    if seen.status is Status.PAUSED:
        return Step.END, say("Its monitor was paused.")
    if times.fault_at is None:
        return _prepare(times, seen, interval=interval, now=now)
    if times.mended_at is None:
        return _tell(times, seen, late=now - times.fault_at > 3 * interval + PATIENCE, now=now)
    return _recover(times, late=now - times.mended_at > 3 * interval + PATIENCE, now=now)


def _prepare(times: Times, seen: Seen, *, interval: timedelta, now: datetime) -> tuple[Step, str]:
    if seen.status is Status.UP:
        return Step.BREAK, ""
    if now - times.asked_at > interval + PATIENCE:
        if seen.blocked:
            return Step.END, say(
                "The regions may not dial the target: {blocked}. {open_the_way}",
                blocked=seen.blocked,
                open_the_way=OPEN_THE_WAY,
            )
        told = {"status": seen.status, "why": seen.reason}
        if seen.reason:
            return Step.END, say("The regions did not find the target well; its monitor is {status}: {why}.", **told)
        return Step.END, say("The regions did not find the target well; its monitor is {status}.", **told)
    return Step.WAIT, ""


def _tell(times: Times, seen: Seen, *, late: bool, now: datetime) -> tuple[Step, str]:
    """The target goes on failing until a channel has taken the message, or nobody will."""
    if times.accepted_at is not None:
        return Step.MEND, ""
    if times.confirmed_at is None:
        return (Step.END, say("No incident was opened in time.")) if late else (Step.WAIT, "")
    if seen.planned and times.queued_at is None:
        return Step.END, say("No rule of the team sends anybody a message of this monitor.")
    if now - times.confirmed_at > DELIVERY_PATIENCE:
        told = {"seconds": DELIVERY_PATIENCE.seconds, "why": seen.trouble}
        if seen.trouble:
            return Step.END, say("No channel has accepted the message in {seconds} s: {why}.", **told)
        return Step.END, say("No channel has accepted the message in {seconds} s.", **told)
    return Step.WAIT, ""


def _recover(times: Times, *, late: bool, now: datetime) -> tuple[Step, str]:
    if times.told_at is not None:
        return Step.END, ""
    if times.recovered_at is None:
        return (Step.END, say("The recovery was not noticed in time.")) if late else (Step.WAIT, "")
    if now - times.recovered_at > DELIVERY_PATIENCE:
        return Step.END, say("No channel was told of the recovery in {seconds} s.", seconds=DELIVERY_PATIENCE.seconds)
    return Step.WAIT, ""


def longest(interval: timedelta) -> timedelta:
    """No drill takes longer than that."""
    return 9 * interval + 3 * PATIENCE + 2 * DELIVERY_PATIENCE


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """None while one of them is missing, or where a person was quicker than the machine."""
    return round((end - start).total_seconds(), 3) if start and end and end >= start else None


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from the fault to the accepted message, over so many drills."""

    count: int
    median_s: float | None
    p95_s: float | None
    worst_s: float | None


def figures(seconds: Iterable[float]) -> Figures:
    """By nearest rank: each figure is one that was measured."""
    known = sorted(seconds)
    if not known:
        return Figures(0, None, None, None)

    def rank(share: float) -> float:
        return known[ceil(share * len(known)) - 1]

    return Figures(len(known), rank(0.5), rank(0.95), known[-1])
