"""Reading drills, and how the monitor of one stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Team
from alerts.models import Delivery
from alerts.rules import Kind, State
from checks.models import CheckResult
from drills import rules
from drills.models import Drill
from drills.rules import Figures, Seen, Times
from incidents.models import Incident, IncidentEvent
from monitors import secrets
from monitors.rules import Status
from probes.contract import Outcome, Reason

SLOT_SLACK = timedelta(seconds=60)
"""A slot may lie that far from the moment at which its check was made."""

FIGURES_OF = 200
"""The newest drills that figures are made of."""


def target_of(token: str) -> tuple[Drill, bool] | None:
    """The drill that a target's address belongs to, and whether the target fails now, by the database's clock."""
    drill = Drill.objects.annotate(clock=Now()).filter(key=secrets.key_of(token)).first()
    if drill is None:
        return None
    clock: datetime = drill.clock  # type: ignore[attr-defined]
    return drill, rules.is_broken(drill.fault_at, drill.mended_at, clock)


def incident_of(drill: Drill) -> Incident | None:
    if drill.fault_at is None or drill.monitor_id is None:
        return None
    found = Incident.objects.filter(monitor=drill.monitor_id, confirmed_at__gte=drill.fault_at)
    return found.order_by("confirmed_at").first()


def times_of(drill: Drill, incident: Incident | None) -> Times:
    """What is known by now of when each stage was reached."""
    times = drill.times
    if drill.fault_at is None or drill.monitor_id is None:
        return times
    times = replace(times, failed_at=times.failed_at or _first_failure(drill.monitor_id, since=drill.fault_at))
    if incident is None:
        return times
    queued, accepted = _handed_over(incident, Kind.DOWN)
    _, told = _handed_over(incident, Kind.UP)
    return replace(
        times,
        confirmed_at=incident.confirmed_at,
        queued_at=queued,
        accepted_at=accepted,
        recovered_at=incident.resolved_at if drill.mended_at else None,
        told_at=told if drill.mended_at else None,
    )


def _first_failure(monitor: UUID, *, since: datetime) -> datetime | None:
    """When the first check that failed had ended, by the clock of its region."""
    found = CheckResult.objects.filter(monitor=monitor, slot__gte=since - SLOT_SLACK, outcome=Outcome.DOWN.value)
    ends = [result.checked_at + timedelta(milliseconds=result.total_ms or 0) for result in found.order_by("slot")[:20]]
    return min((end for end in ends if end >= since), default=None)


def _handed_over(incident: Incident, kind: Kind) -> tuple[datetime | None, datetime | None]:
    """When the first message of a kind was planned, and when the first was accepted."""
    found = Delivery.objects.filter(event__incident=incident, kind=kind.value, step=0).aggregate(
        queued=Min("created_at"), accepted=Min("settled_at", filter=Q(state=State.SENT.value))
    )
    return found["queued"], found["accepted"]


def seen(drill: Drill, incident: Incident | None) -> Seen:
    monitor = drill.monitor
    if monitor is None:
        return Seen(None)
    status = Status.PAUSED if monitor.paused else Status(monitor.status)
    if incident is None:
        return Seen(status, monitor.status_reason, blocked=_blocked(drill))
    opened = IncidentEvent.objects.filter(incident=incident, kind=IncidentEvent.Kind.OPENED)
    trouble = Delivery.objects.filter(event__incident=incident, kind=Kind.DOWN.value).exclude(reason="")
    return Seen(
        status,
        monitor.status_reason,
        planned=opened.filter(planned_at__isnull=False).exists(),
        trouble="; ".join(f"{one.channel}: {one.reason}" for one in trouble.select_related("channel")[:3]),
    )


def _blocked(drill: Drill) -> str:
    """What the guard says, by the newest result that it refused."""
    if drill.fault_at is not None:
        return ""
    refused = CheckResult.objects.filter(
        monitor=drill.monitor_id, slot__gte=drill.asked_at - SLOT_SLACK, reason=Reason.ADDRESS_BLOCKED.value
    )
    return refused.order_by("-slot").values_list("message", flat=True).first() or ""


def messages_of(drill: Drill) -> list[dict[str, Any]]:
    """What was sent because of a drill, by channel."""
    if drill.incident_id is None:
        return []
    found = Delivery.objects.filter(event__incident=drill.incident_id).order_by("created_at", "id")
    shown = found.annotate(to=F("channel__name"))
    return [dict(row) for row in shown.values("to", "kind", "state", "created_at", "settled_at", "reason")]


def drills_of(team: Team) -> QuerySet[Drill]:
    """A team's drills, newest first."""
    return Drill.objects.for_team(team).select_related("monitor", "asked_by").order_by("-asked_at", "-id")


def detection(team: Team | None = None) -> Figures:
    """How long it takes from a fault to the accepted message, by the newest drills of a team, or of all."""
    measured = Drill.objects.measured()
    if team is not None:
        measured = measured.for_team(team)
    newest = measured.order_by("-accepted_at").values_list("fault_at", "accepted_at")[:FIGURES_OF]
    return rules.figures(seconds for at, end in newest if (seconds := rules.seconds_between(at, end)) is not None)
