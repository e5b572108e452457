"""Keeping ``MonitorStats`` true: the windows that slide with time, computed from rollups and the last hour's rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from checks.models import MonitorStats

REFRESH_LIMIT = 2_000
SLIDE_EVERY = timedelta(minutes=5)
"""Figures of a monitor without new results are computed anew this often, since their windows move."""

REFRESH = """
WITH chosen AS (SELECT unnest(%(ids)s::uuid[]) AS monitor_id),
last_hour AS (
    SELECT result.monitor_id,
        coalesce(sum(slots) FILTER (WHERE outcome IN ('up', 'degraded')), 0) AS good,
        sum(slots) FILTER (WHERE outcome IN ('up', 'degraded', 'down')) AS known,
        avg(total_ms) FILTER (WHERE outcome IN ('up', 'degraded')) AS mean_ms
    FROM checks_checkresult AS result JOIN chosen USING (monitor_id)
    WHERE slot > %(now)s - interval '1 hour' AND slot <= %(now)s + interval '1 minute'
    GROUP BY 1
),
hours AS (
    SELECT monitor_id, bucket >= date_trunc('hour', %(now)s - interval '24 hours', 'UTC') AS in_day,
        up + degraded AS good, up + degraded + down AS known,
        up + degraded + down + unknown AS every, sum_ms, timed
    FROM checks_rolluphour JOIN chosen USING (monitor_id)
    WHERE bucket >= date_trunc('hour', %(now)s - interval '7 days', 'UTC')
),
by_hour AS (
    SELECT monitor_id,
        sum(good) FILTER (WHERE in_day) AS good_24h, sum(known) FILTER (WHERE in_day) AS known_24h,
        sum(every) FILTER (WHERE in_day) AS every_24h,
        sum(sum_ms) FILTER (WHERE in_day) AS ms_24h, sum(timed) FILTER (WHERE in_day) AS timed_24h,
        sum(good) AS good_7d, sum(known) AS known_7d, sum(sum_ms) AS ms_7d, sum(timed) AS timed_7d
    FROM hours GROUP BY 1
),
by_day AS (
    SELECT monitor_id,
        sum(up + degraded) FILTER (WHERE in_month) AS good_30d,
        sum(up + degraded + down) FILTER (WHERE in_month) AS known_30d,
        sum(up + degraded) AS good_90d, sum(up + degraded + down) AS known_90d
    FROM checks_rollupday JOIN chosen USING (monitor_id)
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
"""Uptime is good / known, null when nothing is known; coverage is known / all that was due."""


@transaction.atomic
def refresh(*, now: datetime) -> int:
    """Compute the windows of the monitors whose figures have fallen behind; says how many."""
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
        cursor.execute(REFRESH, {"ids": list(ids), "now": now})
