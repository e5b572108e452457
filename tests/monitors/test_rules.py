"""When slots fall and which settings fit together."""

from __future__ import annotations

import itertools
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors import rules
from monitors.rules import Policy
from probes.contract import InvalidSpec

intervals = st.integers(10, 86_400)
moments = st.integers(1_700_000_000, 1_800_000_000)


@given(
    interval=intervals,
    phase=st.integers(0, 86_399),
    ordinal=st.integers(0, 9),
    start=moments,
    length=st.integers(1, 200),
)
def test_arithmetic_finds_exactly_the_monitors_with_a_slot_in_the_window(
    interval: int, phase: int, ordinal: int, start: int, length: int
) -> None:
    phase %= interval
    turn = rules.region_turn(interval, ordinal, 10)
    window = range(start + 1, start + length + 1)
    has_slot = any((second - phase - turn) % interval == 0 for second in window)
    ranges = rules.due_phases(turn=turn, interval=interval, after=start, until=start + length)
    assert any(low <= phase <= high for low, high in ranges) == has_slot


@given(interval=intervals, phase=st.integers(0, 86_399), start=moments, steps=st.lists(st.integers(1, 40), max_size=30))
def test_windows_that_touch_hand_out_every_slot_once(interval: int, phase: int, start: int, steps: list[int]) -> None:
    phase %= interval
    edges = [start]
    for step in steps:
        edges.append(edges[-1] + step)
    handed_out = [
        slot
        for after, until in itertools.pairwise(edges)
        for slot in rules.slots_between(phase=phase, turn=0, interval=interval, after=after, until=until)
    ]
    assert handed_out == list(rules.slots_between(phase=phase, turn=0, interval=interval, after=start, until=edges[-1]))


@given(interval=intervals, regions=st.integers(1, 12))
def test_regions_take_turns_inside_the_interval(interval: int, regions: int) -> None:
    turns = [rules.region_turn(interval, ordinal, regions) for ordinal in range(regions)]
    assert turns[0] == 0
    assert turns == sorted(turns)
    assert turns[-1] < interval


def test_phases_spread_monitors_evenly() -> None:
    phases = [rules.phase_of(uuid4(), 60) for _ in range(6_000)]
    assert max(phases.count(second) for second in range(60)) < 160


def test_a_phase_never_changes() -> None:
    assert rules.phase_of(UUID(int=125), 60) == 5


@pytest.mark.parametrize(
    ("interval", "timeout", "fields"),
    [
        (60, 10, set()),
        (60, 59, set()),
        (60, 60, {"timeout"}),
        (59, 10, {"interval"}),
        (86_401, 10, {"interval"}),
        (3_600, 61, {"timeout"}),
        (60, 0, {"timeout"}),
        (1, 30, {"interval", "timeout"}),
    ],
)
def test_interval_and_timeout_fit_together(interval: int, timeout: int, fields: set[str]) -> None:
    assert set(rules.timing_problems(interval=interval, timeout=timeout, min_interval=60)) == fields


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "object"),
        ({"confirmations": 0}, "confirmations"),
        ({"confirmations": "2"}, "confirmations"),
        ({"confirmations": True}, "confirmations"),
        ({"quorum": 0}, "quorum"),
        ({"retries": 6}, "retries"),
        ({"colour": "red"}, "'colour'"),
    ],
)
def test_a_bad_policy_is_refused_by_name(data: object, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        Policy.parse(data)


def test_a_policy_keeps_what_it_was_given() -> None:
    policy = Policy.parse({"confirmations": 3, "quorum": 1, "retries": 0})
    assert Policy.parse(policy.as_dict()) == policy == Policy(3, 1, 0)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [(["usa"], None), ([], "at least one"), (["mars"], "no region 'mars'")],
)
def test_regions_must_exist(chosen: list[str], problem: str | None) -> None:
    found = rules.region_problem(chosen, ["usa", "india"])
    assert found == problem if problem is None else problem in (found or "")
