"""Who is told what and when: tables, and properties that hold whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rules import (
    OPEN_STATES,
    Announced,
    Kind,
    Parent,
    Planned,
    Quiet,
    Rule,
    Severity,
    State,
    Trouble,
    Turn,
    alone,
    ending,
    group_due,
    held_by_parents,
    next_try,
    plan,
    turn_of_end,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
A_DAY = timedelta(days=1)
A, B, SHOP, BLOG = (UUID(int=number) for number in range(1, 5))
DOWN = Trouble(Kind.DOWN, NOON, SHOP, frozenset({"prod"}))


def rule(*steps: tuple[UUID, int], number: int = 1, **fields: object) -> Rule:
    return Rule(id=UUID(int=number), steps=steps or ((A, 0),), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("which", "told"),
    [
        (rule(), True),
        (rule(everything=False), False),
        (rule(everything=False, monitors=frozenset({SHOP})), True),
        (rule(everything=False, monitors=frozenset({BLOG})), False),
        (rule(everything=False, tags=frozenset({"prod", "eu"})), True),
        (rule(everything=False, tags=frozenset({"test"})), False),
        (rule(events=frozenset({Kind.PARTIAL})), False),
        (rule(severity=Severity.CRITICAL), True),
    ],
)
def test_a_rule_applies(which: Rule, told: bool) -> None:
    assert bool(plan([which], DOWN)) is told


def test_a_warning_does_not_reach_who_wants_the_critical_only() -> None:
    partial = Trouble(Kind.PARTIAL, NOON, SHOP)
    assert plan([rule(events=frozenset({Kind.PARTIAL}))], partial)
    assert not plan([rule(events=frozenset({Kind.PARTIAL}), severity=Severity.CRITICAL)], partial)


def test_two_rules_and_one_channel_are_one_message_at_the_earlier_time() -> None:
    late, soon = rule((A, 0), number=1, delay_s=60), rule((A, 0), (B, 15), number=2)
    assert plan([late, soon], DOWN) == [
        Planned(A, 0, NOON, soon.id),
        Planned(B, 15, NOON + timedelta(minutes=15), soon.id),
    ]


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-03-02T21:00", "2026-03-03T06:00"),  # 22:00 in Berlin
        ("2026-03-02T20:59", None),
        ("2026-03-03T05:59", "2026-03-03T06:00"),
        ("2026-03-03T06:00", None),
        ("2026-03-28T22:00", "2026-03-29T05:00"),  # the night that is an hour shorter
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # and the longer one
    ],
)
def test_quiet_hours_end_by_the_local_clock(moment: str, until: str | None) -> None:
    quiet = Quiet.parse({"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"})
    end = quiet.until(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert end == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


def test_quiet_hours_hold_warnings_and_let_the_critical_through() -> None:
    quiet = Quiet.parse({"from": "11:00", "to": "13:00", "zone": "UTC"})
    which = rule(events=frozenset({Kind.DOWN, Kind.PARTIAL}), quiet=quiet)
    [partial] = plan([which], Trouble(Kind.PARTIAL, NOON, SHOP))
    assert (partial.at, partial.quiet) == (NOON + timedelta(hours=1), True)
    [down] = plan([which], DOWN)
    assert (down.at, down.quiet) == (NOON, False)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"from": "22:00", "to": "22:00", "zone": "UTC"},
        {"from": "25:00", "to": "07:00", "zone": "UTC"},
        {"from": 22, "to": "07:00", "zone": "UTC"},
        {"from": "22:00", "to": "07:00", "zone": "../../etc/passwd"},
        {"from": "22:00", "to": "07:00", "zone": "Europe"},
        {"from": "22:00", "to": "07:00", "zone": None},
    ],
)
def test_quiet_hours_that_make_no_sense(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"quiet|time"):
        Quiet.parse(bad)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_quiet_hours_never_end_in_the_past_nor_after_a_day(moment, begins, ends, zone) -> None:  # type: ignore[no-untyped-def]
    if begins == ends or not 1971 < moment.year < 2090:
        return
    until = Quiet(begins, ends, zone).until(moment)
    assert until is None or timedelta(0) <= until - moment <= timedelta(hours=50)


# -- ends

TRIED = st.integers(0, 3)
SETTLED = {State.SENT, State.DEAD, State.CANCELLED}


@st.composite
def announcements(draw: st.DrawFn) -> list[Announced]:
    numbers = count(100)
    return [
        Announced(
            id=UUID(int=next(numbers)),
            channel=draw(st.sampled_from([A, B])),
            state=draw(st.sampled_from(list(State))),
            tries=draw(TRIED),
            due_at=NOON + timedelta(minutes=draw(st.integers(-5, 5))),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]


@given(announcements())
def test_an_end_answers_or_cancels_everything_that_was_announced(announced: list[Announced]) -> None:
    result = ending(announced, ended_at=NOON)
    answered = {pk for ids in result.answer.values() for pk in ids}
    assert not answered & result.cancel
    for item in announced:
        if item.state is State.CANCELLED:
            assert item.id not in answered | result.cancel
        else:
            assert item.id in answered | result.cancel
        if item.tries or item.state in {State.SENT, State.SENDING}:  # it may have reached somebody
            assert item.id not in result.cancel


@given(st.lists(st.sampled_from(list(State))))
def test_an_end_waits_and_goes_nowhere_without_its_trouble(states: list[State]) -> None:
    turn = turn_of_end(states)
    assert (turn is Turn.WAIT) == any(state in OPEN_STATES for state in states)
    assert turn is not Turn.GO or State.SENT in states


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(["opened", "resolved", "accepted", "refused", "failed"]), max_size=40),
    st.integers(0, 4),
)
def test_whatever_happens_every_down_that_arrived_gets_one_up_and_none_other(happenings: list[str], delay: int) -> None:
    """A channel of one rule, told by these rules alone."""
    heard: list[str] = []
    now, open_ = NOON, False
    downs: dict[UUID, list[Any]] = {}  # state, tries, due at, closed by
    ups: dict[UUID, State] = {}
    numbers = count(1)
    for what in happenings:
        now += timedelta(minutes=1)
        if what == "opened" and not open_:
            open_ = True
            [item] = plan([rule(delay_s=60 * delay)], Trouble(Kind.DOWN, now, SHOP))
            downs[UUID(int=next(numbers))] = [State.WAITING, 0, item.at, None]
        elif what == "resolved" and open_:
            open_ = False
            unclosed = [Announced(pk, A, row[0], row[1], row[2]) for pk, row in downs.items() if row[3] is None]
            result = ending(unclosed, ended_at=now)
            for pk in result.cancel:
                downs[pk][0] = State.CANCELLED
            for ids in result.answer.values():
                up = UUID(int=next(numbers))
                ups[up] = State.WAITING
                for pk in ids:
                    downs[pk][3] = up
        else:
            _send(what, now, downs, ups, heard)
    for _ in range(4):  # and in the end everything is taken
        now += timedelta(hours=1)
        _send("accepted", now, downs, ups, heard)
        _send("accepted", now, downs, ups, heard)
    arrived_and_over = [row for row in downs.values() if row[0] is State.SENT and row[3] is not None]
    assert len(arrived_and_over) == heard.count("up")
    for told in range(len(heard)):
        assert heard[:told].count("up") <= heard[:told].count("down")


def _send(what, now, downs, ups, heard) -> None:  # type: ignore[no-untyped-def]
    """One try of what is due first: downs by their time, ups when their downs let them."""
    for row in downs.values():
        if row[0] is State.WAITING and row[2] <= now:
            row[1] += 1
            if what == "accepted":
                row[0] = State.SENT
                heard.append("down")
            elif what == "refused":
                row[0] = State.DEAD
            return
    for up, state in ups.items():
        turn = turn_of_end([row[0] for row in downs.values() if row[3] == up])
        if state is State.WAITING and turn is not Turn.WAIT:
            ups[up] = State.SENT if turn is Turn.GO else State.CANCELLED
            if turn is Turn.GO:
                heard.append("up")
            return


# -- many, again, later


@pytest.mark.parametrize(
    ("recent", "new", "by_themselves"),
    [(0, 1, 1), (0, 5, 5), (0, 6, 1), (0, 100, 1), (4, 1, 1), (5, 1, 0), (3, 3, 0), (5, 0, 0)],
)
def test_more_than_five_within_a_minute_are_told_together(recent: int, new: int, by_themselves: int) -> None:
    assert alone(recent=recent, new=new, over=5) == by_themselves


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(1, 20))
def test_no_minute_brings_more_messages_than_were_allowed_and_one(arrivals: list[int], over: int) -> None:
    recent = told = 0
    for new in arrivals:
        told += alone(recent=recent, new=new, over=over)
        recent += new
    assert 1 <= told <= over


@given(st.integers(0, 600), st.integers(0, 600))
def test_a_group_goes_out_soon_and_in_any_case(began: int, waited: int) -> None:
    first = NOON + timedelta(seconds=began)
    due = group_due(began=first, joined=first + timedelta(seconds=waited))
    assert timedelta(0) < due - first <= timedelta(seconds=60)


def test_pauses_grow_and_a_day_is_the_end() -> None:
    now, expires, tries, pauses = NOON, NOON + A_DAY, 0, []
    while (again := next_try(tries=(tries := tries + 1), now=now, expires_at=expires, retry_after=None)) is not None:
        pauses.append(int((again - now).total_seconds()))
        now = again
    assert pauses[:7] == [10, 30, 60, 120, 300, 600, 1800]
    assert sum(pauses) <= 86_400
    assert len(pauses) < 40


@given(st.integers(1, 100), st.integers(0, 10**6))
def test_however_long_they_ask_us_to_wait_we_ask_again(tries: int, asked: int) -> None:
    again = next_try(tries=tries, now=NOON, expires_at=NOON + A_DAY, retry_after=timedelta(seconds=asked))
    assert again is not None
    assert timedelta(seconds=10) <= again - NOON <= timedelta(hours=1)


WELL, BROKEN = Parent(False, False, NOON - timedelta(hours=1)), Parent(True, True, None)


@pytest.mark.parametrize(
    ("parents", "already", "held"),
    [
        ([], False, False),
        ([WELL], False, False),
        ([BROKEN], False, True),
        ([WELL, BROKEN], False, True),
        ([Parent(False, True, NOON)], False, True),  # a region of it fails: its incident may be a moment away
        ([Parent(False, True, NOON - timedelta(hours=1))], True, False),
        ([Parent(False, False, NOON - timedelta(seconds=30))], True, True),  # well again, the child had no turn yet
        ([Parent(False, False, NOON - timedelta(seconds=30))], False, False),
        ([Parent(False, False, None)], True, False),
    ],
)
def test_children_are_held_while_a_parent_is_down(parents: list[Parent], already: bool, held: bool) -> None:
    grace = timedelta(seconds=100)
    assert held_by_parents(parents, already_held=already, grace=grace, now=NOON) is held
