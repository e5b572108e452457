"""What a page says, by table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitors.rules import Status
from statuspages import rules
from statuspages.rules import Counts, Overall, PostKind, PostState

SIGNS = {
    ".": Status.UP,
    "~": Status.DEGRADED,
    "/": Status.PARTIAL,
    "x": Status.DOWN,
    "?": Status.UNKNOWN,
    "*": Status.PENDING,
    "m": Status.MAINTENANCE,
}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def statuses(strip: str) -> list[Status]:
    return [SIGNS[sign] for sign in strip]


@pytest.mark.parametrize(
    ("monitors", "state"),
    [
        ("", Status.UNKNOWN),
        ("?", Status.UNKNOWN),
        ("*?", Status.UNKNOWN),
        (".", Status.UP),
        (".?", Status.UP),  # what is known decides
        (".~", Status.DEGRADED),
        (".x", Status.PARTIAL),  # down in part
        ("x?", Status.DOWN),
        ("xx", Status.DOWN),
        ("/", Status.PARTIAL),
        ("m.", Status.MAINTENANCE),
        ("m~", Status.DEGRADED),
        ("mx", Status.PARTIAL),
    ],
)
def test_a_component_is_what_its_monitors_are(monitors: str, state: Status) -> None:
    assert rules.component_state(statuses(monitors)) is state


@pytest.mark.parametrize(
    ("components", "written", "line"),
    [
        ("", False, Overall.EMPTY),
        ("", True, Overall.INCIDENT),
        ("??", False, Overall.UNKNOWN),
        ("..", False, Overall.UP),
        (".?", False, Overall.UP_AS_KNOWN),
        ("..", True, Overall.INCIDENT),  # somebody knows more than the checks
        (".m", False, Overall.MAINTENANCE),
        (".m", True, Overall.INCIDENT),
        (".~", True, Overall.DEGRADED),
        ("./", False, Overall.PARTIAL),
        (".x", True, Overall.SOME_DOWN),
        ("x?", False, Overall.SOME_DOWN),
        ("xx", True, Overall.ALL_DOWN),
    ],
)
def test_the_line_at_the_top(components: str, written: bool, line: Overall) -> None:
    assert rules.overall(statuses(components), open_incident=written) is line
    assert line.status in Status


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        (Counts(), "none"),
        (Counts(unknown=9), "none"),  # silence is never up
        (Counts(maintenance=9), "maintenance"),
        (Counts(maintenance=9, up=1), "up"),
        (Counts(up=1, unknown=9), "up"),
        (Counts(up=99, degraded=1), "up"),
        (Counts(up=9, degraded=1), "degraded"),
        (Counts(up=999, down=1), "partial"),
        (Counts(up=94, down=6), "down"),
    ],
)
def test_a_days_bar(counts: Counts, state: str) -> None:
    assert rules.day_state(counts) == state


def test_uptime_is_told_with_the_part_that_is_known() -> None:
    days = [Counts(up=8, down=1, unknown=1), Counts(degraded=1), Counts(unknown=9, maintenance=5)]
    assert rules.total(days).uptime == 0.9
    assert rules.total(days).coverage == 0.5
    assert (Counts().uptime, Counts().coverage) == (None, None)


@pytest.mark.parametrize(
    ("said", "starts", "ends", "state"),
    [
        (PostState.SCHEDULED, HOUR, 2 * HOUR, PostState.SCHEDULED),
        (PostState.SCHEDULED, -HOUR, HOUR, PostState.UNDER_WAY),
        (PostState.SCHEDULED, -HOUR, None, PostState.UNDER_WAY),
        (PostState.UNDER_WAY, HOUR, 2 * HOUR, PostState.UNDER_WAY),  # they began early
        (PostState.UNDER_WAY, -2 * HOUR, -HOUR, PostState.COMPLETED),
        (PostState.COMPLETED, -HOUR, HOUR, PostState.COMPLETED),
    ],
)
def test_planned_work_goes_by_the_clock(
    said: PostState, starts: timedelta, ends: timedelta | None, state: PostState
) -> None:
    begins, over = NOON + starts, NOON + ends if ends else None
    assert rules.post_state(PostKind.MAINTENANCE, said, starts=begins, ends=over, now=NOON) is state


@pytest.mark.parametrize(("slug", "good"), [("a", True), ("my-shop-2", True), ("", False), ("-a", False), ("A", False)])
def test_slugs(slug: str, good: bool) -> None:
    assert (rules.slug_problem(slug) is None) is good


@pytest.mark.parametrize(
    ("domain", "good"),
    [
        ("status.example.com", True),
        ("xn--mnchen-3ya.example", True),
        ("localhost", False),
        ("10.0.0.1", False),
        ("status.example.com:8000", False),
        ("http://status.example.com", False),
        ("status.example.com/", False),
        ("*.example.com", False),
        ("a" * 64 + ".com", False),
        ("status.example.com\n", False),
    ],
)
def test_domains(domain: str, good: bool) -> None:
    assert (rules.domain_problem(domain) is None) is good


@pytest.mark.parametrize(
    ("colours", "good"),
    [
        ({}, True),
        ({"accent": "#3f51d4", "up": "#2fae7c"}, True),
        ({"accent": "#ffff00"}, False),  # nobody could read that
        ({"up": "#fffffe"}, False),
        ({"up": "red"}, False),
        ({"up": "#fff;}body{display:none"}, False),
        ({"background": "#000000"}, False),
        ({"up": 3}, False),
    ],
)
def test_colours(colours: dict[str, object], good: bool) -> None:
    assert (rules.colours_problem(colours) is None) is good
