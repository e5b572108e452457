"""Recounting rollups from raw rows: where the two differ, and mending it while results keep coming in.

A day is recounted as far as its raw rows exist and as far as it has been folded (``rollups``). Hours of a monitor and
region before their first raw row of that day are taken for cleaned away (by the owner, in whole hours): they are left
as they are, and the day's sum is compared with them and the hours that could be counted.
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
from checks.services import days, rollups, storage, store
from checks.services.rollups import ADDED, COUNTED, FIGURES, OUTCOMES, TABLES, TIMED

CLOSE_ENOUGH = 1e-6
"""Sums of floats depend on the order of adding; a difference smaller than this share is none."""


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
    told = ", ".join(f"'{name}', {{0}}.{name}" for name in FIGURES[:-1]) + ", 'histogram', encode({0}.histogram, 'hex')"
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
    WHERE slot >= %(start)s AND slot < least(%(until)s, %(folded)s)
        AND (%(monitor)s::uuid IS NULL OR monitor_id = %(monitor)s)
),
hours AS MATERIALIZED (SELECT monitor_id, region, bucket, {COUNTED} FROM raw GROUP BY 1, 2, 3),
first AS MATERIALIZED (SELECT monitor_id, region, min(bucket) AS since FROM hours GROUP BY 1, 2),
cleaned AS (
    SELECT {", ".join(f"hour.{name}" for name in ("monitor_id", "region", "bucket", *FIGURES))}
    FROM checks_rolluphour AS hour JOIN first USING (monitor_id, region)
    WHERE hour.bucket >= %(start)s AND hour.bucket < first.since
),
whole AS (
    SELECT monitor_id, region, %(start)s::timestamptz AS bucket, {ADDED}
    FROM (TABLE hours UNION ALL TABLE cleaned) AS hour
    WHERE %(until)s <= date_trunc('day', %(folded)s, 'UTC') GROUP BY 1, 2
),
kept AS (SELECT * FROM hours WHERE bucket >= %(hours_from)s)
{_compared("hour", "kept", "rollup.bucket >= first.since AND rollup.bucket >= %(hours_from)s")}
UNION ALL
{_compared("day", "whole", "rollup.bucket < date_trunc('day', %(folded)s, 'UTC')")}
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


def raw_days(*, now: datetime, since: date | None = None) -> list[date]:
    """The UTC days up to today that have a partition of results, from ``since`` on. Those to come are made ahead."""
    today = now.astimezone(UTC).date()
    known = {each.day for each in days.describe() if each.table == days.RESULTS and each.day <= today}
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
        "folded": rollups.folded_until(),
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

    1. Lock their monitors, as whoever stores a result does: who has added to their hours has committed then, and who is
       about to waits, and folds them again if they are over.
    2. Count, hours before the days that they make up. A statement sees all that was committed before it began.
    """
    locked = store.lock_monitors({each.monitor for each in wrong})
    for span in TABLES:
        keys = [(each.monitor, each.region, each.bucket) for each in wrong if each.span == span]
        # A monitor that was deleted meanwhile took its rollups along.
        rollups.recount(span, [key for key in keys if key[0] in locked])
