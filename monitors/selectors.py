"""Reading monitors and regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from uuid import UUID

from django.db.models import Count, Q

from accounts.models import Team
from monitors.models import DefaultFallback, Monitor, MonitorQuerySet, Region, RegionEvent


def enabled_regions() -> list[Region]:
    return list(Region.objects.enabled())


def region_codes() -> list[str]:
    return list(Region.objects.enabled().values_list("code", flat=True))


def working_regions() -> set[str]:
    """Codes of the regions that may be sent checks: enabled, not draining, heard of lately."""
    return set(Region.objects.working().values_list("code", flat=True))


def offline_regions() -> set[str]:
    """Codes of the enabled regions that nobody hears of."""
    return set(Region.objects.enabled().filter(offline_since__isnull=False).values_list("code", flat=True))


def default_fallbacks(teams: Collection[UUID]) -> dict[UUID, list[str]]:
    """The default fallback of each of these teams that has one."""
    found = DefaultFallback.objects.filter(team__in=teams, region__enabled=True).values_list("team", "region")
    return {team: [region] for team, region in found}


def last_events() -> dict[str, RegionEvent]:
    """The newest event of each region that has one."""
    newest = RegionEvent.objects.order_by("region", "-happened_at", "-id").distinct("region")
    return {event.region: event for event in newest}


def find_monitors(
    team: Team,
    *,
    search: str = "",
    statuses: Collection[str] = (),
    kind: str = "",
    regions: Collection[str] = (),
    tags: Collection[str] = (),
) -> MonitorQuerySet:
    """A team's monitors: by words in name or address, by one of the statuses, by one of the regions, by all tags."""
    fits = fitting(search=search, statuses=statuses, kind=kind, regions=regions, tags=tags)
    return Monitor.objects.for_team(team).filter(fits)


def fitting(
    *,
    search: str = "",
    statuses: Collection[str] = (),
    kind: str = "",
    regions: Collection[str] = (),
    tags: Collection[str] = (),
) -> Q:
    """The same as a condition, for what is counted among others."""
    fits = Q()
    if search:
        fits &= Q(name__icontains=search) | Q(spec__url__icontains=search)
    if statuses:
        fits &= Q(status__in=statuses)
    if kind:
        fits &= Q(kind=kind)
    if regions:
        fits &= Q(regions__overlap=list(regions))
    if tags:
        fits &= Q(tags__contains=list(tags))
    return fits


def tags_of(team: Team) -> list[str]:
    """The tags that a team uses, by name."""
    return commonest(Monitor.objects.for_team(team).order_by().values_list("tags").annotate(Count("pk")))


def commonest(counted: Iterable[tuple[Sequence[str], int]], *, most: int = 200) -> list[str]:
    """The tags that stand most often, by name. Many monitors have the same, so these are counted together."""
    uses: Counter[str] = Counter()
    for tags, monitors in counted:
        for tag in tags:
            uses[tag] += monitors
    return sorted(nsmallest(most, uses, key=lambda tag: (-uses[tag], tag)), key=str.lower)
