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
        ({"recovery": 11}, "recovery"),
        ({"freshness": 0}, "freshness"),
        ({"freshness": 1.5}, "freshness"),
        ({"alert_after_s": -1}, "alert_after_s"),
        ({"degraded_counts": "yes"}, "degraded_counts"),
        ({"degraded_counts": None}, "degraded_counts"),
        ({"flapping": -1}, "flapping"),
        ({"flapping_s": 59}, "flapping_s"),
        ({"colour": "red"}, "'colour'; it has confirmations, .* and flapping_s"),
    ],
)
def test_a_bad_policy_is_refused_by_name(data: object, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        Policy.parse(data)


def test_a_policy_keeps_what_it_was_given() -> None:
    given = Policy(3, 1, 0, 4, 5, 600, degraded_counts=True, flapping=0, flapping_s=60)
    assert Policy.parse(given.as_dict()) == given


def test_a_policy_stored_before_there_was_more_to_say_means_what_it_meant() -> None:
    assert Policy.parse({"confirmations": 2, "quorum": None, "retries": 2}) == Policy()
    assert Policy.parse({"confirmations": 3, "quorum": 1, "retries": 0}) == Policy(3, 1, 0)
    assert (Policy().recoveries, Policy(3).recoveries, Policy(3, recovery=1).recoveries) == (2, 3, 1)
    assert rules.stale_after_s(interval=60, timeout=10, freshness=Policy().freshness) == 140


@pytest.mark.parametrize(
    ("policy", "regions", "sentence"),
    [
        (
            Policy(),
            2,
            (
                "Alerts when both regions fail twice in a row, about 35 s after an outage begins (65 s where checks"
                " time out); well again when both regions pass twice in a row; a region silent for more than 2 min has"
                " no vote."
            ),
        ),
        (
            Policy(),
            1,
            (
                "Alerts when its region fails twice in a row, about 65 s after an outage begins (85 s where checks time"
                " out); well again when its region passes twice in a row;"
            ),
        ),
        (Policy(), 3, "Alerts when 2 of 3 regions fail twice in a row, about 25 s after"),
        (Policy(quorum=1), 2, "Alerts when 1 of 2 regions fails twice in a row, about 35 s after"),
        (Policy(quorum=3), 3, "Alerts when all 3 regions fail twice in a row, about 25 s after"),
        (Policy(confirmations=1), 2, "Alerts when both regions fail once, about 35 s after an outage begins (55 s"),
        (Policy(confirmations=3, recovery=1), 2, "well again when both regions pass once;"),
        (Policy(confirmations=5), 2, "fail 5 times in a row"),
        (Policy(alert_after_s=600), 2, "fail twice in a row, about 10 min after an outage begins; well again"),
        (Policy(alert_after_s=40), 2, "about 40 s after an outage begins (65 s where"),
        (Policy(degraded_counts=True), 2, "; slow answers and other warnings count as failures; well again"),
        (Policy(freshness=10), 2, "silent for more than 10 min has no vote."),
    ],
)
def test_a_policy_in_words(policy: Policy, regions: int, sentence: str) -> None:
    assert sentence in rules.policy_sentence(policy, regions=regions, interval=60, timeout=10)


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (119, "119 s"), (300, "5 min"), (7_200, "2 h"), (172_800, "2 d"), (0.4, "0 s")]
)
def test_a_span_of_time_in_words(seconds: float, words: str) -> None:
    assert rules.rough_span(seconds) == words


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [(["usa"], None), ([], "at least one"), (["mars"], "no region 'mars'")],
)
def test_regions_must_exist(chosen: list[str], problem: str | None) -> None:
    found = rules.region_problem(chosen, ["usa", "india"])
    assert found == problem if problem is None else problem in (found or "")
