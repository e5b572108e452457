"""New monitors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Team
from monitors import selectors
from monitors.models import Monitor
from monitors.services import acts, quotas
from monitors.services.acts import AT_ONCE
from monitors.services.asking import ring_for
from monitors.services.fields import Ground, apply


def defaults() -> dict[str, Any]:
    """The configuration of a monitor of which nothing but its address is said."""
    return plain_defaults() | {"regions": selectors.region_codes()}


def plain_defaults() -> dict[str, Any]:
    """The same without the regions, which are the server's at present."""
    return {
        "name": "",
        "kind": "http",
        "spec": {},
        "interval": max(60, settings.MONITOR_MIN_INTERVAL_SECONDS),
        "timeout": 10,
        "fallback_regions": [],
        "tags": [],
        "policy": {},
        "parent": None,
        "shadow": False,
    }


class Making:
    """New monitors of one team: each is judged as it comes, and all of them are written together in the end."""

    def __init__(self, team: Team) -> None:
        self._team, self._ground, self._room = team, Ground(), quotas.Room(team)
        self._made: list[Monitor] = []

    def create(self, *, paused: bool = False, **fields: Any) -> Monitor:
        """Raises ``ValidationError``; then it is as if nobody had asked.

        ``fields``: any of url, name, kind, spec, interval, timeout, regions, fallback_regions, tags, policy,
        parent (an id or None), shadow.
        """
        monitor = Monitor(id=uuid4(), team=self._team, wanted_at=timezone.now())
        apply(monitor, plain_defaults() | {"regions": self._ground.enabled} | fields, self._ground)
        if paused:
            acts.pause(monitor)
        self._room.take(monitor)
        self._ground.take_in(monitor)
        self._made.append(monitor)
        return monitor

    def write(self) -> None:
        with audit.at_once():
            for monitor in Monitor.objects.bulk_create(self._made, batch_size=AT_ONCE):
                audit.created(monitor)
        ring_for(self._made)


@contextmanager
def making(team: Team) -> Iterator[Making]:
    """For making many at once. What was made is there when the block is left without an exception, and not before."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # two at once must not both be the last one
        new = Making(team)
        yield new
        new.write()


def create_monitor(*, team: Team, **fields: Any) -> Monitor:
    """Store a monitor and ask for its first check at once. ``fields`` as of ``Making.create``."""
    with making(team) as new:
        return new.create(**fields)


def clone_monitor(monitor: Monitor, *, name: str) -> Monitor:
    """Another monitor with the same settings, secrets included, that is paused until somebody resumes it."""
    names = ("kind", "interval", "timeout", "regions", "fallback_regions", "tags", "policy", "shadow")
    fields = {field: getattr(monitor, field) for field in names} | {"parent": monitor.parent_id}
    if monitor.is_passive:
        del fields["regions"], fields["fallback_regions"]
    return create_monitor(team=monitor.team, name=name[:200], spec=monitor.full_spec, paused=True, **fields)
