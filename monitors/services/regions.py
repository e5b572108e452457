"""Where is checked from: regions come, go and rest, and fallbacks stand in for those that do not work."""

from __future__ import annotations

import json
from collections import defaultdict
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import Team
from monitors import rules, selectors
from monitors.models import DefaultFallback, Monitor, Region
from monitors.services.asking import request_checks_of
from probes.sentences import say


@transaction.atomic
def sync_regions(codes: list[str]) -> None:
    """Make the table of regions match the setting: new ones appear, missing ones are disabled, none is forgotten.

    What an operator has switched on or off by hand stays so.
    """
    for ordinal, code in enumerate(codes):
        Region.objects.update_or_create(
            code=code, defaults={"ordinal": ordinal}, create_defaults={"ordinal": ordinal, "name": _region_name(code)}
        )
    as_set = Region.objects.filter(by_hand=False)
    as_set.filter(code__in=codes, enabled=False).update(enabled=True)
    as_set.exclude(code__in=codes).update(enabled=False)
    rearrange()


@transaction.atomic
def add_region(code: str, *, name: str = "") -> Region:
    """A region of the operator's own, beside those of the setting."""
    if problem := rules.region_code_problem(code):
        raise ValidationError({"code": [problem]})
    if Region.objects.filter(pk=code).exists():
        raise ValidationError(
            {"code": [say("there is a region {code} already; enable it if it is disabled", code=repr(code))]}
        )
    last = Region.objects.aggregate(last=Max("ordinal"))["last"]
    region = Region.objects.create(
        code=code,
        name=name.strip()[:80] or _region_name(code),
        ordinal=0 if last is None else last + 1,
        by_hand=code not in settings.REGIONS,
    )
    audit.operated(region, "added")
    return region


def _region_name(code: str) -> str:
    return code.upper() if len(code) < 4 else code.title()


def enable_region(code: str) -> Region:
    """Give a region its checks (again)."""
    return _set_region(code, enabled=True, draining=False)


def disable_region(code: str) -> Region:
    """Take a region out: it owes nothing, and monitors are judged by their other regions alone."""
    return _set_region(code, enabled=False, draining=False)


@transaction.atomic
def drain_region(code: str) -> Region:
    """Send a region nothing new. What is out comes home, and nothing is owed for the time until it is enabled."""
    if not _region(code).enabled:
        raise ValidationError({"code": [say("region {code} is disabled: there is nothing to drain", code=repr(code))]})
    return _set_region(code, enabled=True, draining=True)


@transaction.atomic
def _set_region(code: str, *, enabled: bool, draining: bool) -> Region:
    """Whoever watches the life signs begins anew with the change."""
    region = _region(code)
    if (region.enabled, region.draining) == (enabled, draining):
        return region
    region.enabled, region.draining, region.offline_since = enabled, draining, None
    region.watched_since = timezone.now()
    if not enabled:
        region.missed_since = None
    region.by_hand = enabled != (code in settings.REGIONS)
    region.save()
    audit.operated(region, "drained" if draining else "enabled" if enabled else "disabled")
    rearrange()
    return region


def _region(code: str) -> Region:
    if not code and (problem := rules.region_code_problem(code)):
        raise ValidationError({"code": [problem]})
    region = Region.objects.select_for_update().filter(pk=code).first()
    if region is None:
        known = ", ".join(Region.objects.values_list("code", flat=True)) or say("none yet")
        raise ValidationError(
            {"code": [say("there is no region {code}; there are: {known}", code=repr(code), known=known)]}
        )
    return region


@transaction.atomic
def choose_default_fallback(team: Team, code: str | None) -> None:
    """Name the region that stands in for a team's monitors that name none of their own; None: no region does."""
    if code is None:
        DefaultFallback.objects.filter(team=team).delete()
    elif problem := rules.region_problem([code], selectors.region_codes()):
        raise ValidationError({"region": [problem]})
    else:
        DefaultFallback.objects.update_or_create(team=team, defaults={"region_id": code})
    audit.done(team, "default fallback chosen", region=code)
    rearrange(Monitor.objects.for_team(team))


@transaction.atomic
def rearrange(among: QuerySet[Monitor] | None = None) -> int:
    """Let fallbacks take over for regions that do not work, and give back what works again; says how many changed.

    Whoever has newly taken over, or got back, looks at once: there is no word of theirs yet.
    """
    monitors = Monitor.objects.all() if among is None else among
    concerned = monitors.filter(
        ~Q(fallback_regions=[]) | ~Q(stand_ins={}) | Q(team__in=DefaultFallback.objects.values("team"))
    ).order_by("pk")
    teams = selectors.default_fallbacks(set(concerned.order_by().values_list("team", flat=True).distinct()))
    working, enabled = selectors.working_regions(), set(selectors.region_codes())
    changed: dict[str, list[UUID]] = defaultdict(list)
    locked = concerned.select_for_update(of=("self",), no_key=True)
    for monitor in locked.only("team_id", "regions", "fallback_regions", "stand_ins"):
        fallbacks = monitor.fallback_regions or teams.get(monitor.team_id, [])
        wanted = rules.stand_ins([code for code in monitor.regions if code in enabled], fallbacks, working)
        if wanted != monitor.stand_ins:
            changed[json.dumps(wanted)].append(monitor.pk)
    for stand_ins, ids in changed.items():
        Monitor.objects.filter(pk__in=ids).update(stand_ins=json.loads(stand_ins))
    return request_checks_of([pk for ids in changed.values() for pk in ids]) if changed else 0


def regions_meant(chosen: list[str] | None) -> list[str]:
    """The regions asked for, or all; refuses what is not there."""
    enabled = selectors.region_codes()
    if chosen is None:
        return enabled
    if problem := rules.region_problem(chosen, enabled):
        raise ValidationError({"regions": [problem]})
    return rules.in_turn(chosen, enabled)
