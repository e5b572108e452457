"""When a job is expected to report: a period, or a cron expression on the clocks of a time zone. Pure.

Cron expressions are read as Debian's cron reads them, days on which the clocks change included: a job of 02:30 that the
clocks leap over is due when they have leapt, and one whose time comes twice is due the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from monitors.rules import rough_span
from probes.contract import InvalidSpec
from probes.fields import Described, told, unless_empty, whole_number
from probes.sentences import say

MINUTE_S, DAY_S, YEAR_S = 60, 86_400, 31_622_400
LONGEST_CRON, FIELDS = 100, 5

SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)

EARLY = timedelta(seconds=10)
"""A clock that is a little fast must not make a job of 02:00 report for the day before. So a ping that is early by no
more than this counts for the time to come."""


def read_cron(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_CRON or not value.isascii():
        raise InvalidSpec(
            say(
                "must be a cron expression of at most {most} characters, like 30 2 * * 1-5",
                most=LONGEST_CRON,
            ),
            name,
        )
    if len(value.split()) != FIELDS:
        raise InvalidSpec(say("must have five fields: minute, hour, day of the month, month, day of the week"), name)
    try:
        next(CronSim(value, SOME_DAY))
    except StopIteration:
        raise InvalidSpec(say("never comes round"), name) from None
    except (CronSimError, ValueError, IndexError) as error:
        raise InvalidSpec(say("is not a cron expression: {error}", error=str(error).lower()), name) from None
    return " ".join(value.split())


def read_zone(value: Any, name: str) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidSpec(
            say("there is no time zone {zone}; use one like Europe/Berlin or UTC", zone=repr(str(value)[:60])), name
        ) from None


@dataclass(frozen=True, slots=True)
class HeartbeatSpec(Described):
    """A monitor that listens. Nobody dials anything: the job reports, and is missed when it does not."""

    period: int | None = told(
        unless_empty(whole_number(MINUTE_S, YEAR_S)),
        "integer",
        "Seconds from one ping to the next; or give a cron expression",
        default=None,
        minimum=MINUTE_S,
        maximum=YEAR_S,
    )
    cron: str | None = told(
        unless_empty(read_cron), "text", "When the job runs, like 30 2 * * 1-5; instead of a period", default=None
    )
    zone: str = told(read_zone, "text", "The time zone of the cron expression, like Europe/Berlin", default="UTC")
    grace: int = told(
        whole_number(10, YEAR_S),
        "integer",
        "Seconds that a ping may be late before the job counts as missed",
        default=300,
        minimum=10,
        maximum=YEAR_S,
    )
    max_runtime: int | None = told(
        unless_empty(whole_number(1, 30 * DAY_S)),
        "integer",
        "Seconds that a run may take, where its start is reported too",
        default=None,
        minimum=1,
        maximum=30 * DAY_S,
    )

    def __post_init__(self) -> None:
        if (self.period is None) == (self.cron is None):
            raise InvalidSpec(say("give either a period in seconds or a cron expression"), "period")

    @property
    def default_name(self) -> str:
        return f"Job {self.cron}" if self.cron else f"Job {self.sentence}"

    @property
    def sentence(self) -> str:
        """When a ping is due, as the end of a sentence."""
        if self.cron:
            return say("at {cron} ({zone})", cron=self.cron, zone=self.zone)
        return say("every {period}", period=rough_span(self.period or 0))

    @property
    def grace_time(self) -> timedelta:
        return timedelta(seconds=self.grace)

    @property
    def pace_s(self) -> int:
        """Seconds from one time to the next; of a cron expression those from its first time in 2026 to the second."""
        first = self.due_after(SOME_DAY)
        return min(int((self.due_after(first) - first).total_seconds()), YEAR_S)

    def due_after(self, moment: datetime) -> datetime:
        """When the job is due next, having reported at this moment."""
        if self.period is not None:
            return moment + timedelta(seconds=self.period)
        reported = moment.astimezone(UTC) + EARLY
        for found in CronSim(str(self.cron), reported.astimezone(ZoneInfo(self.zone))):
            # In the hour that comes twice the first match may lie before the moment that was asked about.
            if (due := found.astimezone(UTC)) > reported:
                return due
        return datetime.max.replace(tzinfo=UTC) - timedelta(seconds=2 * YEAR_S)

    def is_news(self, at: datetime, *, since: datetime) -> bool:
        """Whether a good ping says more than the one ``since`` when it was well: one a period does, more need not."""
        early = min(self.grace_time, timedelta(seconds=self.period / 2)) if self.period else timedelta()
        return at >= self.due_after(since) - early - EARLY
