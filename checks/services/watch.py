"""Noticing when a region falls silent, and when it is heard of again."""

from __future__ import annotations

import logging
from datetime import datetime
from time import monotonic
from uuid import UUID

from django.db import transaction

from common.portions import portions
from incidents import selectors as incident_selectors
from incidents import services as incidents
from incidents.handling.events import note_region
from incidents.models import IncidentEvent
from monitors import rules
from monitors.models import Monitor, Region, RegionEvent
from monitors.selectors import region_codes
from probes.sentences import say

BREAK_S = 10
"""Ticks further apart than this are a break in which we could not have heard a region."""

JUDGED_AT_ONCE = 200
JUDGING_S = 5
"""So long the scheduler spends on telling monitors. Those left over hear of it by their next result, or by silence."""

OUTBOX = {
    RegionEvent.Kind.OFFLINE: IncidentEvent.Kind.REGION_OFFLINE,
    RegionEvent.Kind.ONLINE: IncidentEvent.Kind.REGION_ONLINE,
}

logger = logging.getLogger(__name__)


@transaction.atomic
def look(region: Region, *, last_sign: datetime | None, ticked_s: int, now: datetime) -> bool:
    """Note whether a region is heard of; each turn is one event, and true. ``ticked_s``: since we last looked."""
    if region.draining:
        return False
    if ticked_s > BREAK_S:
        region.watched_since = now
        region.save(update_fields=["watched_since"])
    was_offline = region.offline_since is not None
    offline = rules.is_offline(
        was_offline=was_offline, last_sign=last_sign, watched_since=region.watched_since, now=now
    )
    if offline and not was_offline:
        silent_since = max(filter(None, (last_sign, region.watched_since)))
        _note(region, RegionEvent.Kind.OFFLINE, note=_last_heard(last_sign), since=silent_since, now=now)
    elif region.offline_since is not None and not offline:
        away_s = int((now - region.offline_since).total_seconds())
        _note(region, RegionEvent.Kind.ONLINE, note=say("after {count} s", count=away_s), since=None, now=now)
    return offline != was_offline


def _last_heard(last_sign: datetime | None) -> str:
    return (
        say("no worker heard of since {last_sign} UTC", last_sign=f"{last_sign:%Y-%m-%d %H:%M:%S}")
        if last_sign
        else say("no worker was ever heard of")
    )


def _note(region: Region, kind: RegionEvent.Kind, *, note: str, since: datetime | None, now: datetime) -> None:
    logger.warning("Region %s is %s: %s", region.code, kind, note)
    region.offline_since = since
    region.save(update_fields=["offline_since"])
    RegionEvent.objects.create(region=region.code, kind=kind, happened_at=now, note=note)
    note_region(OUTBOX[kind], region.code, now=now, text=note)
    if kind == RegionEvent.Kind.OFFLINE:
        transaction.on_commit(lambda: judge_again(region.code, now=now), robust=True)


def judge_again(region: str, *, now: datetime) -> None:
    """Let the monitors of a region that nobody stands in for say what its going means to them, those with long
    intervals first: they would hear of it last."""
    enough = monotonic() + JUDGING_S
    left_alone = Monitor.objects.active().in_region(region).exclude(stand_ins__has_key=region)
    ids = list(left_alone.order_by("-interval").values_list("pk", flat=True))
    for some in portions(ids, JUDGED_AT_ONCE):
        if monotonic() > enough:
            return
        _judge(some, now=now)


@transaction.atomic
def _judge(ids: list[UUID], *, now: datetime) -> None:
    monitors = list(Monitor.objects.active().filter(pk__in=ids).order_by("pk").select_for_update(no_key=True))
    incidents.judge(monitors, incident_selectors.states_of(monitors), regions=set(region_codes()), now=now)
