"""Incidents: opened, closed and folded as the verdicts say, and as people say."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import User
from incidents import selectors
from incidents.exceptions import Overtaken
from incidents.handling.events import HEALTH, Kind, drop_held, note, tell_health
from incidents.models import Incident
from incidents.rules import DOWN_NO_MORE, Verdict, sentence, story
from incidents.rules.story import Step
from monitors.models import Monitor
from monitors.rules import Status
from probes.sentences import say

KNOWN = [status.value for status in (Status.DOWN, *DOWN_NO_MORE)]
MAX_NOTE = 2_000


def follow(monitor: Monitor, verdict: Verdict, incident: Incident | None, *, before: Status, now: datetime) -> None:
    """Draw the conclusions from a change of status that has just been stored."""
    unheard = drop_held(monitor, now=now, kinds=HEALTH) > 0
    standing = incident.standing if incident else story.NOTHING
    flapping = story.is_flapping(selectors.recent_changes(monitor, now=now), monitor.rules, now=now)
    for step in story.conclude(before, verdict.status, standing, flapping=flapping):
        match step:
            case Step.OPEN | Step.FOLD:
                _open(monitor, verdict, flapping=step is Step.FOLD, now=now)
            case Step.TELL:
                tell_health(monitor, verdict, before=before, unheard=unheard, now=now)
            case Step.RESOLVE if incident:
                resolve(incident, why="recovered", votes=verdict.votes_as_dicts(), status=verdict.status, now=now)
            case Step.RECOVER | Step.RELAPSE if incident:
                mark(incident, recovered_at=now if step is Step.RECOVER else None)


def _open(monitor: Monitor, verdict: Verdict, *, flapping: bool, now: datetime) -> None:
    started_at = verdict.started_at or now
    incident = Incident.objects.create(
        monitor=monitor,
        started_at=started_at,
        confirmed_at=now,
        recovered_at=None if verdict.status is Status.DOWN else now,
        flapping=flapping,
        cause=verdict.cause,
    )
    votes, words = verdict.votes_as_dicts(), sentence(verdict)[:500]
    note(Kind.SUSPECTED, monitor, incident=incident, now=min(started_at, now), told=True)
    note(
        Kind.FLAPPING if flapping else Kind.OPENED,
        monitor,
        incident=incident,
        votes=votes,
        now=now,
        held_until=story.held_until(Status.DOWN, monitor.rules, started_at=started_at, now=now),
        reason=words,
    )


def mark(incident: Incident, *, recovered_at: datetime | None) -> None:
    if (incident.recovered_at is None) is not (recovered_at is None):
        incident.recovered_at = recovered_at
        incident.save(update_fields=["recovered_at"])


def resolve(
    incident: Incident,
    *,
    why: str,
    now: datetime,
    votes: list[dict[str, object]] | None = None,
    status: str | None = None,
    text: str = "",
    actor: User | None = None,
) -> None:
    """Close an incident. ``why``: recovered, calm, paused or by_hand; after the last the trouble may go on."""
    incident.resolved_at, incident.resolved_by, incident.flapping = now, actor, False
    if why != "by_hand":
        incident.recovered_at = incident.recovered_at or now
    incident.save(update_fields=["resolved_at", "resolved_by", "flapping", "recovered_at"])
    monitor = incident.monitor
    dropped = drop_held(monitor, now=now, kinds=(Kind.OPENED, Kind.FLAPPING), incident=incident)
    lasted_s = round((now - incident.started_at).total_seconds(), 3)
    note(
        Kind.RESOLVED,
        monitor,
        incident=incident,
        votes=votes,
        now=now,
        text=text,
        actor=actor,
        told=dropped > 0,
        why=why,
        lasted_s=lasted_s,
        status=status or monitor.status,
    )


@transaction.atomic
def calm_down(*, now: datetime) -> int:
    """End the flapping that has ended. A site that is down then has an ordinary outage from there on."""
    flapping = Incident.objects.open().filter(flapping=True, monitor__status__in=KNOWN, monitor__paused=False)
    monitors = Monitor.objects.filter(pk__in=flapping.values("monitor")).order_by("pk")
    calmed = 0
    for monitor in monitors.select_for_update(skip_locked=True, no_key=True):
        incident = selectors.unsettled_incidents([monitor]).get(monitor.pk)
        if incident is None or not incident.flapping or monitor.status not in KNOWN:
            continue
        if story.is_calm(selectors.recent_changes(monitor, now=now), monitor.rules, now=now):
            _calm(incident, now=now)
            calmed += 1
    return calmed


def _calm(incident: Incident, *, now: datetime) -> None:
    monitor = incident.monitor
    note(Kind.CALM, monitor, incident=incident, now=now, status=monitor.status)
    if incident.recovered_at is not None:
        resolve(incident, why="calm", now=now)
        return
    incident.flapping = False
    incident.save(update_fields=["flapping"])
    note(Kind.OPENED, monitor, incident=incident, now=now, reason=monitor.status_reason)


# --- what people do ---


def _locked(incident: Incident) -> Incident:
    """The monitor's row first, as all who change incidents do."""
    monitor = Monitor.objects.select_for_update(no_key=True).get(pk=incident.monitor_id)
    incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    incident.monitor = monitor
    return incident


@transaction.atomic
def acknowledge(incident: Incident, *, actor: User | None, now: datetime) -> Incident:
    """Somebody takes care of it. The first one counts; a second time changes nothing."""
    incident = _locked(incident)
    if incident.acknowledged_at is not None:
        return incident
    if incident.resolved_at is not None:
        raise Overtaken(say("The incident is resolved already; there is nothing left to acknowledge."))
    incident.acknowledged_at, incident.acknowledged_by = now, actor
    incident.save(update_fields=["acknowledged_at", "acknowledged_by"])
    note(Kind.ACKNOWLEDGED, incident.monitor, incident=incident, actor=actor, now=now)
    audit.done(incident, "acknowledged")
    return incident


@transaction.atomic
def add_note(incident: Incident, *, text: str, actor: User | None, now: datetime) -> Incident:
    """Write something down. The same words by the same person in a row are one note."""
    text = text.strip()
    if not text or len(text) > MAX_NOTE:
        raise ValidationError({"text": [say("must have from 1 to {most} characters", most=MAX_NOTE)]})
    incident = _locked(incident)
    last = incident.events.filter(kind=Kind.NOTED).order_by("-id").first()
    if last is None or (last.note, last.actor) != (text, actor):
        note(Kind.NOTED, incident.monitor, incident=incident, text=text, actor=actor, now=now)
        audit.done(incident, "noted", note=text)
    return incident


@transaction.atomic
def resolve_by_hand(incident: Incident, *, actor: User | None, now: datetime) -> Incident:
    """Close an incident for people. The monitor's status goes on to say what the regions see: while it still fails, no
    new incident opens, until it has recovered and fails anew."""
    incident = _locked(incident)
    if incident.resolved_at is None:
        resolve(incident, why="by_hand", actor=actor, now=now)
        audit.done(incident, "resolved")
    return incident


@transaction.atomic
def reopen(incident: Incident, *, actor: User | None, now: datetime) -> Incident:
    """Take back a closing by hand, as long as the trouble goes on. After a recovery a new failure is a new incident."""
    incident = _locked(incident)
    if incident.resolved_at is None:
        return incident
    if incident.recovered_at is not None:
        raise Overtaken(say("The site has recovered since. If it fails again, a new incident opens by itself."))
    incident.resolved_at = incident.resolved_by = incident.acknowledged_at = incident.acknowledged_by = None
    incident.save(update_fields=["resolved_at", "resolved_by", "acknowledged_at", "acknowledged_by"])
    reason = incident.monitor.status_reason
    note(Kind.REOPENED, incident.monitor, incident=incident, actor=actor, now=now, reason=reason)
    audit.done(incident, "reopened")
    return incident
