"""What people say of the past, and what figures become by it. Pure; the rows themselves are never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from probes.sentences import say

LONGEST = timedelta(days=90)


class Verdict(StrEnum):
    """What a span of the past was, in truth."""

    FALSE_ALARM = "false_alarm"
    """The site worked: failures count as passes."""

    MAINTENANCE = "maintenance"
    """Planned work: nothing counts, for or against."""


@dataclass(frozen=True, slots=True)
class Span:
    """``ends_at`` is the first moment that is not part of it."""

    verdict: Verdict
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Slots by what was found: good (up or degraded), down, unknown."""

    good: float = 0
    down: float = 0
    unknown: float = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.good + other.good, self.down + other.down, self.unknown + other.unknown)

    def share(self, part: float) -> Counts:
        return Counts(self.good * part, self.down * part, self.unknown * part)

    def without(self, inside: Counts, verdict: Verdict) -> Counts:
        """The counts after a correction of those that lie inside of its span."""
        if verdict is Verdict.FALSE_ALARM:
            return Counts(self.good + inside.down, self.down - inside.down, self.unknown)
        return Counts(self.good - inside.good, self.down - inside.down, self.unknown - inside.unknown)

    @property
    def uptime(self) -> float | None:
        """Good over known, 0 to 1; None when nothing is known."""
        known = self.good + self.down
        return min(1.0, max(0.0, self.good / known)) if known > 1e-9 else None


def span_problem(starts_at: datetime, ends_at: datetime, *, now: datetime) -> dict[str, str]:
    """Errors by field, empty when a span can be corrected."""
    if ends_at <= starts_at:
        return {"to": say("must be after the beginning")}
    if ends_at > now:
        return {"to": say("lies in the future: only the past can be corrected")}
    if ends_at - starts_at > LONGEST:
        return {"to": say("a correction covers at most {days} days", days=LONGEST.days)}
    return {}


def pieces(spans: Iterable[Span]) -> list[Span]:
    """The same spans without overlaps, in the order of time. Where they differ, it was maintenance."""
    spans = [span for span in spans if span.starts_at < span.ends_at]
    edges = sorted({edge for span in spans for edge in (span.starts_at, span.ends_at)})
    found: list[Span] = []
    for begin, end in pairwise(edges):
        verdicts = {span.verdict for span in spans if span.starts_at <= begin and end <= span.ends_at}
        if not verdicts:
            continue
        verdict = Verdict.MAINTENANCE if Verdict.MAINTENANCE in verdicts else Verdict.FALSE_ALARM
        if found and found[-1].ends_at == begin and found[-1].verdict is verdict:
            begin = found.pop().starts_at
        found.append(Span(verdict, begin, end))
    return found
