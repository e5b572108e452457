"""Folding raw rows into hours and days, once, when their time is over.

A result is written as a raw row and nothing else; readers add the hours that are still open from raw rows (``Hour``,
``Day``). What is folded here is a recount and no sum of increments, so doing it twice is the same as once.

Nothing is missed, whatever the clocks do, because of two things that do not depend on time:

1. ``RollupMark.closing`` is moved and committed before the first monitor is folded up to it.
2. Whoever stores a result holds the lock of its monitor (``store.lock_monitors``) while it reads the mark, and until it
   has committed; whoever folds takes the same locks before it counts. So a result was either there to be counted, or
   its writer has seen the mark, and then it folds that hour again itself (``fold_again``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db import connection, transaction

from checks.models import RollupMark
from checks.services import days

GRACE = timedelta(minutes=2)
"""Most results are there this long after their hour; each that comes later has its hour folded once more."""

AT_ONCE = 1_000
"""Monitors folded in one transaction, and so locked for the time that takes: about a tenth of a second."""

CLOSING_S = 2.0
"""One call folds for so long; the next one goes on."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLES = {"hour": "checks_rolluphour", "day": "checks_rollupday"}
OUTCOMES = ("up", "degraded", "down", "unknown", "maintenance")
FIGURES = (*OUTCOMES, "timed", "sum_ms", "min_ms", "max_ms", "histogram")
Key = tuple[UUID, str, datetime]
"""A rollup: monitor, region, and when its time begins."""

COUNTED = f"""
    {", ".join(f"coalesce(sum(slots) FILTER (WHERE outcome = '{name}'), 0)::integer AS {name}" for name in OUTCOMES)},
    count(timed_ms)::integer AS timed, coalesce(sum(timed_ms), 0)::real AS sum_ms,
    min(timed_ms)::real AS min_ms, max(timed_ms)::real AS max_ms, latency_histogram(array_agg(timed_ms)) AS histogram
"""
TIMED = "CASE WHEN outcome IN ('up', 'degraded') THEN total_ms::float8 END AS timed_ms"
"""What an hour counts: slots by outcome, and the response times of the checks that passed."""

ADDED = f"""
    {", ".join(f"sum({name})::integer AS {name}" for name in (*OUTCOMES, "timed"))},
    sum(sum_ms::float8)::real AS sum_ms, min(min_ms) AS min_ms, max(max_ms) AS max_ms,
    sum_histograms(histogram) AS histogram
"""
"""A day is the sum of its hours."""

COLUMNS = ", ".join(("monitor_id", "region", "bucket", *FIGURES))
REPLACE = f"""
    ON CONFLICT (monitor_id, region, bucket) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIGURES)}
"""
GROW = f"""{REPLACE}
    WHERE {" + ".join(f"excluded.{name}" for name in OUTCOMES)} >= {" + ".join(f"kept.{name}" for name in OUTCOMES)}
"""
"""Where the owner has had raw rows removed, what is stored knows more than what is left, and stays."""

FOLD_HOURS = f"""
INSERT INTO checks_rolluphour AS kept ({COLUMNS})
SELECT monitor_id, region, date_trunc('hour', slot, 'UTC') AS bucket, {COUNTED}
FROM unnest(%(monitors)s::uuid[]) AS chosen (monitor_id)
CROSS JOIN LATERAL (
    SELECT region, slot, slots, outcome, {TIMED} FROM checks_checkresult AS result
    WHERE result.monitor_id = chosen.monitor_id AND slot >= %(since)s AND slot < %(until)s
    OFFSET 0
) AS raw
GROUP BY 1, 2, 3 ORDER BY 3, 1, 2 {GROW}
"""  # noqa: S608 - built from the constants above
"""OFFSET 0 keeps the planner to one look into the key of the results for each monitor."""

FOLD_DAYS = f"""
INSERT INTO checks_rollupday ({COLUMNS})
SELECT monitor_id, region, date_trunc('day', bucket, 'UTC') AS bucket, {ADDED}
FROM checks_rolluphour AS hour
WHERE monitor_id = ANY (%(monitors)s::uuid[]) AND hour.bucket >= %(since)s AND hour.bucket < %(until)s
GROUP BY 1, 2, 3 ORDER BY 3, 1, 2 {REPLACE}
"""  # noqa: S608 - built from the constants above

SOURCES = {
    "hour": f"""
        SELECT count(*) AS parts, {COUNTED} FROM (
            SELECT slots, outcome, {TIMED} FROM checks_checkresult AS result
            WHERE result.monitor_id = key.monitor_id AND result.region = key.region
                AND slot >= key.bucket AND slot < key.bucket + interval '1 hour'
        ) AS raw
    """,  # noqa: S608 - built from the constants above
    "day": f"""
        SELECT count(*) AS parts, {ADDED} FROM checks_rolluphour AS hour
        WHERE hour.monitor_id = key.monitor_id AND hour.region = key.region
            AND hour.bucket >= key.bucket AND hour.bucket < key.bucket + interval '1 day'
    """,  # noqa: S608 - built from the constants above
}


def _recount_sql(span: str, replace: str) -> str:
    table = TABLES[span]
    return f"""
        WITH counted AS MATERIALIZED (
            SELECT key.*, figures.*
            FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS key (monitor_id, region, bucket)
            CROSS JOIN LATERAL ({SOURCES[span]}) AS figures
        ),
        gone AS (
            DELETE FROM {table} AS kept USING counted
            WHERE kept.monitor_id = counted.monitor_id AND kept.region = counted.region
                AND kept.bucket = counted.bucket AND parts = 0
        )
        INSERT INTO {table} AS kept ({COLUMNS}) SELECT {COLUMNS} FROM counted WHERE parts > 0 {replace}
    """  # noqa: S608 - built from the constants above


logger = logging.getLogger(__name__)


def folded_until() -> datetime:
    """Hours before this are rollups; later ones are only raw rows."""
    found = RollupMark.objects.values_list("folded", flat=True).first()
    return found or days.start_of(date(1970, 1, 1))


def close(*, now: datetime, seconds: float = CLOSING_S) -> bool:
    """Fold the hours that are over, for at most so long; whether all of them are.

    Several at once do no harm: one folds, the others go home.
    """
    enough = monotonic() + seconds
    while _step(until=_hour_of(now - GRACE)):
        if monotonic() > enough:
            return False
    return True


@transaction.atomic
def _step(*, until: datetime) -> bool:
    """One small piece of the work, from mark to mark; False when there is none or somebody else is at it.

    1. Say up to which hour will be folded: a day at most, so that what was missed for long is not one mouthful.
    2. Monitor by monitor, in portions, fold hours, and days that are over.
    3. When all are done, say so: from now on readers read the rollups.
    """
    mark = _take_mark()
    if mark is None or mark.folded >= until:
        return False
    if mark.closing == mark.folded:
        mark.closing = min(until, _next_with_rows(mark.folded))
    elif monitors := _lock_next_monitors(mark.after):
        _fold(monitors, since=mark.folded, until=mark.closing)
        mark.after = monitors[-1]
    else:
        mark.folded, mark.after = mark.closing, None
    mark.save()
    return True


def _take_mark() -> RollupMark | None:
    if not RollupMark.objects.exists():
        start = days.start_of(min(days.result_days(), default=datetime.now(UTC).date()))
        RollupMark.objects.bulk_create([RollupMark(folded=start, closing=start)], ignore_conflicts=True)
    return RollupMark.objects.select_for_update(skip_locked=True).first()


def _next_with_rows(folded: datetime) -> datetime:
    """The end of this day, or of the time after it of which there are no partitions."""
    this = folded.astimezone(UTC).date()
    known = [day for day in days.result_days() if day >= this]
    if this in known:
        return days.start_of(this) + DAY
    return days.start_of(min(known)) if known else datetime.max.replace(tzinfo=UTC)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _day_of(moment: datetime) -> datetime:
    return days.start_of(moment.astimezone(UTC).date())


def _lock_next_monitors(after: UUID | None) -> list[UUID]:
    """The next portion in the order in which all writers lock them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM monitors_monitor WHERE %(after)s::uuid IS NULL OR id > %(after)s"
            " ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE",
            {"after": after, "limit": AT_ONCE},
        )
        return [row[0] for row in cursor.fetchall()]


def _fold(monitors: Sequence[UUID], *, since: datetime, until: datetime) -> None:
    """Fold the hours in this time and the days that end in it; the monitors are locked."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD_HOURS, {"monitors": list(monitors), "since": since, "until": until})
        if _day_of(since) < _day_of(until):
            whole_days = {"since": _day_of(since), "until": _day_of(until)}
            cursor.execute(FOLD_DAYS, {"monitors": list(monitors), **whole_days})


def fold_again(results: Iterable[Key]) -> None:
    """Fold the hours and days of results (monitor, region, slot) that came late; the monitors are locked."""
    hours = {(monitor, region, _hour_of(slot)) for monitor, region, slot in results}
    if not hours:
        return
    _recount("hour", hours, GROW)
    today = _day_of(RollupMark.objects.values_list("closing", flat=True)[0])
    _recount("day", {(monitor, region, _day_of(hour)) for monitor, region, hour in hours if hour < today}, REPLACE)


def fold_open(monitor: UUID, *, before: datetime) -> None:
    """Fold the hours of a locked monitor that nobody has folded yet, since their raw rows are about to go."""
    folded = folded_until()
    if folded < before:
        _fold([monitor], since=folded, until=before)


@transaction.atomic
def catch_up(monitors: Sequence[UUID], *, since: datetime) -> None:
    """Fold what has been closed since then, of monitors whose rows came by another way than ``store``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM monitors_monitor WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(monitors)]
        )
    closing = RollupMark.objects.values_list("closing", flat=True).first()
    if closing and closing > since:
        _fold(monitors, since=since, until=closing)


def recount(span: str, keys: Iterable[Key]) -> None:
    """Set hours to what the raw rows say, or days to what their hours do; one that nothing speaks for goes.

    The monitors are locked, and they are there.
    """
    _recount(span, keys, REPLACE)


def _recount(span: str, keys: Iterable[Key], replace: str) -> None:
    if ordered := sorted(keys):
        monitors, regions, buckets = zip(*ordered, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_recount_sql(span, replace), [list(monitors), list(regions), list(buckets)])
