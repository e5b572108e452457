"""Times as people and programs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from common.clock import FIRST, LAST, read_moment

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T13:00+01:00", NOON),
        ("2026-01-31 12:00:00+00:00", NOON),
        ("2026-01-31T12:00+23:59", NOON.replace(day=30, minute=1)),  # more than PostgreSQL would read
        ("2026-01-31T12:00", None),
        ("1970-01-01T00:00:00Z", FIRST),
        ("0001-01-01T00:00:00+12:00", FIRST),
        ("0872-12-11T18:55:54-23:58", FIRST),
        ("9999-12-31T23:59:59-01:00", LAST),
        ("2026-02-30T12:00:00Z", None),
        ("noon", None),
        ("", None),
    ],
)
def test_a_time_is_read_with_its_zone_or_not_at_all(text: str, moment: datetime | None) -> None:
    found = read_moment(text)
    assert found == moment
    assert found is None or found.tzinfo is UTC


def test_a_time_without_a_zone_is_of_the_zone_that_is_said() -> None:
    assert read_moment("2026-01-31T12:00", zone=UTC) == NOON
    assert read_moment("2026-01-31T13:00", zone=ZoneInfo("Europe/Berlin")) == NOON
