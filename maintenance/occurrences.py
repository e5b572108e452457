"""When planned work takes place: local times and a recurrence in, moments out. Pure.

Plans are made in local time, so a weekly window at 02:30 stays at 02:30 when the clocks change. On the two odd days of
a year such a time may not exist, or exist twice: it then begins when the clocks have jumped (as if they had not), or at
the first of the two, and the occurrence says so. The length is elapsed time: two hours are two hours on every day.

Recurrences are the RRULE of RFC 5545, section 3.3.10, as far as whole days repeat: two a day are two plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rruleset, rrulestr

from probes.sentences import say

LONGEST = timedelta(days=30)
LONGEST_RULE = 300
LONGEST_INTERVAL = 1_000
EARLIEST, LATEST = datetime(2020, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - local times of any zone
LOOK_AHEAD = timedelta(days=3_660)
"""A rule that matches no day in ten years is taken for one that never does; unrolling it further would take seconds."""

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"}
"""The parts that repeat days. Hours, minutes and seconds would make a rule of any length to unroll."""

GAP, OVERLAP = "gap", "overlap"


class BadPlan(ValueError):
    """A plan that names no time. ``field`` is the part to mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Plan:
    """When: ``starts`` on the clocks of ``zone`` (naive), for so long, and again as ``rule`` says (empty: once)."""

    starts: datetime
    length: timedelta
    zone: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that the plan comes round. ``local`` is what the plan says, ``odd`` why the clocks make it otherwise."""

    local: datetime
    starts: datetime
    ends: datetime
    odd: str = ""


def check(plan: Plan) -> None:
    """Raises ``BadPlan`` for the first thing that is wrong."""
    _zone(plan)
    if not EARLIEST <= plan.starts < LATEST:
        raise BadPlan(
            "starts",
            say("must lie between the years {earliest} and {latest}", earliest=f"{EARLIEST:%Y}", latest=f"{LATEST:%Y}"),
        )
    if not timedelta(minutes=1) <= plan.length <= LONGEST:
        raise BadPlan("minutes", say("must be from 1 to {most}", most=LONGEST // timedelta(minutes=1)))
    if not plan.rule:
        return
    _check_parts(plan.rule)
    if _fits_no_day(plan) or next(iter(_local_starts(plan)), None) is None:
        raise BadPlan("rule", say("never comes round: no day within ten years fits all of its parts"))


def _fits_no_day(plan: Plan) -> bool:
    """Whether a rule matches nothing within a generation, found quickly.

    For a rule without a match dateutil looks on to the end of the year 9999, day by day, which takes seconds. So we let
    it begin near that end, in a year with the same calendar: calendars come again after 28 years.
    """
    endless = ";".join(
        part for part in plan.rule.upper().split(";") if part.partition("=")[0] not in {"COUNT", "UNTIL"}
    )
    near_the_end = plan.starts.replace(year=_late_year_like(plan.starts.year))
    return next(iter(_parsed(endless, near_the_end)), None) is None


def _late_year_like(year: int) -> int:
    """The year from 9944 to 9971 with the same days, and the same leap years around it."""
    alike = (late for late in range(9944, 9972) if late % 4 == year % 4)
    return next(late for late in alike if date(late, 1, 1).weekday() == date(year, 1, 1).weekday())


def _check_parts(rule: str) -> None:
    if len(rule) > LONGEST_RULE or not rule.isascii():
        raise BadPlan(
            "rule",
            say("must be at most {most} plain letters, like FREQ=WEEKLY;BYDAY=SU", most=LONGEST_RULE),
        )
    parts = dict(part.partition("=")[::2] for part in rule.upper().split(";"))
    if unknown := sorted(set(parts) - PARTS):
        raise BadPlan(
            "rule",
            say(
                "{unknown} is not known here; the parts are {names}",
                unknown=unknown[0][:40],
                names=", ".join(sorted(PARTS)),
            ),
        )
    if parts.get("FREQ") not in FREQUENCIES:
        raise BadPlan("rule", say("FREQ must be one of {names}", names=", ".join(FREQUENCIES)))
    interval = parts.get("INTERVAL", "1")
    if not interval.isdigit() or not 1 <= int(interval[:6]) <= LONGEST_INTERVAL:
        raise BadPlan("rule", say("INTERVAL must be from 1 to {most}", most=LONGEST_INTERVAL))
    if parts.get("UNTIL", "").endswith("Z"):
        raise BadPlan("rule", say("UNTIL is a local time here, like the start: leave out the Z"))


def occurrences(plan: Plan, *, after: datetime, limit: int = 10) -> list[Occurrence]:
    """The next occurrences that are not over at a moment, the one that is going on included."""
    return list(islice(_occurrences(plan, after=after), limit))


def _occurrences(plan: Plan, *, after: datetime) -> Iterator[Occurrence]:
    zone = _zone(plan)
    # A day to spare on both sides of what a local clock may be off.
    worth_a_look = after.astimezone(UTC).replace(tzinfo=None) - plan.length - timedelta(days=2)
    for local in _local_starts(plan, after=worth_a_look):
        occurrence = _on_the_clock(local, zone, plan.length)
        if occurrence.ends > after:
            yield occurrence


def _local_starts(plan: Plan, *, after: datetime = EARLIEST) -> Iterator[datetime]:
    if not plan.rule:
        yield plan.starts
        return
    yield from _unrolled(plan, until=max(after, plan.starts) + LOOK_AHEAD).xafter(after, inc=True)


def _unrolled(plan: Plan, *, until: datetime) -> rrule | rruleset:
    rule = plan.rule.upper()
    if "COUNT=" not in rule and "UNTIL=" not in rule:
        rule += f";UNTIL={until:%Y%m%dT%H%M%S}"
    return _parsed(rule, plan.starts)


def _parsed(rule: str, starts: datetime) -> rrule | rruleset:
    try:
        return rrulestr(rule, dtstart=starts)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise BadPlan("rule", say("is no recurrence rule: {error}", error=error)) from None


def _on_the_clock(local: datetime, zone: ZoneInfo, length: timedelta) -> Occurrence:
    starts = local.replace(tzinfo=zone).astimezone(UTC)
    return Occurrence(local, starts, starts + length, _oddity(local, zone))


def _oddity(local: datetime, zone: ZoneInfo) -> str:
    """PEP 495: a time in a gap or an overlap has two offsets, and one in a gap does not come back from UTC."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ""
    returns = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    return OVERLAP if returns else GAP


def _zone(plan: Plan) -> ZoneInfo:
    try:
        return ZoneInfo(plan.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadPlan(
            "zone", say("there is no time zone {zone}; use one like Europe/Berlin or UTC", zone=repr(plan.zone[:60]))
        ) from None
