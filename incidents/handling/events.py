"""Writing down what happened, in the transaction in which it happens; ``alerts`` tells people about it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from accounts.models import User
from incidents.models import Incident, IncidentEvent
from incidents.rules import Verdict, sentence, story
from monitors.models import Monitor
from monitors.rules import Status

Kind = IncidentEvent.Kind

HEALTH = (Kind.DEGRADED, Kind.PARTIAL)
KIND_OF = {Status.PARTIAL: Kind.PARTIAL, Status.DEGRADED: Kind.DEGRADED}


def note(
    kind: IncidentEvent.Kind,
    monitor: Monitor,
    *,
    now: datetime,
    incident: Incident | None = None,
    votes: list[dict[str, Any]] | None = None,
    text: str = "",
    actor: User | None = None,
    held_until: datetime | None = None,
    told: bool = False,
    **data: Any,
) -> IncidentEvent:
    """Add an event of a monitor. ``told``: for the timeline alone, nobody is to be told of it."""
    return IncidentEvent.objects.create(
        kind=kind,
        monitor=monitor,
        team_id=monitor.team_id,
        incident=incident,
        happened_at=now,
        votes=votes or [],
        note=text,
        actor=actor,
        held_until=held_until,
        planned_at=now if told else None,
        data=data,
    )


def note_region(kind: IncidentEvent.Kind, region: str, *, now: datetime, text: str = "", **data: Any) -> None:
    """Add an event of a region, for operators."""
    IncidentEvent.objects.create(kind=kind, region=region, happened_at=now, note=text, data=data)


def tell_health(monitor: Monitor, verdict: Verdict, *, before: Status, unheard: bool, now: datetime) -> None:
    """Partial, degraded, or well again: told when it lasts, and the end only where the beginning was.

    ``unheard``: what came before is over before anybody heard of it.
    """
    kind = KIND_OF.get(verdict.status)
    words = sentence(verdict)[:500]
    if kind is None:
        if not unheard and _last_told(monitor) in HEALTH:
            note(Kind.RECOVERED, monitor, now=now, votes=verdict.votes_as_dicts(), before=before)
    elif not (kind is Kind.DEGRADED and story.only_certificate(verdict)):
        held_until = story.held_until(verdict.status, monitor.rules, started_at=now, now=now)
        votes = verdict.votes_as_dicts()
        note(kind, monitor, now=now, votes=votes, held_until=held_until, before=before, reason=words)


def with_health_told(monitors: Collection[Monitor]) -> set[UUID]:
    """Those of the monitors that were ever said, or are about to be said, to be degraded or partly down."""
    if not monitors:
        return set()
    told = IncidentEvent.objects.filter(monitor__in=[monitor.pk for monitor in monitors], kind__in=HEALTH)
    return set(told.values_list("monitor_id", flat=True))


def _last_told(monitor: Monitor) -> str | None:
    """The newest word on a monitor's health that reached, or will reach, those who are told."""
    told = monitor.events.filter(kind__in=[*HEALTH, Kind.RECOVERED, Kind.OPENED, Kind.RESOLVED])
    return told.exclude(planned_at__lt=F("held_until")).order_by("-id").values_list("kind", flat=True).first()


def drop_held(
    monitor: Monitor, *, now: datetime, kinds: tuple[IncidentEvent.Kind, ...], incident: Incident | None = None
) -> int:
    """Tell nobody of what is over before it was told; says of how many events."""
    held = monitor.events.filter(kind__in=kinds).held(now=now)
    if incident is not None:
        held = held.filter(incident=incident)
    dropped: int = held.update(planned_at=now)
    return dropped


def warn_of_certificate(monitor: Monitor, verdict: Verdict, *, now: datetime) -> None:
    """Once when a certificate begins to run out, and again every week while it does."""
    words = story.certificate_words(verdict)
    if not words:
        return
    told = monitor.events.filter(kind=Kind.CERTIFICATE).order_by("-id").values_list("happened_at", flat=True)[:1]
    if story.may_warn_again(list(told), now=now):
        note(Kind.CERTIFICATE, monitor, now=now, votes=verdict.votes_as_dicts(), reason=words[:500])
