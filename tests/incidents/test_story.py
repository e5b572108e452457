"""What follows from a change of status, as tables. A story is a row of words a minute apart, the last one is now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.rules.regions import Glance, is_suspect, is_well, site_of
from incidents.rules.story import (
    Change,
    Standing,
    Step,
    conclude,
    held_until,
    is_calm,
    is_flapping,
    may_warn_again,
    swings,
)
from monitors.rules import Policy, Status

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def told(story: str, *, ago_min: int = 0) -> list[Change]:
    words = [Status(word) for word in story.split()]
    start = NOW - timedelta(minutes=len(words) - 2 + ago_min)
    return [Change(start + timedelta(minutes=n), before, after) for n, (before, after) in enumerate(pairwise(words))]


@pytest.mark.parametrize(
    ("story", "count"),
    [
        ("up", 0),
        ("pending up", 0),  # the first word is no change of what was known
        ("up down", 1),
        ("up partial down", 1),  # one turn for the worse, in two steps
        ("up partial down partial up", 2),
        ("down partial down partial", 3),
        ("up unknown up", 0),
        ("up unknown down unknown up", 2),
        ("up degraded up degraded", 3),
        ("up paused pending up", 0),
        ("up maintenance down", 1),
    ],
)
def test_swings(story: str, count: int) -> None:
    assert len(swings(told(story))) == count


@pytest.mark.parametrize(
    ("story", "ago_min", "flapping", "calm"),
    [
        ("up down up down up down up", 0, False, False),  # three outages: six swings are borne
        ("up down up down up down up down", 0, True, False),
        ("up down up down up down up down", 24, False, False),  # the first ones lie too far back
        ("up down up down up down up down", 30, False, True),
        ("up partial down partial up partial down partial up", 0, False, False),
        ("up unknown up unknown up unknown up unknown up unknown", 0, False, True),
    ],
)
def test_flapping_is_more_swings_than_the_policy_bears(story: str, ago_min: int, flapping: bool, calm: bool) -> None:
    changes = told(story, ago_min=ago_min)
    assert is_flapping(changes, Policy(), now=NOW) is flapping
    assert is_calm(changes, Policy(), now=NOW) is calm
    assert is_flapping(changes, Policy(flapping=0), now=NOW) is False


statuses = st.lists(st.sampled_from([status.value for status in Status]), min_size=1, max_size=30).map(" ".join)


@given(story=statuses, ago_min=st.integers(0, 60), bears=st.integers(1, 10))
def test_what_flaps_is_not_calm_and_what_we_do_not_know_makes_neither(story: str, ago_min: int, bears: int) -> None:
    changes, policy = told(story, ago_min=ago_min), Policy(flapping=bears)
    assert not (is_flapping(changes, policy, now=NOW) and is_calm(changes, policy, now=NOW))
    assert is_calm(changes, policy, now=NOW + timedelta(seconds=policy.flapping_s))
    unknown = [Change(each.at, Status.UNKNOWN, Status.UNKNOWN) for each in changes]
    assert not swings(unknown)
    assert len(swings(changes)) <= len(changes)


@given(story=statuses, more=st.integers(0, 5))
def test_steps_in_one_direction_are_one_swing_however_many(story: str, more: int) -> None:
    assert len(swings(told("up degraded partial down"))) == 1
    doubled = " ".join(word for word in story.split() for _ in range(more + 1))
    assert len(swings(told(doubled))) == len(swings(told(story)))


OPEN, FLAPPING = Standing(open=True), Standing(open=True, flapping=True)
SHELVED, NONE = Standing(shelved=True), Standing()


@pytest.mark.parametrize(
    ("before", "after", "standing", "flapping", "steps"),
    [
        ("up", "up", NONE, False, []),
        ("up", "down", NONE, False, [Step.OPEN]),
        ("partial", "down", NONE, False, [Step.OPEN]),
        ("up", "down", NONE, True, [Step.FOLD]),
        ("up", "partial", NONE, True, [Step.FOLD]),
        ("partial", "up", NONE, True, [Step.TELL]),  # a turn for the better folds nothing
        ("up", "partial", NONE, False, [Step.TELL]),
        ("partial", "up", NONE, False, [Step.TELL]),
        ("up", "unknown", NONE, False, []),  # nothing is ever told from what we do not know
        ("down", "unknown", OPEN, False, []),
        ("unknown", "down", OPEN, False, []),
        ("down", "up", OPEN, False, [Step.RESOLVE, Step.TELL]),
        ("down", "partial", OPEN, True, [Step.RESOLVE, Step.TELL]),
        ("unknown", "up", OPEN, False, [Step.RESOLVE, Step.TELL]),
        ("down", "up", FLAPPING, True, [Step.RECOVER]),
        ("up", "down", FLAPPING, True, [Step.RELAPSE]),
        ("up", "down", FLAPPING, False, [Step.RELAPSE]),
        ("up", "unknown", FLAPPING, False, []),
        ("unknown", "down", SHELVED, True, []),  # closed by hand, and never recovered since
        ("down", "up", SHELVED, False, [Step.RECOVER, Step.TELL]),
        ("down", "paused", OPEN, False, []),
        ("maintenance", "down", NONE, False, [Step.OPEN]),
    ],
)
def test_what_follows(before: str, after: str, standing: Standing, flapping: bool, steps: list[Step]) -> None:
    assert conclude(Status(before), Status(after), standing, flapping=flapping) == steps


@pytest.mark.parametrize(
    ("after", "alert_after_s", "began_s_ago", "held_s"),
    [
        ("down", 0, 3, None),
        ("down", 0, -2, None),  # confirmed by a slot that lies a little ahead
        ("down", 60, 3, 57),
        ("down", 60, 90, None),
        ("partial", 0, 0, 60),
        ("degraded", 300, 0, 300),
    ],
)
def test_how_long_a_message_waits(after: str, alert_after_s: int, began_s_ago: int, held_s: int | None) -> None:
    policy, began = Policy(alert_after_s=alert_after_s), NOW - timedelta(seconds=began_s_ago)
    held = held_until(Status(after), policy, started_at=began, now=NOW)
    assert held == (None if held_s is None else NOW + timedelta(seconds=held_s))


def test_a_certificate_is_warned_of_once_a_week() -> None:
    assert may_warn_again([], now=NOW)
    assert not may_warn_again([NOW - timedelta(days=6)], now=NOW)
    assert may_warn_again([NOW - timedelta(days=7)], now=NOW)


@pytest.mark.parametrize(
    ("glance", "sites", "suspect"),
    [
        (Glance(50, 50), 50, True),
        (Glance(50, 50), 4, False),  # all on a few sites: those are down
        (Glance(9, 9), 9, False),  # too few to tell
        (Glance(30, 100), 30, False),
        (Glance(31, 100), 31, True),
        (Glance(31, 100, compared=31, confirmed=31), 31, False),  # others see the same
        (Glance(31, 100, compared=31, confirmed=15), 31, True),
        (Glance(95, 100, compared=95, confirmed=95), 95, True),  # all regions behind one dead line
    ],
)
def test_when_a_region_is_suspect(glance: Glance, sites: int, suspect: bool) -> None:
    assert is_suspect([glance], sites=sites) is suspect


@pytest.mark.parametrize(
    ("glance", "well"),
    [
        (Glance(0, 0), False),  # it has looked at nothing
        (Glance(0, 1), True),
        (Glance(15, 100), True),
        (Glance(16, 100), False),
        (Glance(50, 100, compared=50, confirmed=50), True),
    ],
)
def test_when_it_is_believed_again(glance: Glance, well: bool) -> None:
    assert is_well(glance) is well


@pytest.mark.parametrize(
    ("spec", "site"),
    [
        ({"url": "https://www.shop.example.com/x"}, "example.com"),
        ({"url": "http://a.co.uk:81/"}, "a.co.uk"),
        ({"url": "http://b.a.co.uk"}, "a.co.uk"),
        ({"host": "DB.example.org"}, "example.org"),
        ({"name": "example.org."}, "example.org"),
        ({"url": "http://192.0.2.77:8080/"}, "192.0.2.0/24"),
        ({"url": "http://[2001:db8:1:2::3]/"}, "2001:db8:1::/48"),
        ({}, ""),
    ],
)
def test_which_sites_are_related(spec: dict[str, str], site: str) -> None:
    assert site_of(spec) == site
