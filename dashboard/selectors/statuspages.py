"""What the pages about status pages read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Team
from maintenance.selectors import windows_of
from monitors.models import Monitor
from statuspages.models import Component, Post, Section, StatusPage
from statuspages.rules import Source
from statuspages.selectors.pages import components_of, linkable_incidents, pages_of, posts_of

MOST_POSTS = 50


@dataclass(frozen=True)
class Line:
    """A component in the editor, and why visitors do not see it, where they do not."""

    component: Component
    hidden: bool

    @property
    def stands_for(self) -> str:
        component = self.component
        if component.source == Source.MONITOR:
            return str(component.monitor)
        if component.source == Source.TAG:
            return component.tag
        return ", ".join(monitor.name for monitor in component.group.all())


@dataclass(frozen=True)
class Block:
    """A section and its lines; the first has none."""

    section: Section | None
    lines: list[Line]


def page_list(team: Team) -> list[StatusPage]:
    return list(pages_of(team).annotate(size=Count("components")))


def blocks_of(page: StatusPage) -> list[Block]:
    lines: dict[UUID | None, list[Line]] = defaultdict(list)
    tags = set(_active_tags(page))
    for component in components_of(page.team).filter(page=page):
        lines[component.section_id].append(Line(component, not _speaks(component, tags)))
    named = [Block(section, lines[section.pk]) for section in page.sections.all()]
    return [Block(None, lines[None]), *named]


def _active_tags(page: StatusPage) -> list[str]:
    """Those of the page's tags that some monitor has which is not paused."""
    wanted = list(page.components.filter(source=Source.TAG).values_list("tag", flat=True))
    found = Monitor.objects.for_team(page.team).active().filter(tags__overlap=wanted).values_list("tags", flat=True)
    return [tag for tags in found for tag in tags] if wanted else []


def _speaks(component: Component, tags: set[str]) -> bool:
    if component.source == Source.MONITOR:
        return component.monitor is not None and not component.monitor.paused
    if component.source == Source.TAG:
        return component.tag in tags
    return any(not monitor.paused for monitor in component.group.all())


def posts_on(page: StatusPage) -> list[Post]:
    return list(posts_of(page.team).filter(page=page)[:MOST_POSTS])


def incident_choices(team: Team) -> list[tuple[str, str]]:
    return [
        (str(incident.pk), f"{incident.monitor.name}, {_moment(incident.started_at)}")
        for incident in linkable_incidents(team)
    ]


def window_choices(team: Team) -> list[tuple[str, str]]:
    coming = windows_of(team).filter(next_starts__isnull=False).order_by("next_starts")[:MOST_POSTS]
    return [
        (str(window.pk), f"{window.title}, {_moment(window.next_starts)}") for window in coming if window.next_starts
    ]


def _moment(at: datetime) -> str:
    form = _("j M Y, H:i")
    return f"{date_format(at, form)} UTC"
