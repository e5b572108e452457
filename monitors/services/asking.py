"""Checks out of turn: now, because somebody wants to know, or seldom, because a site has been down for long."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from monitors import doorbell, rules
from monitors.models import Monitor
from monitors.rules import Status


@transaction.atomic
def request_check(monitor: Monitor) -> None:
    """Check now, from every region, and go on as before."""
    request_checks(team=monitor.team, only=monitor)


@transaction.atomic
def request_checks(*, team: Team, only: Monitor | None = None) -> int:
    """Check all of a team's monitors now; says how many. Paused ones stay as they are, passive ones too."""
    chosen = Monitor.objects.for_team(team).active().dialled()
    if only is not None:
        chosen = chosen.filter(pk=only.pk)
    asked = chosen.update(wanted_at=timezone.now(), slowed_to=None, eager_since=timezone.now())
    doorbell.ring()
    return asked


@transaction.atomic
def request_checks_of(monitors: Collection[UUID]) -> int:
    """Check these monitors now, whosever they are; says how many are active."""
    asked = Monitor.objects.active().filter(pk__in=monitors).update(wanted_at=timezone.now())
    doorbell.ring()
    return asked


@transaction.atomic
def watch_anew(monitors: Collection[UUID]) -> None:
    """Begin the watch of these as on the first day: what was said before decides nothing, and a check runs at once."""
    now = timezone.now()
    Monitor.objects.active().filter(pk__in=monitors).update(
        status=Status.PENDING, status_since=now, status_reason="", wanted_at=now
    )
    doorbell.ring()


def slow_down(monitor: UUID) -> None:
    """Check a monitor as seldom as one that has been down for long, until a success or a person takes it back."""
    for found in Monitor.objects.filter(pk=monitor, interval__lte=rules.SLOWEST_S // 2):
        found.slowed_to = found.judged_by = rules.SLOWEST_S // found.interval * found.interval
        found.save(update_fields=["slowed_to", "judged_by"])


def want(monitor: Monitor) -> None:
    if not monitor.paused and not monitor.is_passive:
        monitor.wanted_at = timezone.now()


def ring_for(monitors: Collection[Monitor]) -> None:
    """Once, however many are waited for."""
    if any(monitor.wanted_at for monitor in monitors):
        doorbell.ring()
