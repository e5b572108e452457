"""What others get wrong, each as a test that names whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.rules import cast_votes, decide
from incidents.rules.replay import replay
from monitors.rules import Policy, Status
from tests.incidents.test_replay import NOW, STALE_AFTER, arrivals, raised
from tests.incidents.test_rules import state_of, verdict_of


@pytest.mark.parametrize("current", [Status.UP, Status.DEGRADED, Status.PARTIAL])
@given(each=st.integers(1, 3))
def test_a_tie_flips_nothing(current: Status, each: int) -> None:
    """OpenStatus calls it by a majority of whoever answered; half of the regions are none."""
    tie = ["xx"] * each + [".."] * each
    if 2 * each <= 5:
        assert verdict_of(tie, current).status is Status.PARTIAL
        assert verdict_of(["xx.."] * each + ["xxxx"] * each, Status.DOWN, open_incident=True).status is Status.DOWN


@pytest.mark.parametrize("dead", ["", "  ", "xx     ", "..     "])
@pytest.mark.parametrize("current", [Status.UP, Status.DOWN])
def test_a_dead_region_flips_nothing(current: Status, dead: str) -> None:
    """OpenStatus and OneUptime count a region that is gone with the word it said last, or leave it out of the sum."""
    open_incident = current is Status.DOWN
    others = ["xx", ".."]
    found = verdict_of([*others, dead], current, open_incident=open_incident).status
    assert found is (Status.PARTIAL if current is Status.UP else Status.DOWN)


@given(regions=st.integers(2, 5), connected=st.integers(0, 5))
def test_the_quorum_does_not_shrink_to_whoever_is_connected(regions: int, connected: int) -> None:
    """OneUptime asks only the probes that are connected to agree: one left of five calls an outage."""
    connected = min(connected, regions)
    strips = ["xx"] * connected + ["xx      "] * (regions - connected)
    needed = Policy().needed(regions)
    assert verdict_of(strips).status is (Status.DOWN if connected >= needed else Status.UNKNOWN)


def test_a_try_that_recovered_is_no_downtime() -> None:
    """Uptime Kuma counts tries that failed before the one that passed. Ours are inside a check, whose outcome is up,
    and a single failed check between good ones is not an outage either."""
    assert raised({"a": "....", "b": "...."}) == []
    assert raised({"a": "..x..x..", "b": "..x..x.."}) == []


def test_no_up_without_a_down_and_no_down_without_an_up() -> None:
    """Uptime Kuma sends UP for outages it never told of. Ends are events of an incident that was opened."""
    for strip in ("x...", "xx..", "..xx..", "??xx..", "..xx??..", "..xx"):
        for incident in raised({"a": strip, "b": strip}):
            assert incident.cause
            assert incident.resolved_at is None or incident.resolved_at > incident.confirmed_at


@given(strips=st.lists(st.text("x. ?", max_size=10), min_size=2, max_size=2), at=st.integers(1, 9))
def test_a_region_that_vanishes_in_mid_story_raises_nothing(strips: list[str], at: int) -> None:
    """One region alone never makes an outage of a monitor that two regions watch, however the other one fell silent."""
    a, b = strips
    story = replay(
        arrivals({"a": a, "b": b[:at].replace("x", ".")}),
        Policy(),
        regions=["a", "b"],
        stale_after=STALE_AFTER,
        began=NOW,
        until=NOW + STALE_AFTER * 10,
    )
    assert story == []


def test_what_an_offline_region_said_last_is_not_counted() -> None:
    states = {"a": state_of("a", "xx"), "b": state_of("b", "xx")}
    votes = cast_votes(states, "ab", stale_after=STALE_AFTER, status_since=NOW - STALE_AFTER, now=NOW, offline="b")
    assert decide(votes, Policy(), current=Status.UP, open_incident=False).status is Status.UNKNOWN
