"""Reading what was imported, and what we said of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Team
from imports.models import ImportedObject
from imports.rules import Span
from incidents.models import StatusChange
from monitors.models import Monitor
from monitors.rules import Status

UP = {Status.UP: True, Status.DEGRADED: True, Status.PARTIAL: True, Status.DOWN: False}
"""What a status says to a tool that knows only up and down; partly down is not (yet) down."""


def known(team: Team, source: str, origin: str) -> dict[str, Monitor]:
    """The monitors that were made from a tool's things, by the ids they have there."""
    found = ImportedObject.objects.of(team, source, origin).select_related("monitor")
    return {one.foreign_id: one.monitor for one in found}


def imported(team: Team) -> list[Monitor]:
    """All that came from other tools, by name."""
    mine = Monitor.objects.for_team(team).filter(imported_from__isnull=False)
    return list(mine.distinct().order_by("name", "id"))


def in_shadow(team: Team) -> list[UUID]:
    mine = Monitor.objects.for_team(team).filter(imported_from__isnull=False, shadow=True)
    return list(mine.distinct().order_by().values_list("pk", flat=True))


def verdicts(monitors: Collection[Monitor], *, now: datetime) -> dict[UUID, list[Span]]:
    """Our verdicts as they changed, in the order of time."""
    changes: dict[UUID, list[StatusChange]] = defaultdict(list)
    stored = StatusChange.objects.filter(monitor__in=[monitor.pk for monitor in monitors])
    for change in stored.only("monitor_id", "happened_at", "before", "after", "votes").order_by("happened_at", "id"):
        changes[change.monitor_id].append(change)
    return {monitor.pk: _spans(monitor, changes[monitor.pk], now=now) for monitor in monitors}


def _spans(monitor: Monitor, changes: Sequence[StatusChange], *, now: datetime) -> list[Span]:
    """A verdict holds until the next. Where the next one began from something else (a pause), nobody knows how long."""
    spans = []
    for at, change in enumerate(changes):
        following = changes[at + 1] if at + 1 < len(changes) else None
        ends, then = (following.happened_at, following.before) if following else (now, monitor.status)
        if then != change.after and following is None:
            ends, then = max(monitor.status_since, change.happened_at), change.after
        up = UP.get(Status(change.after)) if then == change.after else None
        spans.append(Span(change.happened_at, ends, up, f"{change.after}{_why(change.votes)}"))
    return spans


def _why(votes: Sequence[dict[str, Any]]) -> str:
    said = [
        f"{vote['region']}: {vote.get('message') or vote.get('reason')}"
        for vote in votes
        if vote.get("outcome") == "down" and not vote.get("excluded")
    ]
    return f" ({'; '.join(said)})"[:300] if said else ""
