"""The list of incidents."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.db.models import F

from accounts.models import Team
from incidents.models import Incident
from incidents.selectors import incidents_of

PAGE_SIZE = 50


def incident_list(team: Team, *, page: str = "1") -> Page[Incident]:
    """A page of the team's incidents: open ones, then the newest."""
    found = incidents_of(team).order_by(F("resolved_at").desc(nulls_first=True), "-started_at", "-id")
    return Paginator(found, PAGE_SIZE).get_page(page)
