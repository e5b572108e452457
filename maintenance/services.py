"""Making windows, and telling monitors when one begins and ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Team, User
from incidents import selectors as incident_selectors
from incidents import services as incidents
from maintenance import occurrences, selectors
from maintenance.models import Window
from maintenance.occurrences import BadPlan, Occurrence
from maintenance.selectors import Turn
from monitors import rules as monitor_rules
from monitors.models import Monitor
from monitors.selectors import region_codes
from monitors.services import watch_anew
from probes.sentences import say

TURNED_AT_ONCE = 1_000
MOST_MONITORS = 1_000
"""Named one by one; more are better caught by a tag."""

PLAIN_FIELDS = ("title", "note", "everything", "tags", "minutes", "zone", "rule", "pauses_checks", "counts_as_uptime")


def defaults() -> dict[str, Any]:
    return {
        "note": "",
        "everything": False,
        "tags": [],
        "monitors": [],
        "zone": "UTC",
        "rule": "",
        "pauses_checks": False,
        "counts_as_uptime": False,
    }


@transaction.atomic
def plan_window(*, team: Team, by: User | None, **fields: Any) -> Window:
    """Make a window. ``fields``: those of the API; ``starts`` is a naive time on the clocks of ``zone``."""
    window = Window(team=team, created_by=by)
    _apply(window, defaults() | fields)
    audit.created(window)
    return window


@transaction.atomic
def change_window(window: Window, **fields: Any) -> Window:
    """Change some fields; what is not named stays. What is going on is changed at once."""
    window = Window.objects.select_for_update().get(pk=window.pk)
    before = audit.picture(window)
    _apply(window, fields)
    audit.changed(window, before)
    return window


def start_now(*, team: Team, by: User | None, minutes: int, **fields: Any) -> Window:
    """Begin maintenance this moment, for a deploy, say; ``stop`` ends it early."""
    starts = timezone.now().astimezone(UTC).replace(tzinfo=None, microsecond=0)
    return plan_window(team=team, by=by, starts=starts, minutes=minutes, zone="UTC", **fields)


@transaction.atomic
def start_early(window: Window) -> Window:
    """Begin what is to come next this moment; it ends as planned. What is under way already stays as it is."""
    now = timezone.now()
    window = Window.objects.select_for_update().get(pk=window.pk)
    if window.next_starts is None:
        raise ValidationError({"starts": [say("this plan is over; there is nothing left to start")]})
    if window.next_starts > now:
        window.next_starts = now
        window.save(update_fields=["next_starts"])
        turn(now=now)
    return window


@transaction.atomic
def stop(window: Window) -> Window:
    """End what is going on now; a plan that repeats goes on with its next time."""
    now = timezone.now()
    window = Window.objects.select_for_update().get(pk=window.pk)
    if window.is_under_way(now) and window.next_ends is not None:
        _look_up_next(window, after=window.next_ends)
        window.save(update_fields=["next_starts", "next_ends"])
        turn(now=now)
        audit.done(window, "stopped")
    return window


@transaction.atomic
def delete_window(window: Window) -> None:
    """Forget a window; when it is under way, it ends."""
    audit.deleted(window)
    window.delete()
    turn(now=timezone.now())


def preview(window: Window, *, now: datetime, limit: int = 10) -> list[Occurrence]:
    return occurrences.occurrences(window.plan, after=now, limit=limit)


def preview_of(*, team: Team, now: datetime, limit: int = 10, **fields: Any) -> list[Occurrence]:
    """The next occurrences of a plan that is not stored."""
    window = Window(team=team)
    _set(window, defaults() | fields)
    return preview(window, now=now, limit=limit)


def _apply(window: Window, fields: dict[str, Any]) -> None:
    """Put new values on a window and store it, or refuse all that is wrong with them at once, field by field."""
    now = timezone.now()
    _set(window, fields)
    chosen = _chosen(window.team, fields["monitors"]) if "monitors" in fields else None
    names_none = not (chosen if chosen is not None else window.pk and window.monitors.exists())
    if not window.everything and not window.tags and names_none:
        raise ValidationError({"monitors": [say("name some monitors or tags, or choose everything")]})
    _look_up_next(window, after=now)
    if window.next_starts is None:
        raise ValidationError({"starts": [say("this time is over, and it does not come round again")]})
    window.save()
    if chosen is not None:
        window.monitors.set(chosen)
    turn(now=now)


def _set(window: Window, fields: dict[str, Any]) -> None:
    problems: dict[str, str] = {}
    for name in PLAIN_FIELDS:
        if name in fields:
            setattr(window, name, fields[name])
    if "starts" in fields:
        window.day, window.time = fields["starts"].date(), fields["starts"].time()
    window.tags = sorted({tag.strip() for tag in window.tags})
    if problem := monitor_rules.tag_problem(window.tags):
        problems["tags"] = problem
    try:
        occurrences.check(window.plan)
    except BadPlan as error:
        problems[error.field] = str(error)
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})


def _chosen(team: Team, wanted: Iterable[UUID]) -> list[Monitor]:
    """The team's own monitors; somebody else's are as unknown as ones that never were."""
    ids = set(wanted)
    if len(ids) > MOST_MONITORS:
        raise ValidationError({"monitors": [say("name at most {most}, or use a tag", most=MOST_MONITORS)]})
    found = list(Monitor.objects.for_team(team).filter(pk__in=ids))
    if unknown := ids - {monitor.pk for monitor in found}:
        raise ValidationError({"monitors": [say("there is no monitor {id}", id=min(map(str, unknown)))]})
    return found


def _look_up_next(window: Window, *, after: datetime) -> None:
    coming = occurrences.occurrences(window.plan, after=after, limit=1)
    if coming and window.next_starts and coming[0].ends == window.next_ends:
        window.next_starts = min(window.next_starts, coming[0].starts)  # it may have been started early
        return
    window.next_starts = coming[0].starts if coming else None
    window.next_ends = coming[0].ends if coming else None


# --- the turn ---


@transaction.atomic
def advance(*, now: datetime) -> int:
    """Look up the next occurrence of windows that have ended one; says how many."""
    over = list(Window.objects.over(now).select_for_update(skip_locked=True)[:TURNED_AT_ONCE])
    for window in over:
        _look_up_next(window, after=now)
    Window.objects.bulk_update(over, ["next_starts", "next_ends"])
    return len(over)


def turn(*, now: datetime) -> int:
    """Let monitors enter and leave maintenance as the windows say; says how many did.

    Whoever leaves is judged at once by what its regions have said meanwhile: one that fails still is down from now on,
    and that is told once. Whoever was not checked meanwhile is watched as on the first day.
    """
    done = 0
    while changes := selectors.turns(now=now, limit=TURNED_AT_ONCE):
        moved = _turn(changes, now=now)
        done += moved
        if len(changes) < TURNED_AT_ONCE or not moved:
            break
    return done


@transaction.atomic
def _turn(changes: list[Turn], *, now: datetime) -> int:
    wanted = {change.monitor: change for change in changes}
    locked = Monitor.objects.filter(pk__in=wanted).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    monitors = list(locked)
    unheard = [each.pk for each in monitors if each.maintenance_pauses and wanted[each.pk].until is None]
    by_change: dict[tuple[datetime | None, bool, bool], list[Monitor]] = defaultdict(list)
    for monitor in monitors:
        change = wanted[monitor.pk]
        monitor.maintenance_until = change.until
        monitor.maintenance_pauses, monitor.maintenance_counts = change.pauses, change.counts
        by_change[change.until, change.pauses, change.counts].append(monitor)
    for (until, pauses, counts), some in by_change.items():
        Monitor.objects.filter(pk__in=[monitor.pk for monitor in some]).update(
            maintenance_until=until, maintenance_pauses=pauses, maintenance_counts=counts
        )
    if unheard:
        watch_anew(unheard)
    watched = [monitor for monitor in monitors if not monitor.paused and monitor.pk not in unheard]
    incidents.judge(watched, incident_selectors.states_of(watched), regions=set(region_codes()), now=now)
    return len(monitors)
