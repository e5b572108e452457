"""The pages of planned work, and the word of it on the pages of monitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from accounts.models import Team
from maintenance.models import Window
from maintenance.selectors import windows_of
from monitors.models import Monitor

MOST_PAST = 50
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class WindowList:
    under_way: list[Window]
    to_come: list[Window]
    past: list[Window]


def window_list(team: Team, *, now: datetime) -> WindowList:
    """The team's windows: what goes on, what comes next, and the newest of those that are over for good."""
    found = windows_of(team)
    alive = list(found.filter(next_ends__gt=now).order_by("next_starts", "id"))
    return WindowList(
        under_way=[window for window in alive if window.is_under_way(now)],
        to_come=[window for window in alive if not window.is_under_way(now)],
        past=list(found.filter(Q(next_ends=None) | Q(next_ends__lte=now))[:MOST_PAST]),
    )


@dataclass(frozen=True, slots=True)
class Covered:
    """The monitors that a window is about: the first so many by name, and how many more."""

    named: list[Monitor]
    more: int


def covered_by(window: Window) -> Covered:
    found = window.covered().order_by("name", "id")
    named = list(found[:MOST_NAMED])
    return Covered(named, found.count() - len(named) if len(named) == MOST_NAMED else 0)


def work_on(monitor: Monitor, *, now: datetime) -> list[Window]:
    """What goes on with a monitor at present; costs nothing while nothing does."""
    if monitor.maintenance_until is None:
        return []
    about = Q(everything=True) | Q(tags__overlap=monitor.tags) | Q(monitors=monitor)
    return list(Window.objects.for_team(monitor.team).under_way(now).filter(about).distinct())
