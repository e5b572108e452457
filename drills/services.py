"""Drills from the wish to the last message.

Nothing on the road knows of them: the target is an address of ours that fails for a while, its monitor is a monitor,
its incident an incident. We only look at the rows that appear and note their times.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import SystemRandom
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Team, User
from common.clock import database_now
from drills import rules, selectors
from drills.exceptions import DrillRuns
from drills.models import MOMENTS, Drill
from drills.rules import Step
from monitors import secrets
from monitors import services as monitors
from monitors.models import Monitor
from probes.sentences import say

NAME = "Drill, no real outage"
TAG = "drill"
POLICY = {"flapping": 0}
"""Drills in a row must stay outages of their own; all else is as for any new monitor."""

SHORTEST_S, USUAL_S, LONGEST_S = 10, 60, 300
"""Intervals."""

KEPT = 200
"""Drills of a team that are remembered."""

_chance = SystemRandom()


def interval_bounds() -> tuple[int, int, int]:
    """The shortest, usual and longest interval of a drill, in seconds."""
    least = settings.MONITOR_MIN_INTERVAL_SECONDS
    return max(SHORTEST_S, least), max(USUAL_S, least), max(LONGEST_S, least)


def begin(*, team: Team, by: User | None, interval: int | None = None) -> Drill:
    """Have the team's target watched; ``turn`` breaks it as soon as it was found well.

    Raises ``DrillRuns``, and ``ValidationError`` where the regions may not dial our address.
    """
    low, usual, high = interval_bounds()
    interval = usual if interval is None else interval
    if not low <= interval <= high:
        raise ValidationError({"interval": [say("must be from {low} to {high} seconds", low=low, high=high)]})
    token = secrets.new_token()
    drill = Drill(team=team, asked_by=by, asked_at=database_now(), interval=interval, key=secrets.key_of(token))
    try:
        with transaction.atomic():
            drill.save(force_insert=True)
            drill.monitor = _watch(team, f"{settings.SITE_URL}/drill/{token}", interval)
            drill.save(update_fields=["monitor"])
            audit.done(drill, "begun")
            _forget_old(team)
    except IntegrityError as error:
        raise DrillRuns from error
    return drill


def _watch(team: Team, url: str, interval: int) -> Monitor:
    """The team's monitor for drills: the same one each time, so that lists do not fill up with them."""
    wanted = {"url": url, "interval": interval, "timeout": min(10, interval - 1), "policy": POLICY}
    wanted |= {"regions": monitors.regions_meant(None), "kind": "http"}
    last = Drill.objects.for_team(team).filter(monitor__isnull=False).select_related("monitor").first()
    try:
        if last is None or last.monitor is None:
            return monitors.create_monitor(team=team, name=NAME, tags=[TAG], **wanted)
        return monitors.resume(monitors.update_monitor(monitors.pause(last.monitor), spec={}, **wanted))
    except ValidationError as error:
        why = "; ".join(error.message_dict.get("url", []))
        if not why:
            raise
        raise ValidationError({"site_url": [_out_of_reach(why)]}) from error


def _out_of_reach(why: str) -> str:
    return say(
        "The regions may not dial {site_url}: {why}. {open_the_way}",
        site_url=settings.SITE_URL,
        why=why,
        open_the_way=rules.OPEN_THE_WAY,
    )


def _forget_old(team: Team) -> None:
    old = Drill.objects.for_team(team).order_by("-asked_at").values_list("pk", flat=True)[KEPT:]
    Drill.objects.filter(pk__in=list(old)).delete()


def turn() -> None:
    """Take every drill that is under way one step further."""
    for pk in Drill.objects.running().values_list("pk", flat=True):
        advance(pk)


@transaction.atomic
def advance(pk: UUID) -> None:
    """Note what was reached and do what comes next. Called twice, or by two, it is the same as once."""
    running = Drill.objects.running().filter(pk=pk).select_related("monitor")
    drill = running.select_for_update(skip_locked=True, of=("self",)).first()
    if drill is None:
        return
    now = database_now()
    drill.incident = selectors.incident_of(drill)
    # In this order: what is planned has its messages, so whoever reads of the plan first finds them as well.
    seen = selectors.seen(drill, drill.incident)
    times = selectors.times_of(drill, drill.incident)
    for name in MOMENTS:
        setattr(drill, name, getattr(times, name))
    step, problem = rules.next_step(times, seen, interval=drill.every, now=now)
    match step:
        case Step.BREAK:
            drill.fault_at = _some_moment(drill, now)
        case Step.MEND:
            drill.mended_at = _some_moment(drill, now)
        case Step.END:
            _end(drill, problem, now=now)
    drill.save()


def _some_moment(drill: Drill, now: datetime) -> datetime:
    """A moment of the coming interval, each as likely as any other: an outage knows no timetable."""
    return now + timedelta(seconds=_chance.uniform(1, 1 + drill.interval))


def _end(drill: Drill, problem: str, *, now: datetime) -> None:
    """The target is well again in any case. Pausing its monitor ends what is open, and who was told hears of it."""
    drill.ended_at, drill.problem = now, problem[:500]
    if drill.fault_at is not None and (drill.mended_at is None or drill.mended_at > now):
        drill.mended_at = now
    if drill.monitor is not None:
        monitors.pause(drill.monitor)
