"""What pings and silence come to, as tables and as properties. Times are minutes after noon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeats import rules
from heartbeats.rules import Beat, Hearing, Ping, State, Word, next_deadline, read_word, tell
from monitors.heartbeat import HeartbeatSpec
from monitors.rules import Status
from probes.contract import Outcome

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FAR = timedelta(days=400)
ALWAYS = Hearing(NOON - FAR, NOON + FAR)
HOURLY = HeartbeatSpec(period=3600, grace=600)
BOUNDED = HeartbeatSpec(period=3600, grace=600, max_runtime=1200)
DAILY = HeartbeatSpec(cron="0 2 * * *", zone="Europe/Berlin", grace=1800)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def listening_since(number: float) -> Hearing:
    return Hearing(minute(number), NOON + FAR)


def ping(at: float, word: str = "", run: str = "") -> Ping:
    said = read_word(word)
    assert said is not None
    return Ping(minute(at), said[0], said[1], run)


def story(
    schedule: HeartbeatSpec, pings: Sequence[Ping], *, until: float, listening: Hearing = ALWAYS
) -> list[tuple[float, str]]:
    """Results as (minute, word), as one look at the end finds them."""
    told = tell(Beat(), schedule, pings, now=minute(until), hearing=listening)
    return [((said.at - NOON) / timedelta(minutes=1), _short(said)) for said in told.said]


def _short(said: rules.Said) -> str:
    return said.reason.value.removeprefix("heartbeat_") if said.reason else said.outcome.value


@pytest.mark.parametrize(
    ("schedule", "pings", "until", "expected"),
    [
        (HOURLY, [], 10_000, []),  # new: nothing is expected yet
        (HOURLY, [ping(0)], 70, [(0, "up")]),  # late, but within its grace
        (HOURLY, [ping(0)], 70.1, [(0, "up"), (70, "missed")]),
        (HOURLY, [ping(0)], 131, [(0, "up"), (70, "missed"), (130, "missed")]),
        (HOURLY, [ping(0), ping(69)], 120, [(0, "up"), (69, "up")]),
        (HOURLY, [ping(0), ping(75)], 120, [(0, "up"), (70, "missed"), (75, "up")]),
        (HOURLY, [ping(0), ping(5), ping(10)], 60, [(0, "up")]),  # more often than asked says no more
        (HOURLY, [ping(0), ping(5), ping(10)], 81, [(0, "up"), (80, "missed")]),
        (HOURLY, [ping(0), ping(3, "7"), ping(4)], 60, [(0, "up"), (3, "failed"), (4, "up")]),
        (HOURLY, [ping(0, "fail")], 71, [(0, "failed"), (70, "missed")]),
        (HOURLY, [ping(0, "0")], 10, [(0, "up")]),
        # A start is a sign of life, and its end must come before the next ping is missed.
        (HOURLY, [ping(0), ping(60, "start"), ping(100)], 120, [(0, "up"), (100, "up")]),
        (HOURLY, [ping(0, "start")], 71, [(70, "missed")]),
        (HOURLY, [ping(0, "start"), ping(0.5, "start"), ping(2)], 10, [(2, "up")]),  # a start sent again
        (HOURLY, [ping(0, "start"), ping(60, "start")], 65, [(60, "overlap")]),
        (HOURLY, [ping(0, "start"), ping(60, "start")], 71, [(60, "overlap"), (70, "missed")]),
        # Runs by id: those that overlap are named, and each ends by itself.
        (BOUNDED, [ping(0, "start", "a"), ping(5, "start", "b"), ping(6, "", "a"), ping(7, "", "b")], 30,
         [(5, "overlap"), (6, "up")]),
        (BOUNDED, [ping(0, "start", "a"), ping(5, "start", "b"), ping(6, "", "b")], 21,
         [(5, "overlap"), (6, "up"), (20, "missed")]),
        (BOUNDED, [ping(0, "start", "a"), ping(0.1, "start", "a"), ping(1, "", "a")], 30, [(1, "up")]),
        (BOUNDED, [ping(0, "start"), ping(21)], 30, [(20, "missed"), (21, "up")]),
        (BOUNDED, [ping(0, "start"), ping(19, "3")], 30, [(19, "failed")]),
    ],
)  # fmt: skip
def test_what_pings_come_to(
    schedule: HeartbeatSpec, pings: list[Ping], until: float, expected: list[tuple[float, str]]
) -> None:
    assert story(schedule, pings, until=until) == expected


def test_a_nightly_job_on_the_nights_when_the_clocks_change() -> None:
    for first, last in (("2026-03-27", "2026-03-31"), ("2026-10-23", "2026-10-27")):
        night, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
        due, pings = DAILY.due_after(night), []
        while due < end:
            pings.append(Ping(due + timedelta(seconds=20)))
            due = DAILY.due_after(due)
        told = tell(Beat(), DAILY, pings, now=end, hearing=ALWAYS)
        assert [said.outcome for said in told.said] == [Outcome.UP] * len(pings)
        assert len(pings) >= 3


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (0, [(70, "missed"), (130, "missed")]),
        (50, [(70, "missed"), (130, "missed")]),  # from one grace before it was due
        (51, [(70, "scheduler_gap"), (130, "missed")]),
        (69, [(70, "scheduler_gap"), (130, "missed")]),
        (111, [(130, "scheduler_gap")]),  # and the one of minute 70 with it: one row for one hour
        (131, [(130, "scheduler_gap")]),
    ],
)
def test_nobody_is_blamed_for_our_silence(since: float, expected: list[tuple[float, str]]) -> None:
    heard = story(HOURLY, [ping(0)], until=132, listening=listening_since(since))[1:]
    if since > 110:
        heard = heard[1:]
    assert heard == expected


def test_nothing_is_decided_beyond_what_was_listened_to() -> None:
    """A web server that died a moment ago has not been missed yet, and the job's ping may have come to it in vain."""
    heard = tell(Beat(), HOURLY, [ping(0)], now=minute(70.2), hearing=Hearing(NOON - FAR, minute(69.99)))
    assert len(heard.said) == 1
    stamp = (NOON - FAR, minute(69.99))
    for now, expected in ((70.2, Hearing(*stamp)), (70.3, Hearing(minute(70.3), minute(70.3)))):
        assert rules.hearing(stamp, now=minute(now)) == expected


def test_unknown_deadlines_of_an_hour_are_one_row() -> None:
    often = HeartbeatSpec(period=60, grace=30)
    told = tell(Beat(anchor=NOON), often, [], now=minute(120.1), hearing=listening_since(120))
    assert [(said.at, said.slots) for said in told.said] == [(minute(59.5), 59), (minute(119.5), 60)]
    assert told.said[0].message == "59 pings not heard: nobody of ours was there"


def test_a_long_gap_is_written_down_in_portions() -> None:
    often = HeartbeatSpec(cron="* * * * *", grace=30)
    beat, found, rounds = Beat(anchor=NOON), 0, 0
    last = ping(3_000)
    pings = [last]
    while pings:
        told = tell(beat, often, pings, now=minute(3_001), hearing=listening_since(3_000))
        beat, found, rounds = told.beat, found + sum(said.slots for said in told.said), rounds + 1
        pings = pings[len(told.took) :]
    assert rounds > 1
    assert found == 3_000  # 2,999 minutes that nobody heard, and the ping
    assert beat.word is Outcome.UP


def test_how_long_runs_took() -> None:
    pings = [ping(0, "start", "a"), ping(1, "start", "b"), ping(4, "", "b"), ping(9, "1", "a"), ping(10)]
    told = tell(Beat(), HOURLY, pings, now=minute(11), hearing=ALWAYS)
    assert told.took == [None, None, timedelta(minutes=3), timedelta(minutes=9), None]


@pytest.mark.parametrize(
    ("pings", "now", "expected"),
    [
        ([], 0, State.NEW),
        ([ping(0)], 60, State.UP),
        ([ping(0)], 61, State.LATE),
        ([ping(0)], 71, State.DOWN),
        ([ping(0, "start")], 1, State.STARTED),
        ([ping(0), ping(1, "fail")], 2, State.DOWN),
    ],
)
def test_the_state_in_one_word(pings: list[Ping], now: float, expected: State) -> None:
    beat = tell(Beat(), HOURLY, pings, now=minute(now), hearing=ALWAYS).beat
    assert rules.state(beat, HOURLY, status=Status.UP, now=minute(now)) is expected
    assert rules.state(beat, HOURLY, status=Status.PAUSED, now=minute(now)) is State.PAUSED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (Word.SUCCESS, None)),
        ("0", (Word.SUCCESS, 0)),
        ("1", (Word.FAIL, 1)),
        ("255", (Word.FAIL, 255)),
        ("fail", (Word.FAIL, None)),
        ("start", (Word.START, None)),
        *((text, None) for text in ("256", "-1", "1e1", "٣", "stop", "Start", "0001", "success")),
    ],
)
def test_the_last_part_of_an_address(text: str, expected: Any) -> None:
    assert read_word(text) == expected


def test_a_clock_that_is_set_back_neither_blames_nor_blinds() -> None:
    ahead = tell(Beat(), HOURLY, [ping(600)], now=minute(601), hearing=ALWAYS).beat
    told = tell(ahead, HOURLY, [ping(5)], now=minute(6), hearing=ALWAYS)
    assert all(said.outcome is Outcome.UP for said in told.said)
    deadline = next_deadline(told.beat, HOURLY)
    assert deadline is not None
    assert deadline.at <= minute(76)


# --- properties ---

MOMENTS = st.lists(st.floats(0, 2_000, allow_nan=False), min_size=1, max_size=30)
WORDS = st.sampled_from(["", "", "", "start", "fail", "0", "9"])
RUNS = st.sampled_from(["", "", "a", "b"])
PINGS = st.lists(st.builds(ping, st.floats(0, 2_000, allow_nan=False), WORDS, RUNS), max_size=30)


def in_order(pings: Sequence[Ping]) -> list[Ping]:
    return sorted(pings, key=lambda one: one.at)


@given(PINGS, st.lists(st.floats(0, 2_100, allow_nan=False), max_size=12))
def test_when_it_is_looked_at_makes_no_difference(pings: list[Ping], looks: list[float]) -> None:
    pings = in_order(pings)
    at_once = tell(Beat(), HOURLY, pings, now=minute(2_200), hearing=ALWAYS)
    beat, said, rest = Beat(), [], pings
    for look in [*sorted(looks), 2_200]:
        arrived = [one for one in rest if one.at <= minute(look)]
        told = tell(beat, HOURLY, arrived, now=minute(look), hearing=ALWAYS)
        beat, rest = told.beat, rest[len(told.took) :]
        said += told.said
    assert (beat, said) == (at_once.beat, at_once.said)


@given(MOMENTS, st.lists(st.integers(0, 29)))
def test_a_job_that_reports_in_time_is_never_blamed(moments: list[float], twice: list[int]) -> None:
    """In any number, some of them twice, at any times that are no further apart than period and grace."""
    steps = [at % 69.9 for at in moments]
    times = [sum(steps[:place]) for place in range(len(steps))]
    pings = in_order([ping(at) for at in [*times, *(times[place] for place in twice if place < len(times))]])
    heard = story(HOURLY, pings, until=times[-1] + 60)
    assert {word for _, word in heard} <= {"up"}


@given(PINGS, st.randoms())
def test_pings_in_any_order_end_well_when_the_last_is_good(pings: list[Ping], chance: Any) -> None:
    """One that took its time to be written down is taken in after later ones."""
    chance.shuffle(pings)
    told = tell(Beat(), HOURLY, [*pings, ping(2_001)], now=minute(2_002), hearing=ALWAYS)
    assert told.beat.word is Outcome.UP
    slots = [said.at for said in told.said]
    assert slots == sorted(set(slots))


@given(PINGS, st.floats(0, 2_200))
def test_no_blame_from_before_we_listened(pings: list[Ping], since: float) -> None:
    told = tell(Beat(), HOURLY, in_order(pings), now=minute(2_200), hearing=listening_since(since))
    assert all(said.at > minute(since) for said in told.said if _short(said) == "missed")
