"""What is compared and decided about an import. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from monitors.rules import MAX_INTERVAL_S, MAX_TIMEOUT_S
from probes.sentences import say


class Action(StrEnum):
    """What an import does with one thing of the file."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    SKIP = "skip"


def fit_times(interval: int | None, timeout: int | None, *, least_s: int) -> tuple[dict[str, int], list[str]]:
    """The nearest interval and timeout that are allowed here, and words on what that changes."""
    fitted, words = {}, []
    if interval is not None:
        fitted["interval"] = min(max(interval, least_s), MAX_INTERVAL_S)
        if fitted["interval"] != interval:
            words.append(
                say(
                    "its interval of {told} s: {nearest} s is the nearest that is allowed here",
                    told=interval,
                    nearest=fitted["interval"],
                )
            )
    longest = min(MAX_TIMEOUT_S, fitted.get("interval", least_s) - 1)
    if timeout is not None:
        fitted["timeout"] = min(max(timeout, 1), longest)
        if fitted["timeout"] != timeout:
            words.append(
                say(
                    "its timeout of {told} s: {nearest} s is the nearest that is allowed here",
                    told=timeout,
                    nearest=fitted["timeout"],
                )
            )
    return fitted, words


# --- parity: two tools' verdicts on the same time ---


@dataclass(frozen=True, slots=True)
class Span:
    """A verdict from one moment to another. ``up``: None where there was none."""

    begins: datetime
    ends: datetime
    up: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A time in which one said up and the other down. ``brief``: no longer than the two may differ by their clocks."""

    begins: datetime
    ends: datetime
    ours_up: bool
    ours_why: str
    theirs_why: str
    brief: bool

    @property
    def lasted_s(self) -> float:
        return (self.ends - self.begins).total_seconds()


@dataclass(frozen=True, slots=True)
class Parity:
    """How two tools agree on one monitor, over the time in which both had a verdict."""

    compared_s: float
    agreed_s: float
    disagreements: tuple[Disagreement, ...]
    since: datetime | None
    until: datetime | None

    @property
    def agreement(self) -> float | None:
        """From 0 to 1; None where there is no time to compare."""
        return self.agreed_s / self.compared_s if self.compared_s else None


def compare(ours: Sequence[Span], theirs: Iterable[Span], *, tolerance: timedelta) -> Parity:
    """Both in the order of time, each without overlaps. Times in which either had no verdict are left out."""
    known = [span for span in ours if span.up is not None]
    begins = [span.begins for span in known]
    compared = agreed = 0.0
    found: list[Disagreement] = []
    since = until = None
    for told in theirs:
        if told.up is None:
            continue
        for at in range(max(0, bisect_right(begins, told.begins) - 1), len(known)):
            mine = known[at]
            if mine.begins >= told.ends:
                break
            low, high = max(mine.begins, told.begins), min(mine.ends, told.ends)
            if high <= low:
                continue
            since, until = since or low, high
            seconds = (high - low).total_seconds()
            compared += seconds
            if mine.up == told.up:
                agreed += seconds
            else:
                _add(found, low, high, mine, told)
    judged = tuple(replace(one, brief=one.ends - one.begins <= tolerance) for one in found)
    return Parity(compared, agreed, judged, since, until)


def _add(found: list[Disagreement], low: datetime, high: datetime, mine: Span, told: Span) -> None:
    """What goes on without a break is one disagreement, with the reasons that it began with."""
    last = found[-1] if found else None
    if last is not None and last.ends == low and last.ours_up == mine.up:
        found[-1] = replace(last, ends=high)
    else:
        found.append(Disagreement(low, high, bool(mine.up), mine.why, told.why, brief=False))
