"""Correcting the past: rows are added and never changed, and each says who and why."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import User
from incidents.exceptions import Overtaken
from incidents.models import Correction, Incident
from incidents.rules.corrections import Verdict, span_problem
from monitors.models import Monitor
from probes.sentences import say

MAX_WHY = 500


@transaction.atomic
def correct(
    monitor: Monitor,
    *,
    verdict: str,
    starts_at: datetime,
    ends_at: datetime,
    why: str,
    actor: User | None,
    now: datetime,
    incident: Incident | None = None,
) -> Correction:
    """Say what a span of a monitor's past was: ``Verdict``. The same again changes nothing."""
    problems = span_problem(starts_at, ends_at, now=now) | _reason_problem(why)
    if verdict not in set(Verdict):
        problems["kind"] = say("must be one of {names}", names=", ".join(Verdict))
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})
    Monitor.objects.select_for_update(no_key=True).get(pk=monitor.pk)
    same = Correction.objects.filter(
        monitor=monitor, kind=verdict, starts_at=starts_at, ends_at=ends_at, withdrawn_by=None
    ).first()
    if same is not None:
        return same
    correction = Correction.objects.create(
        monitor=monitor,
        incident=incident,
        kind=verdict,
        starts_at=starts_at,
        ends_at=ends_at,
        why=why.strip(),
        actor=actor,
    )
    audit.done(correction, "corrected", what=verdict, starts_at=starts_at, ends_at=ends_at, why=why.strip())
    return correction


@transaction.atomic
def withdraw(correction: Correction, *, why: str, actor: User | None) -> Correction:
    """Take a correction back: it stays, and another row says that it counts no more."""
    if problems := _reason_problem(why):
        raise ValidationError({name: [message] for name, message in problems.items()})
    Monitor.objects.select_for_update(no_key=True).get(pk=correction.monitor_id)
    if correction.kind == Correction.Kind.WITHDRAWAL:
        raise Overtaken(say("A withdrawal cannot be withdrawn; correct the span anew."))
    withdrawn = Correction.objects.filter(withdraws=correction).first()
    if withdrawn is not None:
        return withdrawn
    withdrawal = Correction.objects.create(
        monitor_id=correction.monitor_id,
        incident_id=correction.incident_id,
        kind=Correction.Kind.WITHDRAWAL,
        starts_at=correction.starts_at,
        ends_at=correction.ends_at,
        why=why.strip(),
        actor=actor,
        withdraws=correction,
    )
    audit.done(correction, "correction withdrawn", why=why.strip())
    return withdrawal


def _reason_problem(why: str) -> dict[str, str]:
    return (
        {} if 1 <= len(why.strip()) <= MAX_WHY else {"why": say("must have from 1 to {most} characters", most=MAX_WHY)}
    )
