"""The results, evidence and rollups of a plan, written with COPY in the order of time, as they would have come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from django.db import connection

from checks.models import CheckEvidence
from checks.rules import pack_histogram
from checks.services.demo import story
from checks.services.demo.plan import Plan, Series, moment
from checks.services.demo.story import DAY_S, HOUR_S, Check, Figures
from probes.contract import Outcome

ROLLUP_COLUMNS = (
    "monitor_id, region, bucket, up, degraded, down, unknown, maintenance, timed, sum_ms, min_ms, max_ms, histogram"
)
RESULT_COLUMNS = (
    "slot, monitor_id, region, slots, attempts, http_status, dns_ms, connect_ms, tls_ms, first_byte_ms, "
    "download_ms, total_ms, body_bytes, remote_ip, outcome, reason, message"
)
NULL = r"\N"
NOTHING_SEEN: dict[str, object] = {"seen": {"note": "made up"}, "redirects": [], "certificate": None}

# --- rollups ---


def write_rollups(plan: Plan, day: int) -> None:
    """The hours and the sum of one day, in the order of time, as they would have come."""
    hours = range(day, min(day + DAY_S, plan.now + 1, plan.folded), HOUR_S)
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY checks_rolluphour ({ROLLUP_COLUMNS}) FROM STDIN") as copy:
            for hour in hours:
                at = f"{moment(hour)}\t"
                begun = (series for series in plan.series if plan.has_begun(series, hour))
                copy.write("".join([f"{series.key}{at}{_hour(plan, series, hour)}" for series in begun]))
        if day + DAY_S > plan.folded:
            return
        with cursor.copy(f"COPY checks_rollupday ({ROLLUP_COLUMNS}) FROM STDIN") as copy:
            at = f"{moment(day)}\t"
            begun = (series for series in plan.series if plan.has_begun(series, day))
            copy.write("".join([f"{series.key}{at}{_day(plan, series, hours)}" for series in begun]))


def _hour(plan: Plan, series: Series, hour: int) -> str:
    if plan.is_plain(series, hour, hour + HOUR_S):
        return _plain_hour(*series.hour_of_story(hour), plan.per_hour)
    return _rollup(story.figures_of(plan.checks(series, hour)))


def _day(plan: Plan, series: Series, hours: range) -> str:
    if plan.is_plain(series, hours.start, hours.start + DAY_S):
        return _plain_day(series.level, series.pattern(hours.start), plan.per_hour)
    told = Figures()
    for hour in hours:
        if plan.is_plain(series, hour, hour + HOUR_S):
            told.add(story.plain_hour(*series.hour_of_story(hour), plan.per_hour))
        else:
            told.add(story.figures_of(plan.checks(series, hour)))
    return _rollup(told)


@cache
def _plain_hour(level: int, shape: int, per_hour: int) -> str:
    return _rollup(story.plain_hour(level, shape, per_hour))


@cache
def _plain_day(level: int, pattern: int, per_hour: int) -> str:
    return _rollup(story.plain_day(level, pattern, per_hour))


def _rollup(told: Figures) -> str:
    """A rollup as COPY reads it, without its key."""
    counts = [told.counts.get(outcome, 0) for outcome in (Outcome.UP, Outcome.DEGRADED, Outcome.DOWN, Outcome.UNKNOWN)]
    edges = [NULL if value is None else value for value in (told.min_ms, told.max_ms)]
    histogram = rf"\\x{pack_histogram(told.histogram).hex()}"
    return "\t".join(map(str, [*counts, 0, told.timed, told.sum_ms, *edges, histogram])) + "\n"


# --- single results ---


def write_results(plan: Plan, hour: int) -> None:
    """The results of one hour, in the order of time, and the evidence of those that did not simply pass."""
    moments = [f"{moment(hour + second)}\t" for second in range(HOUR_S)]
    rows = sorted(
        ((series.offset, series.key, _tails(plan, series, hour)) for series in plan.series), key=lambda row: row[0]
    )
    copy_in = f"COPY checks_checkresult ({RESULT_COLUMNS}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for turn in range(plan.per_hour):
            second = turn * plan.interval
            some = [f"{moments[second + at]}{key}{tails[turn]}" for at, key, tails in rows if turn < len(tails)]
            copy.write("".join(some))
    CheckEvidence.objects.bulk_create(_evidence(plan, hour), batch_size=1_000)


def _tails(plan: Plan, series: Series, hour: int) -> Sequence[str]:
    """What the results of an hour say after their key."""
    if plan.is_plain(series, hour, hour + HOUR_S):
        return _plain_tails(*series.hour_of_story(hour), plan.per_hour)
    return [_tail(check) for check in plan.checks(series, hour)]


@cache
def _plain_tails(level: int, shape: int, per_hour: int) -> tuple[str, ...]:
    return tuple(_tail(Check(total)) for total in story.response_times(level, shape, per_hour))


def _tail(check: Check) -> str:
    """A result as COPY reads it, without its key."""
    outcome, reason, message, status = check.trouble or (Outcome.UP, "", "", 200)
    phases = [f"{check.total_ms * share:.2f}" if check.total_ms else NULL for _, share in story.PHASES]
    total = NULL if check.total_ms is None else check.total_ms
    answered = (status, *phases, total, 5_120, "192.0.2.10") if status else (NULL, *phases, total, NULL, NULL)
    return "\t".join(map(str, [1, 1, *answered, outcome, reason, message])) + "\n"


def _evidence(plan: Plan, hour: int) -> Iterator[CheckEvidence]:
    for series in plan.series:
        if plan.is_plain(series, hour, hour + HOUR_S):
            continue
        for turn, check in enumerate(plan.checks(series, hour)):
            if check.trouble and check.outcome is not Outcome.UNKNOWN:
                slot = moment(hour + series.offset + turn * plan.interval)
                yield CheckEvidence(monitor_id=series.who.id, region=series.region, slot=slot, seen=NOTHING_SEEN)
