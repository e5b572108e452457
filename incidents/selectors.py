"""Reading states and incidents."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Team
from common.paging import read_id
from incidents import rules
from incidents.models import (
    Correction,
    Incident,
    IncidentEvent,
    IncidentQuerySet,
    RegionState,
    RegionTrouble,
    StatusChange,
)
from incidents.rules import words
from incidents.rules.corrections import Span, Verdict
from incidents.rules.regions import Glance
from incidents.rules.story import Change
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import Outcome


def states_of(monitors: Iterable[Monitor]) -> dict[UUID, dict[str, rules.RegionState]]:
    """Each monitor's region states by region code; a monitor that has none gets an empty dict."""
    states: dict[UUID, dict[str, rules.RegionState]] = defaultdict(dict)
    for row in RegionState.objects.filter(monitor__in=[monitor.pk for monitor in monitors]):
        states[row.monitor_id][row.region] = row.as_rule()
    return states


def unsettled_incidents(monitors: Iterable[Monitor]) -> dict[UUID, Incident]:
    """The incident of each monitor that has one: open, or closed by a person while the trouble goes on."""
    by_id = {monitor.pk: monitor for monitor in monitors}
    found: dict[UUID, Incident] = {}
    for incident in Incident.objects.unsettled().filter(monitor__in=by_id).order_by("started_at"):
        incident.monitor = by_id[incident.monitor_id]
        found[incident.monitor_id] = incident
    return found


def recent_changes(monitor: Monitor, *, now: datetime) -> list[Change]:
    """The changes of status that flapping is judged by, oldest first."""
    since = now - timedelta(seconds=monitor.rules.flapping_s)
    rows = monitor.status_changes.filter(happened_at__gt=since, happened_at__lte=now).order_by("happened_at", "id")
    return [row.as_rule() for row in rows]


def suspect_regions() -> dict[str, datetime]:
    """Regions in trouble of their own, and since when their failures do not count."""
    return dict(RegionTrouble.objects.filter(well_at__isnull=True).values_list("region", "began_at"))


NEWLY_FAILING = """
SELECT state.since, monitor.spec
FROM incidents_regionstate AS state JOIN monitors_monitor AS monitor ON monitor.id = state.monitor_id
WHERE state.region = %(region)s AND state.outcome = 'down' AND state.since >= %(since)s
    AND state.good_slot IS NOT NULL
ORDER BY state.since DESC LIMIT 2000
"""


def newly_failing(region: str, *, since: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    """When, and with which spec: monitors that have begun to fail in a region since then and were well before."""
    with connection.cursor() as cursor:
        cursor.execute(NEWLY_FAILING, {"region": region, "since": since})
        return [(row[0], json.loads(row[1])) for row in cursor.fetchall()]


GLANCE = """
SELECT
    count(*) FILTER (WHERE failing),
    count(*),
    count(*) FILTER (WHERE failing AND other.slot IS NOT NULL),
    count(*) FILTER (WHERE failing AND other.down)
FROM (
    SELECT monitor_id, outcome = 'down' AS failing
    FROM incidents_regionstate
    WHERE region = %(region)s AND slot >= %(since)s
        AND (outcome <> 'down' OR (since >= %(since)s AND good_slot IS NOT NULL))
) AS seen
LEFT JOIN LATERAL (
    SELECT max(state.slot) AS slot, bool_or(state.outcome = 'down') AS down
    FROM incidents_regionstate AS state
    WHERE state.monitor_id = seen.monitor_id AND seen.failing AND state.region <> %(region)s
        AND state.slot >= %(since)s
) AS other ON true
"""
"""Reads the states of a whole region, so it is asked only when many of them have just begun to fail."""


def glance_at(region: str, *, since: datetime) -> Glance:
    """What a region has seen since then of monitors that had been well, and how far others saw the same."""
    with connection.cursor() as cursor:
        cursor.execute(GLANCE, {"region": region, "since": since})
        return Glance(*cursor.fetchone())


def failing_since(region: str, *, since: datetime) -> list[UUID]:
    """Monitors that a region has found failing since then without a break."""
    failing = RegionState.objects.filter(region=region, outcome=Outcome.DOWN.value, since__gte=since)
    return list(failing.order_by("monitor").values_list("monitor", flat=True))


def incidents_of_paused() -> QuerySet[Incident]:
    return Incident.objects.unsettled().filter(monitor__paused=True).select_related("monitor")


def incidents_of(team: Team) -> IncidentQuerySet:
    found = Incident.objects.filter(monitor__team=team)
    return found.select_related("monitor", "acknowledged_by", "resolved_by").order_by("-started_at")


def incidents_on(monitor: Monitor) -> QuerySet[Incident]:
    """Those of one monitor, newest first, with whoever acknowledged them."""
    return Incident.objects.filter(monitor=monitor).select_related("acknowledged_by").order_by("-started_at")


def corrected_spans(monitors: Iterable[UUID], *, since: datetime) -> dict[UUID, list[Span]]:
    """What people say of each monitor's past, without what was withdrawn; only monitors of which something is said."""
    found: dict[UUID, list[Span]] = defaultdict(list)
    rows = Correction.objects.filter(monitor__in=list(monitors), ends_at__gt=since, withdrawn_by=None)
    for row in rows.exclude(kind=Correction.Kind.WITHDRAWAL):
        found[row.monitor_id].append(Span(Verdict(row.kind), row.starts_at, row.ends_at))
    return found


def corrections_of(team: Team) -> QuerySet[Correction]:
    return Correction.objects.filter(monitor__team=team).select_related("actor", "monitor")


def opening_of(incident: Incident) -> StatusChange | None:
    """The verdict that opened it, with its votes and its policy."""
    changes = StatusChange.objects.filter(monitor=incident.monitor_id, happened_at=incident.confirmed_at)
    return changes.order_by("-id").first()


def explain(incident: Incident) -> dict[str, Any] | None:
    """Why it was opened, in words, with the values they come from; None when the verdict is not stored any more."""
    opening = opening_of(incident)
    if opening is None:
        return None
    told = words.explain(
        opening.votes,
        opening.policy,
        before=Status(opening.before),
        after=Status(opening.after),
        open_incident=opening.open_incident,
    )
    return {
        "incident": incident.pk,
        "decided_at": opening.happened_at,
        "before": opening.before,
        "verdict": opening.after,
        "policy": opening.policy,
        "recorded_votes": opening.votes,
        **asdict(told),
    }


def find_incidents(team: Team, *, monitor: str = "", only_open: bool = False) -> IncidentQuerySet:
    """A team's incidents, newest first."""
    found = incidents_of(team).order_by("-started_at", "-id")
    if monitor:
        found = found.filter(monitor=read_id(monitor, "monitor"))
    if only_open:
        found = found.open()
    return found


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
WHERE NOT monitor.paused AND monitor.maintenance_until IS NULL AND monitor.kind <> 'heartbeat'
    AND monitor.status <> 'unknown' AND monitor.status_since < stale_before
GROUP BY monitor.id, stale_before
HAVING 2 * count(*) FILTER (WHERE state.slot >= stale_before) <= cardinality(monitor.regions)
    OR max(state.slot) FILTER (WHERE state.slot < stale_before) >= stale_before - interval '60 seconds'
ORDER BY random()
"""
"""Active monitors of which half the regions or more are silent, or one has just fallen silent. Not those that wait to
be told: their silence has deadlines of its own.

The same arithmetic as ``monitors.rules.stale_after_s``; the verdict itself is made by ``incidents.rules``.
"""


def quiet_monitors(*, now: datetime) -> list[UUID]:
    """Monitors to judge again because results are missing, in any order: where they are too many for one look, nobody
    waits for ever behind those that stay quiet."""
    with connection.cursor() as cursor:
        cursor.execute(QUIET, {"now": now})
        return [row[0] for row in cursor.fetchall()]


def unheard_outage(monitor: Monitor) -> Incident | None:
    """The outage that goes on, that nobody has acknowledged, and of which no event is still to be told."""
    found = Incident.objects.open().filter(monitor=monitor, recovered_at=None, acknowledged_at=None)
    begun = [IncidentEvent.Kind.OPENED, IncidentEvent.Kind.REOPENED, IncidentEvent.Kind.FLAPPING]
    coming = IncidentEvent.objects.filter(incident=OuterRef("pk"), kind__in=begun, planned_at=None)
    return found.filter(~Exists(coming)).select_related("monitor").first()
