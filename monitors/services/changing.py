"""Changing one monitor: locked, changed by an act, written, noted in the audit log."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from monitors.models import Monitor
from monitors.services import acts, quotas
from monitors.services.acts import Act
from monitors.services.asking import ring_for
from monitors.services.fields import Ground, give_ping_token
from probes.sentences import say


@transaction.atomic
def update_monitor(monitor: Monitor, **fields: Any) -> Monitor:
    """Change some fields; what is not named stays."""
    return _change_one(monitor, partial(acts.update, fields=fields, ground=Ground()))


@transaction.atomic
def pause(monitor: Monitor) -> Monitor:
    return _change_one(monitor, acts.pause)


@transaction.atomic
def resume(monitor: Monitor) -> Monitor:
    return _change_one(monitor, acts.resume)


@transaction.atomic
def set_shadow(monitor: Monitor, *, shadow: bool) -> Monitor:
    """Tell nobody of what a monitor finds, or tell people again: then also of an outage that goes on, once."""
    return _change_one(monitor, partial(acts.set_shadow, shadow=shadow))


def _change_one(monitor: Monitor, act: Act) -> Monitor:
    monitor = Monitor.objects.select_for_update().get(pk=monitor.pk)
    before, pace = audit.picture(monitor), quotas.pace_of(monitor)
    if verb := act(monitor):
        if quotas.pace_of(monitor) > pace:
            quotas.Room.held(monitor.team).change(monitor, before=pace)
        monitor.save()
        audit.changed(monitor, before, verb)
        ring_for([monitor])
    return monitor


@transaction.atomic
def renew_ping_url(monitor: Monitor) -> Monitor:
    """Give the job of a passive monitor another address to report to; the old one is forgotten at once."""
    monitor = Monitor.objects.select_for_update().get(pk=monitor.pk)
    if not monitor.is_passive:
        raise ValidationError({"kind": [say("only a heartbeat has an address to report to")]})
    give_ping_token(monitor)
    monitor.save(update_fields=["ping_key", "ping_sealed", "updated_at"])
    audit.done(monitor, "ping address renewed")
    return monitor


@transaction.atomic
def delete_monitor(monitor: Monitor) -> None:
    """Remove a monitor with its incidents and figures. Raw results go with their day (retention).

    Locked first: what a result is adding to it at this moment is there by then, and goes as well.
    """
    Monitor.objects.select_for_update().filter(pk=monitor.pk).first()
    audit.deleted(monitor)
    monitor.delete()
