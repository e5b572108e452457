"""Recounting rollups from raw rows: where the two differ, and mending it while results keep coming in.

A day is recounted as far as its raw rows exist. Hours of a monitor and region before their first raw row of that day
are taken for cleaned away (by the owner, in whole hours) and left as they are, and then so is the day's sum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from checks.models import MonitorStats
from checks.services import days, storage, store

TABLES = {"hour": "checks_rolluphour", "day": "checks_rollupday"}
OUTCOMES = ("up", "degraded", "down", "unknown", "maintenance")
FIGURES = (*OUTCOMES, "timed", "sum_ms", "min_ms", "max_ms", "histogram")
CLOSE_ENOUGH = 1e-6
"""Sums of floats depend on the order of adding; a difference smaller than this share is none."""

COUNTED = f"""
    {", ".join(f"coalesce(sum(slots) FILTER (WHERE outcome = '{name}'), 0)::integer AS {name}" for name in OUTCOMES)},
    count(timed_ms)::integer AS timed, coalesce(sum(timed_ms), 0) AS sum_ms,
    min(timed_ms) AS min_ms, max(timed_ms) AS max_ms,
    latency_histogram(coalesce(array_agg(timed_ms) FILTER (WHERE timed_ms IS NOT NULL), '{{}}')) AS histogram
"""
TIMED = "CASE WHEN outcome IN ('up', 'degraded') THEN total_ms::float8 END AS timed_ms"
"""What a rollup counts: slots by outcome, and the response times of the checks that passed."""

ADDED = f"""
    {", ".join(f"sum({name})::integer AS {name}" for name in (*OUTCOMES, "timed"))},
    sum(sum_ms) AS sum_ms, min(min_ms) AS min_ms, max(max_ms) AS max_ms, sum_histograms(histogram) AS histogram
"""


def _differing(stored: str, counted: str) -> str:
    """SQL: whether two rollups say something different."""
    exact = [f"{stored}.{name} IS DISTINCT FROM {counted}.{name}" for name in (*OUTCOMES, "timed", "histogram")]
    close = [
        f"coalesce(abs({stored}.{name} - {counted}.{name}) > {CLOSE_ENOUGH} * greatest(1, abs({counted}.{name})), "
        f"{stored}.{name} IS DISTINCT FROM {counted}.{name})"
        for name in ("sum_ms", "min_ms", "max_ms")
    ]
    return " OR ".join(exact + close)


def _compared(span: str, counted: str, stored_where: str) -> str:
    told = ", ".join(f"'{name}', {{0}}.{name}" for name in FIGURES)
    return f"""
        SELECT '{span}' AS span, monitor_id, region, bucket,
            CASE WHEN stored.up IS NOT NULL THEN jsonb_build_object({told.format("stored")}) END,
            CASE WHEN counted.up IS NOT NULL THEN jsonb_build_object({told.format("counted")}) END
        FROM {counted} AS counted
        FULL JOIN (
            SELECT rollup.* FROM {TABLES[span]} AS rollup JOIN first USING (monitor_id, region)
            WHERE rollup.bucket >= %(start)s AND rollup.bucket < %(until)s AND {stored_where}
        ) AS stored USING (monitor_id, region, bucket)
        WHERE {_differing("stored", "counted")}
    """  # noqa: S608 - built from the constants above


DIFFERENCES = f"""
WITH raw AS (
    SELECT monitor_id, region, date_trunc('hour', slot, 'UTC') AS bucket, slots, outcome, {TIMED}
    FROM checks_checkresult JOIN monitors_monitor AS monitor ON monitor.id = monitor_id
    WHERE slot >= %(start)s AND slot < %(until)s AND (%(monitor)s::uuid IS NULL OR monitor_id = %(monitor)s)
),
hours AS MATERIALIZED (SELECT monitor_id, region, bucket, {COUNTED} FROM raw GROUP BY 1, 2, 3),
first AS MATERIALIZED (SELECT monitor_id, region, min(bucket) AS since FROM hours GROUP BY 1, 2),
cleaned AS (
    SELECT DISTINCT monitor_id, region FROM checks_rolluphour AS hour JOIN first USING (monitor_id, region)
    WHERE hour.bucket >= %(start)s AND hour.bucket < first.since
),
whole AS (
    SELECT monitor_id, region, %(start)s::timestamptz AS bucket, {ADDED} FROM hours
    WHERE (monitor_id, region) NOT IN (TABLE cleaned) GROUP BY 1, 2
),
kept AS (SELECT * FROM hours WHERE bucket >= %(hours_from)s)
{_compared("hour", "kept", "rollup.bucket >= first.since AND rollup.bucket >= %(hours_from)s")}
UNION ALL
{_compared("day", "whole", "(monitor_id, region) NOT IN (TABLE cleaned)")}
ORDER BY 1 DESC, 2, 3, 4
"""  # noqa: S608 - built from the constants above
"""One statement and so one snapshot: results that come in meanwhile come with their sums and make no difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A rollup that is not what its raw rows say; None stands for a row that is missing, or has no raw rows."""

    span: str
    monitor: UUID
    region: str
    bucket: datetime
    stored: dict[str, Any] | None
    counted: dict[str, Any] | None

    @property
    def fields(self) -> list[str]:
        """The figures that differ."""
        if self.stored is None or self.counted is None:
            return list(FIGURES)
        return [name for name in FIGURES if not _same(self.stored[name], self.counted[name])]

    def __str__(self) -> str:
        where = f"{self.span} {self.bucket:%Y-%m-%d %H:%M} {self.monitor} {self.region}"
        if self.stored is None:
            return f"{where}: is missing"
        if self.counted is None:
            return f"{where}: has no raw rows"
        parts = [f"{name} is {self.stored[name]}, raw rows say {self.counted[name]}" for name in self.fields]
        return f"{where}: {'; '.join(parts)}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "span": self.span,
            "monitor": str(self.monitor),
            "region": self.region,
            "bucket": self.bucket.isoformat(),
            "fields": self.fields,
            "stored": self.stored,
            "counted": self.counted,
        }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=CLOSE_ENOUGH, abs_tol=CLOSE_ENOUGH)
    return bool(one == other)


def raw_days(*, since: date | None = None) -> list[date]:
    """The UTC days that have a partition of results, from ``since`` on."""
    known = {each.day for each in days.describe() if each.table == days.RESULTS}
    return sorted(day for day in known if since is None or day >= since)


def differences(day: date, *, monitor: UUID | None = None, now: datetime) -> Iterator[Difference]:
    """The rollups of a day that do not equal a recount, hours first."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, _bounds(day, monitor=monitor, now=now))
        while rows := cursor.fetchmany(1_000):
            for span, of, region, bucket, stored, counted in rows:
                # A cursor of Django's hands JSON over as text.
                yield Difference(
                    span, of, region, bucket, stored and json.loads(stored), counted and json.loads(counted)
                )


def _bounds(day: date, *, monitor: UUID | None, now: datetime) -> dict[str, Any]:
    oldest_hours = storage.months_before(now.astimezone(UTC).date(), settings.ROLLUP_HOURS_MONTHS)
    return {
        "start": days.start_of(day),
        "until": days.start_of(day) + timedelta(days=1),
        "hours_from": days.start_of(oldest_hours),
        "monitor": monitor,
    }


def rebuild(day: date, *, monitor: UUID | None = None, now: datetime) -> list[Difference]:
    """Mend the rollups of a day that differ from its raw rows; says which they were."""
    wrong = list(differences(day, monitor=monitor, now=now))
    if wrong:
        _mend(wrong)
        MonitorStats.objects.filter(monitor__in={each.monitor for each in wrong}).update(fresh=False)
    return wrong


@transaction.atomic
def _mend(wrong: Sequence[Difference]) -> None:
    """Count these rollups again, for good, while results keep coming in.

    1. Lock their monitors, as whoever stores a result does: who has added to their rollups has committed then, and
       who is about to waits.
    2. Count. A statement sees all that was committed before it began, so what is counted now includes every result
       that was added already, and none that is still to be added.
    """
    locked = store.lock_monitors({each.monitor for each in wrong})
    for span in TABLES:
        keys = [(each.monitor, each.region, each.bucket) for each in wrong if each.span == span]
        # A monitor that was deleted meanwhile took its rollups along.
        if keys := [key for key in keys if key[0] in locked]:
            _recount(span, keys)


def _recount(span: str, keys: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Set rollups to what the raw rows say; one that no raw row speaks for goes."""
    monitors, regions, buckets = zip(*sorted(keys), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_recount_sql(span), [list(monitors), list(regions), list(buckets)])


def _recount_sql(span: str) -> str:
    table, columns = TABLES[span], ", ".join(("monitor_id", "region", "bucket", *FIGURES))
    return f"""
        WITH counted AS MATERIALIZED (
            SELECT key.*, figures.*
            FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS key (monitor_id, region, bucket)
            CROSS JOIN LATERAL (
                SELECT count(*) AS results, {COUNTED} FROM (
                    SELECT slots, outcome, {TIMED} FROM checks_checkresult AS result
                    WHERE result.monitor_id = key.monitor_id AND result.region = key.region
                        AND slot >= key.bucket AND slot < key.bucket + interval '1 {span}'
                ) AS raw
            ) AS figures
        ),
        gone AS (
            DELETE FROM {table} AS kept USING counted
            WHERE kept.monitor_id = counted.monitor_id AND kept.region = counted.region
                AND kept.bucket = counted.bucket AND results = 0
        )
        INSERT INTO {table} ({columns}) SELECT {columns} FROM counted WHERE results > 0
        ON CONFLICT (monitor_id, region, bucket)
            DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIGURES)}
    """  # noqa: S608 - built from the constants above
