"""When a job is due: periods, cron expressions, clocks that change, days that there are not every year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.heartbeat import EARLY, HeartbeatSpec
from probes.contract import InvalidSpec

BERLIN = "Europe/Berlin"


def spec(**told: Any) -> HeartbeatSpec:
    return HeartbeatSpec.parse(told)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "reported", "due"),
    [
        ({"period": 3600}, "2026-05-01 10:00:07", ["2026-05-01 11:00:07", "2026-05-01 12:00:07"]),
        ({"cron": "*/5 * * * *"}, "2026-05-01 10:01", ["2026-05-01 10:05", "2026-05-01 10:10"]),
        ({"cron": "0 9 * * 1-5"}, "2026-05-01 10:00", ["2026-05-04 09:00", "2026-05-05 09:00"]),
        ({"cron": "0 0 29 2 *"}, "2024-02-29 00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ({"cron": "0 0 L * *"}, "2026-01-31 12:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        # Summer begins: 02:30 does not exist on 29 March and is due at 03:00, which is 01:00 UTC.
        ({"cron": "30 2 * * *", "zone": BERLIN}, "2026-03-28 01:30", ["2026-03-29 01:00", "2026-03-30 00:30"]),
        # Summer ends: 02:30 comes twice on 25 October and is due the first time only.
        ({"cron": "30 2 * * *", "zone": BERLIN}, "2026-10-24 00:30", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        ({"cron": "30 2 * * *", "zone": BERLIN}, "2026-10-25 01:10", ["2026-10-26 01:30", "2026-10-27 01:30"]),
        # What comes round every hour does so on odd days too.
        ({"cron": "0 * * * *", "zone": BERLIN}, "2026-10-25 00:00", ["2026-10-25 01:00", "2026-10-25 02:00"]),
        # A clock a little fast reports for the time to come, not for the one before.
        ({"cron": "0 2 * * *"}, "2026-05-01 01:59:55", ["2026-05-02 02:00", "2026-05-03 02:00"]),
        ({"cron": "0 2 * * *"}, "2026-05-01 01:59:00", ["2026-05-01 02:00", "2026-05-02 02:00"]),
    ],
)
def test_when_a_ping_is_due(told: dict[str, Any], reported: str, due: list[str]) -> None:
    schedule = spec(**told)
    first = schedule.due_after(at(reported))
    assert [first, schedule.due_after(first)] == [at(text) for text in due]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({}, "period"),
        ({"period": 3600, "cron": "* * * * *"}, "period"),
        ({"period": 59}, "period"),
        ({"period": 3600.0}, "period"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "0 0 31 2,4,6 *"}, "cron"),
        ({"cron": "* * * *"}, "cron"),
        ({"cron": "0 0 0 * * *"}, "cron"),
        ({"cron": "*/0 * * * *"}, "cron"),
        ({"cron": "@daily"}, "cron"),
        ({"cron": "1," * 60 + "1 * * * *"}, "cron"),
        ({"cron": "0 0 * * *", "zone": "Mars/Olympus"}, "zone"),
        ({"cron": "0 0 * * *", "zone": "../../etc/passwd"}, "zone"),
        ({"period": 3600, "grace": 9}, "grace"),
        ({"period": 3600, "max_runtime": 0}, "max_runtime"),
        ({"period": 3600, "url": "http://example.org/"}, "url"),
    ],
)
def test_what_is_no_schedule(told: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        spec(**told)
    assert refusal.value.field == field


MINUTES = st.sampled_from(["*", "*/7", "0", "30", "5,35", "10-20/3"])
HOURS = st.sampled_from(["*", "*/6", "2", "0,12", "1-3"])
ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MINUTES, HOURS, ZONES, MOMENTS, st.integers(0, 100_000))
def test_time_goes_forward(minute: str, hour: str, zone: str, moment: datetime, more_s: int) -> None:
    schedule = spec(cron=f"{minute} {hour} * * *", zone=zone)
    due = schedule.due_after(moment)
    assert due > moment + EARLY
    assert due - moment <= timedelta(days=2)
    assert schedule.due_after(moment + timedelta(seconds=more_s)) >= due
