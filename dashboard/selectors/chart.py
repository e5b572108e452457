"""Response times over time, in equal steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet

from checks.models import CheckResult, Day, Hour
from monitors.models import Monitor
from probes.contract import Outcome

HOUR_S, DAY_S = 3600, 86_400
FINEST_STEP_S = 10
FEWEST_STEPS = 10


class Range(StrEnum):
    """How far back the chart looks."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @classmethod
    def parse(cls, text: str) -> Range:
        return cls(text) if text in set(cls) else cls.HOUR

    @property
    def length_s(self) -> int:
        return {"1h": HOUR_S, "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S}[self]

    @property
    def label(self) -> str:
        return {"1h": "hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}[self]


@dataclass(frozen=True, slots=True)
class Step:
    """The response times of one region in one step."""

    count: int
    sum_ms: float
    fastest_ms: float
    slowest_ms: float

    @property
    def mean_ms(self) -> float:
        return self.sum_ms / self.count


Steps = dict[str, dict[int, Step]]
"""By region and by the step's beginning (epoch)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One region's response times, and what to say about them."""

    region: str
    values: list[float | None]
    mean_ms: float | None
    fastest_ms: float | None
    slowest_ms: float | None


@dataclass(frozen=True)
class Chart:
    """A step in which no check passed is None: a gap, and shown as one."""

    range: Range
    step_s: int
    times: list[int]
    lines: list[Line]

    @property
    def empty(self) -> bool:
        return all(line.mean_ms is None for line in self.lines)

    @property
    def table(self) -> list[tuple[datetime, list[float | None]]]:
        """Newest first; steps of which nothing is known are left out."""
        rows = [
            (datetime.fromtimestamp(at, UTC), [line.values[place] for line in self.lines])
            for place, at in enumerate(self.times)
        ]
        return [row for row in reversed(rows) if any(value is not None for value in row[1])]

    def as_json(self) -> dict[str, Any]:
        return {
            "range": self.range,
            "step_s": self.step_s,
            "times": self.times,
            "series": [{"region": line.region, "values": line.values} for line in self.lines],
        }


def chart(monitor: Monitor, span: Range, *, now: datetime) -> Chart:
    """Raw results for the last hour, hourly figures up to a week, daily ones beyond."""
    step_s = {
        Range.HOUR: min(max(monitor.interval, FINEST_STEP_S), HOUR_S),
        Range.MONTH: DAY_S,
    }.get(span, HOUR_S)
    times = _steps_until(now, step_s=step_s, length_s=span.length_s, born=monitor.created_at)
    since = datetime.fromtimestamp(times[0], UTC)
    if span is Range.HOUR:
        steps = _raw(monitor, since=since, step_s=step_s)
    elif span is Range.MONTH:
        steps = _rolled_up(Day.objects.filter(monitor=monitor, bucket__gte=since))
    else:
        steps = _rolled_up(Hour.objects.filter(monitor=monitor, bucket__gte=since))
    return Chart(span, step_s, times, [_line(code, steps.get(code, {}), times) for code in monitor.regions])


def _steps_until(now: datetime, *, step_s: int, length_s: int, born: datetime) -> list[int]:
    """The beginnings of the steps up to now. A young monitor has few, as the time before it is no gap."""
    last = int(now.timestamp()) // step_s
    lived = last - int(born.timestamp()) // step_s
    count = min(length_s // step_s, max(lived, FEWEST_STEPS))
    return [step * step_s for step in range(last - count, last + 1)]


def _line(region: str, steps: Mapping[int, Step], times: Sequence[int]) -> Line:
    known = [steps[at] for at in times if at in steps]
    count = sum(step.count for step in known)
    return Line(
        region=region,
        values=[round(steps[at].mean_ms, 1) if at in steps else None for at in times],
        mean_ms=sum(step.sum_ms for step in known) / count if count else None,
        fastest_ms=min((step.fastest_ms for step in known), default=None),
        slowest_ms=max((step.slowest_ms for step in known), default=None),
    )


def _raw(monitor: Monitor, *, since: datetime, step_s: int) -> Steps:
    """The same results that the rollups count: those that passed."""
    timed: dict[tuple[str, int], list[float]] = defaultdict(list)
    passed = CheckResult.objects.filter(
        monitor=monitor, slot__gte=since, outcome__in=[Outcome.UP, Outcome.DEGRADED], total_ms__isnull=False
    )
    for region, slot, total_ms in passed.values_list("region", "slot", "total_ms"):
        timed[region, int(slot.timestamp()) // step_s * step_s].append(total_ms or 0.0)
    steps: Steps = defaultdict(dict)
    for (region, at), values in timed.items():
        steps[region][at] = Step(len(values), sum(values), min(values), max(values))
    return steps


def _rolled_up(rollups: QuerySet[Hour] | QuerySet[Day]) -> Steps:
    steps: Steps = defaultdict(dict)
    for rollup in rollups.filter(timed__gt=0).only("region", "bucket", "timed", "sum_ms", "min_ms", "max_ms"):
        steps[rollup.region][int(rollup.bucket.timestamp())] = Step(
            rollup.timed, rollup.sum_ms, rollup.min_ms or 0.0, rollup.max_ms or 0.0
        )
    return steps
