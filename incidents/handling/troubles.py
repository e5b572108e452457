"""Regions in trouble of their own: noticed, not believed meanwhile, and believed again."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from incidents import selectors
from incidents.handling.events import Kind, note_region
from incidents.models import RegionTrouble
from incidents.rules import regions as rules
from probes.sentences import say

logger = logging.getLogger(__name__)


@transaction.atomic
def suspect(region: str, *, now: datetime) -> bool:
    """Look whether a region fails for many unrelated monitors, and note it; true while it does.

    Costs one look at a small index as long as few monitors have begun to fail lately.
    """
    failing = selectors.newly_failing(region, since=now - rules.WINDOW)
    if len(failing) < rules.LEAST_FAILING:
        return False
    sites = len({rules.site_of(spec) for _, spec in failing})
    sudden = min((since for since, _ in failing if since > now - rules.SUDDEN), default=now)
    spans = {began: selectors.glance_at(region, since=began) for began in (sudden, now - rules.WINDOW)}
    for began, glance in spans.items():
        if rules.is_suspect([glance], sites=sites):
            began_at = min(since for since, _ in failing if since >= began)
            _note(region, glance, sites=sites, began_at=began_at, now=now)
            return True
    return False


def _note(region: str, glance: rules.Glance, *, sites: int, began_at: datetime, now: datetime) -> None:
    figures = {"failing": glance.failing, "looked": glance.looked, "sites": sites}
    _, is_new = RegionTrouble.objects.get_or_create(
        region=region, well_at=None, defaults={"began_at": began_at, "noticed_at": now, **figures}
    )
    if is_new:
        logger.warning("Region %s is suspect: %s", region, figures)
        text = say(
            "{failing} of {looked} monitors began to fail there at once, on {sites} unrelated sites",
            failing=glance.failing,
            looked=glance.looked,
            sites=sites,
        )
        note_region(Kind.REGION_SUSPECT, region, now=now, text=text, began_at=began_at, **figures)


def believe_again(*, now: datetime) -> dict[str, list[UUID]]:
    """End the troubles that are over; gives the monitors whose failures count from now on, by region."""
    return {
        trouble.region: selectors.failing_since(trouble.region, since=trouble.began_at)
        for trouble in RegionTrouble.objects.filter(well_at__isnull=True)
        if _end(trouble, now=now)
    }


@transaction.atomic
def _end(trouble: RegionTrouble, *, now: datetime) -> bool:
    glance = selectors.glance_at(trouble.region, since=max(trouble.began_at, now - rules.WINDOW))
    if not rules.is_well(glance):
        return False
    ended = RegionTrouble.objects.filter(pk=trouble.pk, well_at__isnull=True).update(well_at=now)
    if ended:
        lasted_s = round((now - trouble.noticed_at).total_seconds(), 3)
        logger.warning("Region %s is believed again after %s s", trouble.region, lasted_s)
        text = say("{failing} of {looked} monitors fail there", failing=glance.failing, looked=glance.looked)
        note_region(Kind.REGION_WELL, trouble.region, now=now, text=text, lasted_s=lasted_s)
    return bool(ended)
