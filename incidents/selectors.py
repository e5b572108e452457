"""Reading states and incidents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Team
from incidents import rules
from incidents.models import Incident, IncidentQuerySet, RegionState
from monitors.models import Monitor


def states_of(monitors: Iterable[Monitor]) -> dict[UUID, dict[str, rules.RegionState]]:
    """Each monitor's region states by region code; a monitor that has none gets an empty dict."""
    states: dict[UUID, dict[str, rules.RegionState]] = defaultdict(dict)
    for row in RegionState.objects.filter(monitor__in=[monitor.pk for monitor in monitors]):
        states[row.monitor_id][row.region] = row.as_rule()
    return states


def open_incidents(monitors: Iterable[Monitor]) -> dict[UUID, Incident]:
    by_id = {monitor.pk: monitor for monitor in monitors}
    found = {incident.monitor_id: incident for incident in Incident.objects.open().filter(monitor__in=by_id)}
    for monitor, incident in found.items():
        incident.monitor = by_id[monitor]
    return found


def incidents_of_paused() -> QuerySet[Incident]:
    return Incident.objects.open().filter(monitor__paused=True).select_related("monitor")


def incidents_of(team: Team) -> IncidentQuerySet:
    return Incident.objects.filter(monitor__team=team).select_related("monitor")


def find_incidents(
    team: Team, *, monitor: str = "", only_open: bool = False, after: list[str] | None = None
) -> IncidentQuerySet:
    """A team's incidents, newest first; ``after`` is the key (started_at, id) of a cursor."""
    found = incidents_of(team).order_by("-started_at", "-id")
    if monitor:
        found = found.filter(monitor=_uuid(monitor, "monitor"))
    if only_open:
        found = found.open()
    if after:
        started_at, incident_id = _moment(after[0]), _uuid(after[1], "cursor")
        found = found.filter(Q(started_at__lt=started_at) | Q(started_at=started_at, id__lt=incident_id))
    return found


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({field: ["is not an id"]}) from error


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValidationError({"cursor": ["is not a cursor of this list"]}) from error


QUIET = """
SELECT monitor.id
FROM monitors_monitor AS monitor
LEFT JOIN incidents_regionstate AS state
    ON state.monitor_id = monitor.id AND (
        state.region = ANY (monitor.regions) AND NOT jsonb_exists(monitor.stand_ins, state.region)
        OR state.region IN (SELECT value FROM jsonb_each_text(monitor.stand_ins))
    )
CROSS JOIN LATERAL (
    SELECT %(now)s::timestamptz - make_interval(
        secs => coalesce((monitor.policy ->> 'freshness')::int, 2) * greatest(monitor.interval, monitor.judged_by)
            + monitor.timeout + 10
    ) AS stale_before
) AS horizon
WHERE NOT monitor.paused AND monitor.maintenance_until IS NULL
    AND monitor.status <> 'unknown' AND monitor.status_since < stale_before
GROUP BY monitor.id, stale_before
HAVING 2 * count(*) FILTER (WHERE state.slot >= stale_before) <= cardinality(monitor.regions)
    OR max(state.slot) FILTER (WHERE state.slot < stale_before) >= stale_before - interval '60 seconds'
"""
"""Active monitors of which half the regions or more are silent, or one has just fallen silent.

The same arithmetic as ``monitors.rules.stale_after_s``; the verdict itself is made by ``incidents.rules``.
"""


def lock_quiet_monitors(*, now: datetime) -> list[Monitor]:
    """Monitors to judge again because results are missing, locked; ones that an ingester holds are left to it."""
    with connection.cursor() as cursor:
        cursor.execute(QUIET, {"now": now})
        quiet = [row[0] for row in cursor.fetchall()]
    locked = Monitor.objects.filter(pk__in=quiet).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    return list(locked)
