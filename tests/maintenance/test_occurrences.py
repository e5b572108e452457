"""When planned work takes place, on clocks that change."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintenance.occurrences import FREQUENCIES, BadPlan, Plan, _late_year_like, check, occurrences

BERLIN, TWO_HOURS = "Europe/Berlin", timedelta(hours=2)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("starts", "rule", "after", "coming"),
    [
        ("2026-06-01T03:00", "", "2026-05-01", ["2026-06-01T01:00"]),
        ("2026-06-01T03:00", "", "2026-06-01T02:59:59", ["2026-06-01T01:00"]),  # still going on
        ("2026-06-01T03:00", "", "2026-06-01T03:00", []),
        ("2026-03-22T03:30", "FREQ=WEEKLY;BYDAY=SU", "2026-03-23", ["2026-03-29T01:30", "2026-04-05T01:30"]),
        ("2026-01-31T12:00", "FREQ=MONTHLY;BYMONTHDAY=31", "2026-02-01", ["2026-03-31T10:00", "2026-05-31T10:00"]),
        ("2026-01-01T12:00", "FREQ=MONTHLY;BYDAY=-1FR", "2026-01-01", ["2026-01-30T11:00", "2026-02-27T11:00"]),
        ("2024-02-29T12:00", "FREQ=YEARLY", "2026-01-01", ["2028-02-29T11:00", "2032-02-29T11:00"]),
        ("2026-01-01T12:00", "FREQ=DAILY;COUNT=2", "2026-01-01T12:30", ["2026-01-01T11:00", "2026-01-02T11:00"]),
        ("2026-01-01T12:00", "FREQ=DAILY;COUNT=2", "2026-01-03", []),
        ("2026-01-01T12:00", "freq=daily;until=20260102T120000", "2026-01-02", ["2026-01-02T11:00"]),
    ],
)
def test_when_it_comes_round(starts: str, rule: str, after: str, coming: list[str]) -> None:
    plan = Plan(local(starts), TWO_HOURS, BERLIN, rule)
    check(plan)
    found = occurrences(plan, after=utc(after), limit=2)
    assert [occurrence.starts for occurrence in found] == [utc(moment) for moment in coming]
    assert all(occurrence.ends - occurrence.starts == TWO_HOURS for occurrence in found)


@pytest.mark.parametrize(
    ("starts", "moment", "odd"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59", ""),
        ("2026-03-29T02:30", "2026-03-29T01:30", "gap"),  # 02:30 does not exist: 03:30 on the clock
        ("2026-03-29T03:00", "2026-03-29T01:00", ""),
        ("2026-10-25T02:30", "2026-10-25T00:30", "overlap"),  # 02:30 comes twice: the first
        ("2026-10-25T03:00", "2026-10-25T02:00", ""),
    ],
)
def test_the_days_on_which_clocks_change(starts: str, moment: str, odd: str) -> None:
    plan = Plan(local(starts), TWO_HOURS, BERLIN)
    occurrence = occurrences(plan, after=utc("2026-01-01"))[0]
    assert (occurrence.starts, occurrence.odd) == (utc(moment), odd)
    assert occurrence.ends - occurrence.starts == TWO_HOURS


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"starts": "1999-01-01T00:00"}, "starts"),
        ({"length": timedelta(0)}, "minutes"),
        ({"length": timedelta(days=31)}, "minutes"),
        ({"rule": "every sunday"}, "rule"),
        ({"rule": "FREQ=SECONDLY"}, "rule"),
        ({"rule": "FREQ=DAILY;BYHOUR=1,2,3"}, "rule"),
        ({"rule": "FREQ=DAILY;INTERVAL=0"}, "rule"),
        ({"rule": "FREQ=WEEKLY;BYDAY=XX"}, "rule"),
        ({"rule": "FREQ=DAILY;UNTIL=20270101T000000Z"}, "rule"),
        ({"rule": "FREQ=DAILY;UNTIL=20250101"}, "rule"),
        ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "rule"),
        ({"rule": "FREQ=DAILY\nDTSTART:19970902T090000"}, "rule"),
        ({"rule": "FREQ=DAILY;" * 50}, "rule"),
        ({"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"}, "rule"),
        ({"rule": "FREQ=DAILY;BYMONTHDAY=1;BYSETPOS=2"}, "rule"),
        ({"rule": "FREQ=MONTHLY;BYDAY=6MO;COUNT=3"}, "rule"),
    ],
)
def test_a_plan_without_a_time_is_refused_by_name(change: dict[str, object], field: str) -> None:
    fields = {"starts": "2026-06-01T03:00", "length": TWO_HOURS, "zone": "UTC", "rule": ""} | change
    plan = Plan(local(str(fields.pop("starts"))), **fields)  # type: ignore[arg-type]
    with pytest.raises(BadPlan) as refused:
        check(plan)
    assert refused.value.field == field


@given(year=st.integers(2020, 2044))
def test_a_late_year_is_like_the_one_it_stands_for(year: int) -> None:
    """From there to the end of the year 9999 every day falls as it does from the year on."""
    late = _late_year_like(year)
    until = 10_000 - late
    assert [(date(late + n, 1, 1).weekday(), isleap(late + n)) for n in range(until)] == [
        (date(year + n, 1, 1).weekday(), isleap(year + n)) for n in range(until)
    ]


@given(
    starts=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(1, 43_200),
    zone=st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
    frequency=st.sampled_from(FREQUENCIES),
    interval=st.integers(1, 30),
    days_later=st.integers(-10, 3_000),
)
def test_what_comes_round_is_in_order_and_not_over(
    starts: datetime, minutes: int, zone: str, frequency: str, interval: int, days_later: int
) -> None:
    plan = Plan(starts, timedelta(minutes=minutes), zone, f"FREQ={frequency};INTERVAL={interval}")
    check(plan)
    after = starts.replace(tzinfo=UTC) + timedelta(days=days_later)
    found = occurrences(plan, after=after, limit=4)
    assert all(occurrence.ends > after for occurrence in found)
    assert [occurrence.starts for occurrence in found] == sorted({occurrence.starts for occurrence in found})
    earlier = occurrences(plan, after=after - timedelta(days=1), limit=400)
    assert set(found) - set(earlier) == set() or len(earlier) == 400
