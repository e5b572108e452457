"""What forms offer to choose from."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import Team
from alerts.models import Channel
from alerts.selectors import channels_of
from monitors.models import Monitor

MOST_MONITORS = 200
"""More than that nobody reads; a team that has more goes by tags, or by the API."""


def monitor_choices(team: Team, *, keep: Collection[UUID] = (), without: UUID | None = None) -> list[tuple[str, str]]:
    """The team's monitors by name, the first so many; those that are chosen already always among them."""
    own = Monitor.objects.for_team(team).order_by(Lower("name"), "id")
    own = own.exclude(pk=without) if without else own
    first = list(own.values_list("pk", flat=True)[:MOST_MONITORS])
    offered = own.filter(Q(pk__in=first) | Q(pk__in=list(keep)))
    return [(str(pk), name) for pk, name in offered.values_list("pk", "name")]


def monitor_named(team: Team, text: str) -> Monitor | None:
    """The team's monitor whose id was given in an address; None for whatever else it says."""
    try:
        return Monitor.objects.for_team(team).filter(pk=UUID(text)).first()
    except ValueError:
        return None


def channel_choices(team: Team) -> list[tuple[str, str]]:
    return [(str(channel.pk), _told(channel)) for channel in channels_of(team)]


def _told(channel: Channel) -> str:
    return channel.name if channel.enabled else f"{channel.name} (off)"
