"""Deciding, as tables. A strip is one region's results, oldest first: . up, ~ degraded, x down, ? unknown.

Regions are named a, b, c; slots are a minute apart and the last one is now, unless a strip ends with spaces.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import rules
from incidents.rules import Observation, RegionState, Verdict
from monitors.rules import Policy, Status
from probes.contract import Outcome, Reason

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
STALE_AFTER = timedelta(seconds=140)
OUTCOMES = {".": Outcome.UP, "~": Outcome.DEGRADED, "x": Outcome.DOWN, "?": Outcome.UNKNOWN}


def state_of(region: str, strip: str, *, strict: bool = False) -> RegionState:
    state = RegionState(region)
    for place, mark in enumerate(strip):
        if mark != " ":
            slot = NOW - timedelta(minutes=len(strip) - 1 - place)
            seen = Observation(region, slot, OUTCOMES[mark], reason_for(mark))
            state = rules.observe(state, seen, strict=strict)
    return state


def reason_for(mark: str) -> Reason | None:
    return {"x": Reason.CONNECT_REFUSED, "?": Reason.ADDRESS_BLOCKED, "~": Reason.SLOW_RESPONSE}.get(mark)


def verdict_of(
    strips: list[str],
    current: Status = Status.UP,
    *,
    open_incident: bool = False,
    policy: Policy | None = None,
    status_since: datetime = NOW - timedelta(days=1),
) -> Verdict:
    policy = policy or Policy()
    states = {
        region: state_of(region, strip, strict=policy.degraded_counts)
        for region, strip in zip("abcde", strips, strict=False)
        if strip
    }
    votes = rules.cast_votes(
        states, "abcde"[: len(strips)], stale_after=STALE_AFTER, status_since=status_since, now=NOW
    )
    return rules.decide(votes, policy, current=current, open_incident=open_incident)


@pytest.mark.parametrize(
    ("strips", "expected"),
    [
        (["..", ".."], Status.UP),
        (["xx", "xx"], Status.DOWN),
        (["xx", ".."], Status.PARTIAL),  # one of two is a tie: not down
        ([".x", ".x"], Status.UP),  # not confirmed yet
        (["xx", ".x"], Status.PARTIAL),  # one confirmed, one not yet
        (["xx", "xx", ".."], Status.DOWN),  # two of three agree
        (["xx", "..", ".."], Status.PARTIAL),
        (["xx", "xx", "..", ".."], Status.PARTIAL),  # two of four is no majority
        (["xx", "xx", "xx", ".."], Status.DOWN),
        (["xx"], Status.DOWN),  # a single region is its own majority
        ([".x"], Status.UP),
        (["~~", ".."], Status.DEGRADED),
        (["~~", "xx"], Status.PARTIAL),
        (["x.", "xx"], Status.PARTIAL),
    ],
)
def test_a_quorum_of_confirmed_regions_decides(strips: list[str], expected: Status) -> None:
    assert verdict_of(strips).status is expected


@pytest.mark.parametrize(
    ("strips", "expected"),
    [
        (["..     ", "..     "], Status.UNKNOWN),  # both have fallen silent
        (["xx     ", "xx     "], Status.UNKNOWN),  # even if their last word was down
        (["xx", "xx     "], Status.UNKNOWN),  # the quorum does not shrink to those who still speak
        (["xx", "..     "], Status.UNKNOWN),
        (["..", "xx     ", ".."], Status.UP),  # two of three are enough
        (["xx", "xx     ", ".."], Status.PARTIAL),
        (["xx???", "xx???"], Status.UNKNOWN),  # unknown results are no word, and the last word has grown old
        (["xx?", "xx?"], Status.DOWN),  # one lost check does not erase what was just known
    ],
)
def test_silence_is_never_an_outage(strips: list[str], expected: Status) -> None:
    assert verdict_of(strips).status is expected


@pytest.mark.parametrize(
    ("strips", "expected"),
    [
        (["xx", "xx"], Status.DOWN),
        (["xx.", "xx."], Status.DOWN),  # recovery has to be confirmed as well
        (["xx..", "xxxx"], Status.DOWN),  # a tie keeps the state
        (["xx..", "xx.."], Status.UP),
        (["xx.~", "xx.."], Status.DEGRADED),
        (["xx..", "xx..", "xxxx"], Status.PARTIAL),  # a majority is well again
        (["xx     ", "xx     "], Status.UNKNOWN),
    ],
)
def test_recovery_is_symmetric(strips: list[str], expected: Status) -> None:
    assert verdict_of(strips, Status.DOWN, open_incident=True).status is expected


@pytest.mark.parametrize(
    ("strips", "expected"),
    [
        (["", ""], Status.PENDING),
        ([".", ""], Status.PENDING),  # the second region's first result is on its way
        (["x", ""], Status.PENDING),
        (["x", "x"], Status.PENDING),  # failing, not confirmed
        (["xx", "x"], Status.PENDING),
        ([".", "."], Status.UP),
        (["?", ""], Status.PENDING),
        (["?", "?"], Status.UNKNOWN),
        (["."], Status.UP),
    ],
)
def test_a_new_monitor_waits_for_its_first_results(strips: list[str], expected: Status) -> None:
    assert verdict_of(strips, Status.PENDING, status_since=NOW).status is expected


def test_a_new_monitor_that_nobody_checks_becomes_unknown() -> None:
    assert verdict_of(["", ""], Status.PENDING, status_since=NOW - timedelta(minutes=5)).status is Status.UNKNOWN


@pytest.mark.parametrize("current", sorted(set(Status) - {Status.MAINTENANCE}))
def test_unconfirmed_news_from_everywhere_keeps_the_state(current: Status) -> None:
    assert verdict_of([".x", ".x"], current).status is current


def test_after_planned_work_the_votes_decide_as_on_the_first_day() -> None:
    assert verdict_of([".x", ".x"], Status.MAINTENANCE).status is Status.PENDING
    assert verdict_of([".x", ".x"], Status.MAINTENANCE, open_incident=True).status is Status.DOWN


@pytest.mark.parametrize(
    ("strips", "policy", "current", "expected"),
    [
        (["xx.", "xx."], Policy(recovery=1), Status.DOWN, Status.UP),
        (["xxx.", "xxx."], Policy(confirmations=1), Status.DOWN, Status.UP),  # as often as for going down
        (["xx..", "xx.."], Policy(recovery=3), Status.DOWN, Status.DOWN),
        ([".x", ".x"], Policy(confirmations=1, recovery=3), Status.UP, Status.DOWN),
    ],
)
def test_recovery_has_a_number_of_its_own(strips: list[str], policy: Policy, current: Status, expected: Status) -> None:
    found = verdict_of(strips, current, open_incident=current is Status.DOWN, policy=policy)
    assert found.status is expected


STRICT = Policy(degraded_counts=True)


@pytest.mark.parametrize(
    ("strips", "expected", "started_min"),
    [
        (["~~", "~~"], Status.DOWN, 1),
        (["...~x", "...x~"], Status.DOWN, 1),  # one bad streak, whichever kind of bad
        ([".~~", "..."], Status.PARTIAL, None),
        ([".~", ".~"], Status.UP, None),  # not confirmed yet
    ],
)
def test_degraded_counts_as_a_failure_where_the_policy_says_so(
    strips: list[str], expected: Status, started_min: int | None
) -> None:
    verdict = verdict_of(strips, policy=STRICT)
    assert verdict.status is expected
    if started_min is not None:
        assert verdict.started_at == NOW - timedelta(minutes=started_min)
        assert set(verdict.cause) == {"a", "b"}


def test_a_degraded_streak_from_before_the_policy_changed_does_not_count() -> None:
    lenient = state_of("a", ".....~")
    assert (lenient.streak, lenient.failing) == (6, False)
    now_strict = rules.observe(
        lenient, Observation("a", NOW + timedelta(minutes=1), Outcome.DEGRADED, Reason.SLOW_RESPONSE), strict=True
    )
    assert (now_strict.streak, now_strict.failing, now_strict.since) == (1, True, NOW + timedelta(minutes=1))


def test_a_cause_holds_the_keys_of_what_was_seen_first_and_of_the_last_good_check() -> None:
    cause = verdict_of(["..xx", ".?xx"]).cause
    first = (NOW - timedelta(minutes=1)).isoformat()
    assert (cause["a"]["first_slot"], cause["b"]["first_slot"]) == (first, first)
    assert cause["a"]["good_slot"] == (NOW - timedelta(minutes=2)).isoformat()
    assert cause["b"]["good_slot"] == (NOW - timedelta(minutes=3)).isoformat()


@pytest.mark.parametrize(
    ("strips", "minutes", "expected"),
    [
        (["xx", "xx"], 1, Status.UNKNOWN),  # both began within the trouble
        (["xxxx", "xxxx"], 1, Status.DOWN),  # both were failing before
        (["xx", ".."], 1, Status.UNKNOWN),  # the quorum of two does not shrink
        (["..", ".."], 1, Status.UP),  # a good word is believed all the same
    ],
)
def test_what_a_suspect_region_finds_failing_is_unknown(strips: list[str], minutes: int, expected: Status) -> None:
    states = {region: state_of(region, strip) for region, strip in zip("ab", strips, strict=True)}
    suspect = dict.fromkeys("ab", NOW - timedelta(minutes=minutes))
    votes = rules.cast_votes(
        states, "ab", stale_after=STALE_AFTER, status_since=NOW - timedelta(days=1), now=NOW, suspect=suspect
    )
    assert rules.decide(votes, Policy(), current=Status.UP, open_incident=False).status is expected


def test_an_open_incident_outlives_a_gap_and_closes_only_on_a_confirmed_recovery() -> None:
    assert verdict_of(["xx", "xx"], Status.UNKNOWN, open_incident=True).status is Status.DOWN
    assert verdict_of(["x.", "x."], Status.UNKNOWN, open_incident=True).status is Status.UNKNOWN
    assert verdict_of(["x..", "x.."], Status.UNKNOWN, open_incident=True).status is Status.UP


@pytest.mark.parametrize(
    ("regions", "quorum", "needed"),
    [
        (1, None, 1),
        (2, None, 2),
        (3, None, 2),
        (4, None, 3),
        (5, None, 3),
        (3, 1, 1),
        (3, 3, 3),
        (2, 9, 2),
        (0, None, 1),
    ],
)
def test_the_quorum(regions: int, quorum: int | None, needed: int) -> None:
    assert Policy(quorum=quorum).needed(regions) == needed


def test_an_incident_starts_with_the_first_failure_of_the_winning_streak() -> None:
    verdict = verdict_of([".xxx", "..xx"])
    assert verdict.status is Status.DOWN
    assert verdict.started_at == NOW - timedelta(minutes=2)
    assert verdict.cause["a"]["reason"] == "connect_refused"


def test_late_and_repeated_results_change_nothing() -> None:
    state = state_of("a", ".xx")
    for minutes in (0, 1, 2, 60):
        for mark in ".x?":
            late = Observation("a", NOW - timedelta(minutes=minutes), OUTCOMES[mark], reason_for(mark))
            assert rules.observe(state, late) == state


@pytest.mark.parametrize(
    ("strips", "status", "asked"),
    [
        (["..", ".."], Status.UP, {}),
        ([".x", ".."], Status.UP, {"a": "confirm-down-1"}),  # asked again; b has looked at the same minute
        ([".x", ". "], Status.UP, {"a": "confirm-down-1", "b": "look"}),  # b has not looked since the trouble began
        ([".x", ".x"], Status.UP, {"a": "confirm-down-1", "b": "confirm-down-1"}),
        ([".xx", "..."], Status.UP, {}),  # confirmed already
        (["x", ""], Status.PENDING, {"a": "confirm-down-1", "b": "look"}),
        (["xx.", "xxx"], Status.DOWN, {"a": "confirm-up-1"}),
        (["xxx", "xxx"], Status.DOWN, {}),
    ],
)
def test_who_is_asked_at_once(strips: list[str], status: Status, asked: dict[str, str]) -> None:
    verdict = verdict_of(strips, status)
    assert {vote.region: why for vote, why in rules.regions_to_ask(verdict.votes, Policy(), status=status)} == asked


strip = st.text("x.~? ", max_size=8)


@given(
    strips=st.lists(strip, min_size=1, max_size=5), current=st.sampled_from(list(Status)), open_incident=st.booleans()
)
def test_down_is_only_ever_said_with_a_quorum_of_confirmed_fresh_failures(
    strips: list[str], current: Status, open_incident: bool
) -> None:
    verdict = verdict_of(strips, current, open_incident=open_incident)
    sure = [vote for vote in verdict.votes if vote.failing and vote.streak >= 2]
    was_down = current is Status.DOWN or (current is Status.MAINTENANCE and open_incident)
    if verdict.status is Status.DOWN and not was_down:
        assert len(sure) >= Policy().needed(len(strips))


@given(strips=st.lists(strip, min_size=1, max_size=5), current=st.sampled_from(list(Status)), seed=st.randoms())
def test_the_order_of_regions_does_not_matter(strips: list[str], current: Status, seed: object) -> None:
    shuffled = list(strips)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert verdict_of(strips, current).status is verdict_of(shuffled, current).status


@given(strips=st.lists(st.text("? ", max_size=8), min_size=1, max_size=5))
def test_unknowns_alone_never_make_an_outage(strips: list[str]) -> None:
    assert verdict_of(strips, Status.UP).status in {Status.UNKNOWN, Status.PENDING}


@given(
    strips=st.lists(strip, min_size=1, max_size=5), current=st.sampled_from(list(Status)), open_incident=st.booleans()
)
def test_stored_votes_give_the_same_verdict_again(strips: list[str], current: Status, open_incident: bool) -> None:
    verdict = verdict_of(strips, current, open_incident=open_incident)
    stored = tuple(rules.Vote(**vote) for vote in verdict.votes_as_dicts())
    assert rules.decide(stored, Policy(), current=current, open_incident=open_incident) == verdict


@pytest.mark.parametrize(
    ("strips", "offline", "expected"),
    [
        (["..", "..", ".."], "c", Status.UP),  # two of three are a quorum
        (["xx", "xx", ".."], "c", Status.DOWN),
        (["xx", "xx", ".."], "a", Status.PARTIAL),  # its failure is no word on the present
        (["..", ".."], "b", Status.UNKNOWN),  # the quorum of two does not shrink
        (["xx", "xx"], "b", Status.UNKNOWN),
        (["xx", "xx"], "ab", Status.UNKNOWN),
        ([".."], "a", Status.UNKNOWN),
    ],
)
def test_the_vote_of_a_region_that_is_offline_does_not_count(strips: list[str], offline: str, expected: Status) -> None:
    states = {region: state_of(region, strip) for region, strip in zip("abcde", strips, strict=False)}
    votes = rules.cast_votes(
        states,
        "abcde"[: len(strips)],
        stale_after=STALE_AFTER,
        status_since=NOW - timedelta(days=1),
        now=NOW,
        offline=offline,
    )
    assert {vote.region for vote in votes if vote.excluded == rules.REGION_OFFLINE} == set(offline)
    assert rules.decide(votes, Policy(), current=Status.UP, open_incident=False).status is expected
