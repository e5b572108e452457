"""Keeping ``MonitorStats`` true: the windows that slide with time, computed from rollups and the newest raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from checks.models import MonitorStats
from checks.services import corrections, rollups

REFRESH_LIMIT = 2_000
SLIDE_EVERY = timedelta(minutes=5)
"""Figures of a monitor without new results are computed anew this often, since their windows move."""

REFRESH = """
WITH chosen AS (SELECT unnest(%(ids)s::uuid[]) AS monitor_id),
raw AS MATERIALIZED (
    SELECT result.monitor_id, slot, slots, outcome IN ('up', 'degraded') AS good,
        outcome IN ('up', 'degraded', 'down') AS known,
        CASE WHEN outcome IN ('up', 'degraded') THEN total_ms::float8 END AS timed_ms
    FROM chosen CROSS JOIN LATERAL (
        SELECT monitor_id, slot, slots, outcome, total_ms FROM checks_checkresult
        WHERE monitor_id = chosen.monitor_id AND slot >= least(%(now)s - interval '1 hour', %(folded)s)
        OFFSET 0
    ) AS result
),
last_hour AS (
    SELECT monitor_id, coalesce(sum(slots) FILTER (WHERE good), 0) AS good, sum(slots) FILTER (WHERE known) AS known,
        avg(timed_ms) AS mean_ms
    FROM raw WHERE slot > %(now)s - interval '1 hour' AND slot <= %(now)s + interval '1 minute'
    GROUP BY 1
),
hours AS NOT MATERIALIZED (
    SELECT monitor_id, bucket, up + degraded AS good, up + degraded + down AS known,
        up + degraded + down + unknown AS every, sum_ms::float8, timed
    FROM checks_rolluphour JOIN chosen USING (monitor_id)
    WHERE bucket < %(folded)s AND bucket >= least(
        date_trunc('hour', %(now)s - interval '7 days', 'UTC'), date_trunc('day', %(folded)s, 'UTC')
    )
    UNION ALL
    SELECT monitor_id, date_trunc('hour', slot, 'UTC'), coalesce(sum(slots) FILTER (WHERE good), 0),
        coalesce(sum(slots) FILTER (WHERE known), 0), sum(slots), coalesce(sum(timed_ms), 0), count(timed_ms)
    FROM raw WHERE slot >= %(folded)s GROUP BY 1, 2
),
by_hour AS (
    SELECT monitor_id,
        sum(good) FILTER (WHERE in_day) AS good_24h, sum(known) FILTER (WHERE in_day) AS known_24h,
        sum(every) FILTER (WHERE in_day) AS every_24h,
        sum(sum_ms) FILTER (WHERE in_day) AS ms_24h, sum(timed) FILTER (WHERE in_day) AS timed_24h,
        sum(good) AS good_7d, sum(known) AS known_7d, sum(sum_ms) AS ms_7d, sum(timed) AS timed_7d
    FROM hours
    CROSS JOIN LATERAL (SELECT bucket >= date_trunc('hour', %(now)s - interval '24 hours', 'UTC') AS in_day) AS day
    WHERE bucket >= date_trunc('hour', %(now)s - interval '7 days', 'UTC')
    GROUP BY 1
),
days AS (
    SELECT monitor_id, bucket, up + degraded AS good, up + degraded + down AS known
    FROM checks_rollupday JOIN chosen USING (monitor_id)
    WHERE bucket < date_trunc('day', %(folded)s, 'UTC')
        AND bucket >= date_trunc('day', %(now)s - interval '90 days', 'UTC')
    UNION ALL
    SELECT monitor_id, date_trunc('day', bucket, 'UTC'), good, known FROM hours
    WHERE bucket >= date_trunc('day', %(folded)s, 'UTC')
),
by_day AS (
    SELECT monitor_id,
        sum(good) FILTER (WHERE in_month) AS good_30d, sum(known) FILTER (WHERE in_month) AS known_30d,
        sum(good) AS good_90d, sum(known) AS known_90d
    FROM days
    CROSS JOIN LATERAL (SELECT bucket >= date_trunc('day', %(now)s - interval '30 days', 'UTC') AS in_month) AS month
    WHERE bucket >= date_trunc('day', %(now)s - interval '90 days', 'UTC')
    GROUP BY 1
)
UPDATE checks_monitorstats AS stats SET
    uptime_1h = last_hour.good::float8 / nullif(last_hour.known, 0),
    uptime_24h = good_24h::float8 / nullif(known_24h, 0),
    uptime_7d = good_7d::float8 / nullif(known_7d, 0),
    uptime_30d = good_30d::float8 / nullif(known_30d, 0),
    uptime_90d = good_90d::float8 / nullif(known_90d, 0),
    coverage_24h = known_24h::float8 / nullif(every_24h, 0),
    avg_response_time_1h = last_hour.mean_ms,
    avg_response_time_24h = ms_24h / nullif(timed_24h, 0),
    avg_response_time_7d = ms_7d / nullif(timed_7d, 0),
    fresh = true,
    refreshed_at = %(now)s
FROM chosen
LEFT JOIN last_hour USING (monitor_id) LEFT JOIN by_hour USING (monitor_id) LEFT JOIN by_day USING (monitor_id)
WHERE stats.monitor_id = chosen.monitor_id
"""
"""Uptime is good / known, null when nothing is known; coverage is known / all that was due.

Hours before ``folded`` are read as rollups, later ones from the raw rows."""


def refresh(*, now: datetime) -> int:
    """Fold the hours that are over, and compute the windows of the monitors whose figures have fallen behind.

    Says how many these were.
    """
    rollups.close(now=now)
    return _refresh_behind(now=now)


@transaction.atomic
def _refresh_behind(*, now: datetime) -> int:
    behind = (
        MonitorStats.objects.filter(Q(fresh=False) | Q(refreshed_at__lt=now - SLIDE_EVERY) | Q(refreshed_at=None))
        .order_by(F("refreshed_at").asc(nulls_first=True))
        .select_for_update(skip_locked=True)
        .values_list("pk", flat=True)[:REFRESH_LIMIT]
    )
    ids = list(behind)
    compute(ids, now=now)
    return len(ids)


def compute(ids: Sequence[UUID], *, now: datetime) -> None:
    """Recompute these monitors' windows from rollups and raw rows."""
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, {"ids": list(ids), "now": now, "folded": rollups.folded_until()})
    corrections.apply(ids, now=now)
