"""Reading windows and who is in one."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Team
from maintenance.models import Window


def windows_of(team: Team) -> QuerySet[Window]:
    return Window.objects.for_team(team).prefetch_related("monitors")


class Turn(NamedTuple):
    """What a monitor's maintenance should be from now on; ``until`` is None when it is in no window."""

    monitor: UUID
    until: datetime | None
    pauses: bool
    counts: bool


TURNS = """
WITH wanted AS (
    SELECT monitor.id, max(coverage.until) AS until, bool_or(coverage.pauses) AS pauses,
        bool_and(coverage.counts) AS counts
    FROM (
        SELECT id, team_id, everything, tags, next_ends AS until, pauses_checks AS pauses, counts_as_uptime AS counts
        FROM maintenance_window WHERE next_starts <= %(now)s AND next_ends > %(now)s
    ) AS coverage
    JOIN monitors_monitor AS monitor ON monitor.team_id = coverage.team_id AND (
        coverage.everything OR monitor.tags && coverage.tags
        OR EXISTS (
            SELECT FROM maintenance_window_monitors AS named
            WHERE named.window_id = coverage.id AND named.monitor_id = monitor.id
        )
    )
    GROUP BY monitor.id
)
SELECT coalesce(wanted.id, monitor.id), wanted.until, coalesce(wanted.pauses, false), coalesce(wanted.counts, true)
FROM wanted
FULL JOIN (SELECT * FROM monitors_monitor WHERE maintenance_until IS NOT NULL) AS monitor ON monitor.id = wanted.id
WHERE (wanted.until, wanted.pauses, wanted.counts)
    IS DISTINCT FROM (monitor.maintenance_until, monitor.maintenance_pauses, monitor.maintenance_counts)
ORDER BY 1 LIMIT %(limit)s
"""
"""The monitors whose maintenance is not what the windows say; none in the usual case, when both sides are empty."""


def turns(*, now: datetime, limit: int) -> list[Turn]:
    with connection.cursor() as cursor:
        cursor.execute(TURNS, {"now": now, "limit": limit})
        return [Turn(*row) for row in cursor.fetchall()]
