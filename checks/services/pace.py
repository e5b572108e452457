"""Checking what has been down for long less often, and as often as before once it may be back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from incidents import selectors as incident_selectors
from incidents.rules import RegionState
from monitors import rules
from monitors.models import Monitor, MonitorQuerySet
from monitors.rules import Status
from monitors.services import request_checks_of
from probes.contract import Outcome

REVIEW_EVERY_S = 10
REVIEWED_AT_ONCE = 1_000
ANSWERS_TAKE = timedelta(seconds=30)
"""After a return to the usual interval, older words count as fresh for so long, until all regions have answered."""


def review(*, now: datetime) -> None:
    """Slow down what is down for long, take back what is not, and judge silence by the timetable that holds."""
    _slow_down(now=now)
    _take_back(now=now)
    settled = Monitor.objects.filter(judged_by__isnull=False, slowed_to=None, eager_since__lt=now - ANSWERS_TAKE)
    settled.update(judged_by=None)


@transaction.atomic
def _slow_down(*, now: datetime) -> None:
    after_hours = settings.DOWN_BACKOFF_AFTER_HOURS
    if not after_hours:
        return
    down = _some(Monitor.objects.active().dialled().down_since_before(now - timedelta(hours=after_hours)))
    states = incident_selectors.states_of(down)
    for monitor in down:
        down_for = now - max(monitor.status_since, monitor.eager_since or monitor.status_since)
        slower = rules.slowed_interval(monitor.interval, down_for=down_for, after_hours=after_hours)
        if slower and slower > monitor.effective_interval and not _is_well_somewhere(monitor, states, now=now):
            monitor.slowed_to = monitor.judged_by = slower
            monitor.save(update_fields=["slowed_to", "judged_by"])


@transaction.atomic
def _take_back(*, now: datetime) -> None:
    """Of slowed monitors those that are not down any more, or that some region finds well. All regions look at once."""
    slowed = _some(Monitor.objects.active().filter(judged_by__isnull=False, slowed_to__isnull=False))
    states = incident_selectors.states_of(slowed)
    back = [
        monitor.pk
        for monitor in slowed
        if monitor.status not in {Status.DOWN, Status.UNKNOWN}
        or not settings.DOWN_BACKOFF_AFTER_HOURS
        or _is_well_somewhere(monitor, states, now=now)
    ]
    if back:
        Monitor.objects.filter(pk__in=back).update(slowed_to=None, eager_since=now)
        request_checks_of(back)


def _some(monitors: MonitorQuerySet) -> list[Monitor]:
    """As many as one review takes, those first that have waited longest; ones that an ingester holds come later."""
    return list(monitors.order_by("status_since", "pk").select_for_update(skip_locked=True)[:REVIEWED_AT_ONCE])


def _is_well_somewhere(monitor: Monitor, states: Mapping[UUID, Mapping[str, RegionState]], *, now: datetime) -> bool:
    """Whether the last word of one of its regions, not too old to count, is a good one."""
    return any(
        state.outcome in {Outcome.UP, Outcome.DEGRADED}
        and state.slot is not None
        and now - state.slot <= monitor.stale_after
        for state in states[monitor.pk].values()
    )
