"""Switching a monitor's badges on and off, and giving them another address."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from monitors import secrets
from monitors.models import Monitor
from statuspages.models import MonitorBadge


@transaction.atomic
def share(monitor: Monitor, *, enabled: bool = True, label: str = "") -> MonitorBadge:
    """Switch the badges on or off under the address that they have; the first time makes one."""
    shared, _ = MonitorBadge.objects.select_for_update().get_or_create(
        monitor=monitor, defaults={"token": secrets.new_token()}
    )
    shared.enabled, shared.label = enabled, label
    shared.save(update_fields=["enabled", "label"])
    audit.done(monitor, "badges shared" if enabled else "badges switched off", label=label)
    return shared


@transaction.atomic
def renew_token(shared: MonitorBadge) -> MonitorBadge:
    """Another address; at the present one there is nothing any more, at once."""
    shared.token = secrets.new_token()
    shared.save(update_fields=["token"])
    audit.done(shared.monitor, "badge addresses renewed")
    return shared


@transaction.atomic
def revoke(monitor: Monitor) -> None:
    """Forget the address; switched on again, the badges get a new one."""
    gone, _ = MonitorBadge.objects.filter(monitor=monitor).delete()
    if gone:
        audit.done(monitor, "badges revoked")
