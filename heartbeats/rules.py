"""What pings and their absence say of a job. Pure: pings go in with the times at which they arrived, results come out.

1. A ping is due when the schedule says so, counted from the job's last sign of life, and missed one grace later.
2. A run whose start was reported must end within ``max_runtime`` where that is set, else before the next ping is due
   and its grace is over.
3. A deadline that passed while nobody listened is unknown and never a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from monitors.heartbeat import HeartbeatSpec
from monitors.rules import Status, rough_span
from probes.contract import Outcome, Reason
from probes.sentences import say

SETTLES = timedelta(seconds=5)
"""A deadline is decided so long after it has passed: pings that arrived in time have been written down by then, and who
had to refuse one has said so."""

BREAK = timedelta(seconds=15)
"""Whoever listens and has not said so for longer was away meanwhile."""

SAME_START = timedelta(seconds=60)
"""A second start without a run's id is the first one sent again, if it follows so soon."""

MAX_RUNS = 20
AT_ONCE = 500
"""Deadlines decided in one go; after a long break the rest follows in the next."""

TICK = timedelta(microseconds=1)


class Word(StrEnum):
    """What a ping says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"


def read_word(text: str) -> tuple[Word, int | None] | None:
    """The last part of a ping's address: nothing, ``start``, ``fail`` or an exit code from 0 to 255."""
    if text in {"", Word.START, Word.FAIL}:
        return (Word(text) if text else Word.SUCCESS), None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        return None
    return (Word.FAIL if int(text) else Word.SUCCESS), int(text)


@dataclass(frozen=True, slots=True)
class Ping:
    at: datetime
    word: Word = Word.SUCCESS
    exit_code: int | None = None
    run: str = ""
    """The id that the job gave this run; empty: none."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun and not ended yet."""

    id: str
    began: datetime


@dataclass(frozen=True, slots=True)
class Beat:
    """What is known of a job. ``anchor`` is None while it is new: nothing is expected before its first ping.

    ``anchor``: from when the next ping is counted. ``word``, ``told_at``: the last result and its slot.
    """

    anchor: datetime | None = None
    runs: tuple[Run, ...] = ()
    word: Outcome | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a sign of life is ``due``, and ``at`` when it is missed. ``run``: the one whose end is waited for."""

    due: datetime
    at: datetime
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A result: what ``ping`` said, or, where that is None, what the silence until ``at`` did."""

    at: datetime
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    slots: int = 1
    ping: Ping | None = None


def begin_anew(beat: Beat, *, at: datetime) -> Beat:
    """Count from this moment, with the next ping as news: the watch was resumed, or its schedule changed.

    A new job stays new.
    """
    if beat.anchor is None or beat.anchor >= at:
        return beat
    return replace(beat, anchor=at, runs=(), word=None)


def not_after(beat: Beat, now: datetime) -> Beat:
    """The same where a clock was set back: a sign of life from the future would keep us waiting."""
    if beat.anchor is None or beat.anchor <= now:
        return beat
    return replace(beat, anchor=now, runs=tuple(replace(run, began=min(run.began, now)) for run in beat.runs))


def next_deadline(beat: Beat, schedule: HeartbeatSpec) -> Deadline | None:
    if beat.anchor is None:
        return None
    due = schedule.due_after(beat.anchor)
    arrival = Deadline(due, due + schedule.grace_time)
    if not beat.runs:
        return arrival
    end = _end_of(beat.runs[0], schedule)
    return end if end.at <= arrival.at else arrival


def _end_of(run: Run, schedule: HeartbeatSpec) -> Deadline:
    if schedule.max_runtime is not None:
        ends = run.began + timedelta(seconds=schedule.max_runtime)
        return Deadline(ends, ends, run)
    due = schedule.due_after(run.began)
    return Deadline(due, due + schedule.grace_time, run)


@dataclass(frozen=True, slots=True)
class Hearing:
    """A time in which we listened without a break; what comes ``until`` then can be decided."""

    since: datetime
    until: datetime

    def settled(self, now: datetime) -> datetime:
        """Deadlines before this are decided."""
        return min(now - SETTLES, self.until)


def hearing(stamp: tuple[datetime, datetime] | None, *, now: datetime) -> Hearing:
    """What somebody's last stamp (since, last) is worth: who has not stamped for a while does not listen any more."""
    if stamp is None or now - stamp[1] > BREAK:
        return Hearing(now, now)
    return Hearing(*stamp)


class Story:
    """A job's story, told forward: ``hear`` pings, ``wait`` for deadlines. ``listening_since``: without a break."""

    def __init__(self, beat: Beat, schedule: HeartbeatSpec, *, listening_since: datetime) -> None:
        self.beat, self.schedule, self.listening_since = beat, schedule, listening_since
        self.said: list[Said] = []
        self.decided = 0

    def wait(self, until: datetime) -> bool:
        """Decide the deadlines before a moment; False when there are more than one go should decide."""
        while (deadline := next_deadline(self.beat, self.schedule)) and deadline.at < until:
            if self.decided >= AT_ONCE:
                return False
            self.decided += 1
            self._pass(deadline)
        return True

    def is_open_at(self, moment: datetime, *, now: datetime) -> bool:
        """Whether a deadline before a moment is not decided yet. A ping that came just too late waits for that too, or
        whether it was missed would depend on when somebody looked."""
        deadline = next_deadline(self.beat, self.schedule)
        return deadline is not None and deadline.at < moment <= now

    def _pass(self, deadline: Deadline) -> None:
        heard = self._was_heard(deadline)
        message = _absence(deadline, self.schedule) if heard else _gap(1)
        outcome = Outcome.DOWN if heard else Outcome.UNKNOWN
        reason = Reason.HEARTBEAT_MISSED if heard else Reason.SCHEDULER_GAP
        anchor = self.beat.anchor or deadline.due
        due = self.schedule.due_after(anchor)
        if due + self.schedule.grace_time <= deadline.at:
            anchor = due
        runs = tuple(run for run in self.beat.runs if _end_of(run, self.schedule).at > deadline.at)
        self.beat = replace(self.beat, anchor=anchor, runs=runs)
        self._say(Said(deadline.at, outcome, reason, message))

    def _was_heard(self, deadline: Deadline) -> bool:
        """Whether we listened from when the ping could have come until it was missed: one grace early at most, and not
        before the last sign of life."""
        expected = deadline.due - self.schedule.grace_time
        return self.listening_since <= max(expected, self.beat.anchor or expected)

    def hear(self, ping: Ping) -> timedelta | None:
        """Take a ping in; gives how long the run took that it ended."""
        anchor = max(ping.at, self.beat.anchor or ping.at)
        if ping.word is Word.START:
            self._begin(ping, anchor)
            return None
        ended = self._ended_by(ping)
        self.beat = replace(self.beat, anchor=anchor, runs=tuple(run for run in self.beat.runs if run not in ended))
        took = ping.at - ended[-1].began if ended and ping.at >= ended[-1].began else None
        if ping.word is Word.FAIL:
            self._report(ping, Outcome.DOWN, Reason.HEARTBEAT_FAILED, _failure(ping, took))
        elif self._is_news(ping.at):
            self._report(ping, Outcome.UP)
        return took

    def _begin(self, ping: Ping, anchor: datetime) -> None:
        """A start that was written down after later pings begins nothing: its end may be known already."""
        runs = self.beat.runs
        again = any(run.id == ping.run and (ping.run or ping.at - run.began <= SAME_START) for run in runs)
        self.beat = replace(self.beat, anchor=anchor)
        if again or ping.at < anchor or len(runs) >= MAX_RUNS:
            return
        self.beat = replace(self.beat, runs=(*runs, Run(ping.run, ping.at)))
        if runs:
            message = say("a run began while the one of {moment} had not ended", moment=_clock(runs[-1].began))
            self._report(ping, Outcome.DEGRADED, Reason.HEARTBEAT_OVERLAP, message)

    def _ended_by(self, ping: Ping) -> list[Run]:
        """The runs that a ping ends: the one that it names, or else those that have no name, or all that there are."""
        if not ping.run:
            return list(self.beat.runs)
        named = [run for run in self.beat.runs if run.id == ping.run]
        return named or [run for run in self.beat.runs if not run.id]

    def _is_news(self, at: datetime) -> bool:
        if self.beat.word is not Outcome.UP or self.beat.told_at is None:
            return True
        return self.schedule.is_news(at, since=self.beat.told_at)

    def _report(self, ping: Ping, outcome: Outcome, reason: Reason | None = None, message: str = "") -> None:
        """What is heard later counts later, also where a clock went back or a ping took its time to be written down."""
        at = ping.at if self.beat.told_at is None else max(ping.at, self.beat.told_at + TICK)
        self._say(Said(at, outcome, reason, message, ping=ping))

    def _say(self, said: Said) -> None:
        self.beat = replace(self.beat, word=said.outcome, told_at=said.at)
        if self.said and (merged := _merged(self.said[-1], said)):
            self.said[-1] = merged
        else:
            self.said.append(said)


def _merged(before: Said, said: Said) -> Said | None:
    """Unknown results of the same hour are one row, as other gaps are."""
    if before.outcome is said.outcome is Outcome.UNKNOWN and _hour(before.at) == _hour(said.at):
        slots = before.slots + said.slots
        return replace(said, slots=slots, message=_gap(slots))
    return None


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _gap(slots: int) -> str:
    if slots == 1:
        return say("1 ping not heard: nobody of ours was there")
    return say("{slots} pings not heard: nobody of ours was there", slots=slots)


def _absence(deadline: Deadline, schedule: HeartbeatSpec) -> str:
    if deadline.run and schedule.max_runtime is not None:
        return say(
            "the run of {moment} has not ended within {most}",
            moment=_clock(deadline.run.began),
            most=rough_span(schedule.max_runtime),
        )
    if deadline.run:
        return say("the run of {moment} has not ended, and nothing else was heard", moment=_clock(deadline.run.began))
    return say("no ping was heard; it was due at {moment}", moment=_clock(deadline.due))


def _failure(ping: Ping, took: timedelta | None) -> str:
    if ping.exit_code is None:
        if took is None:
            return say("the job reported a failure")
        return say("the job reported a failure after {took}", took=rough_span(took.total_seconds()))
    if took is None:
        return say("the job ended with exit code {exit_code}", exit_code=ping.exit_code)
    return say(
        "the job ended with exit code {exit_code} after {took}",
        exit_code=ping.exit_code,
        took=rough_span(took.total_seconds()),
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Told:
    """What a story came to: the job as it is now, the results, and how long the run was that each ping ended."""

    beat: Beat
    said: list[Said]
    took: list[timedelta | None]


def tell(beat: Beat, schedule: HeartbeatSpec, pings: Sequence[Ping], *, now: datetime, hearing: Hearing) -> Told:
    """Take in pings, which come in the order of their times, and decide the deadlines that have passed for good.

    Fewer ``took`` than pings: the others are for the next time.
    """
    story, settled = Story(not_after(beat, now), schedule, listening_since=hearing.since), hearing.settled(now)
    took: list[timedelta | None] = []
    for ping in pings:
        if not story.wait(min(ping.at, settled)) or story.is_open_at(ping.at, now=now):
            return Told(story.beat, story.said, took)
        took.append(story.hear(ping))
    story.wait(settled)
    return Told(story.beat, story.said, took)


class State(StrEnum):
    """A job in one word."""

    NEW = "new"
    UP = "up"
    LATE = "late"
    DOWN = "down"
    STARTED = "started"
    PAUSED = "paused"


def state(beat: Beat, schedule: HeartbeatSpec, *, status: Status, now: datetime) -> State:
    """What a job's page shows: ``late`` is overdue, but still within its grace."""
    if status is Status.PAUSED:
        return State.PAUSED
    deadline = next_deadline(beat, schedule)
    if deadline is None:
        return State.NEW
    if beat.word is Outcome.DOWN:
        return State.DOWN
    if beat.runs:
        return State.STARTED
    return State.LATE if now > deadline.due else State.UP
