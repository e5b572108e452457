"""Reading status pages: what each shows, in a fixed number of queries however many monitors there are behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import Team
from incidents.models import Correction, Incident
from monitors.models import Monitor
from monitors.rules import Status
from probes.sentences import say
from statuspages import kept, markdown, rules
from statuspages import models as rows
from statuspages.models import StatusPage
from statuspages.rules import Counts, PostKind, PostState, Visibility
from statuspages.shown import Chart, Component, Day, Month, Outage, Page, Post, Section, Update

FRESH_S = 15
DOMAINS_FRESH_S = 30
LOGO_FRESH_S = 3_600
RECENT = timedelta(days=14)
IN_FEEDS = timedelta(days=90)
CHART = timedelta(days=7)
MOST_POSTS = 200
MOST_OUTAGES = 200
MOST_MONTHS = 12


# --- for the team ---


def pages_of(team: Team) -> QuerySet[StatusPage]:
    return StatusPage.objects.for_team(team).defer("logo")


def sections_of(team: Team) -> QuerySet[rows.Section]:
    return rows.Section.objects.filter(page__team=team).select_related("page")


def components_of(team: Team) -> QuerySet[rows.Component]:
    found = rows.Component.objects.filter(page__team=team)
    return found.select_related("page", "section", "monitor").prefetch_related("group")


def posts_of(team: Team) -> QuerySet[rows.Post]:
    found = rows.Post.objects.filter(page__team=team).select_related("page", "incident__monitor", "window")
    return found.prefetch_related("components", "updates")


# --- for the world ---


def published(slug: str) -> kept.Answer[Page | None]:
    """The page as it is, or was when the database last answered; None when there is none to be seen."""
    return kept.keep(f"page:{slug}", lambda: _published(slug), fresh_s=FRESH_S)


def _published(slug: str) -> Page | None:
    page = StatusPage.objects.published().defer("logo").filter(slug=slug).first()
    return show(page, now=timezone.now()) if page else None


def month(page: Page, first: date) -> kept.Answer[Month]:
    """What happened on a published page in a month."""
    return kept.keep(f"month:{page.id}:{first:%Y-%m}", lambda: show_month(page, first), fresh_s=FRESH_S)


def lately(page: Page) -> kept.Answer[tuple[Post | Outage, ...]]:
    """What feeds tell of a published page: posts and outages of the last months, newest first."""
    return kept.keep(f"lately:{page.id}", lambda: _lately(page, now=timezone.now()), fresh_s=FRESH_S)


def _lately(page: Page, *, now: datetime) -> tuple[Post | Outage, ...]:
    stored = StatusPage.objects.defer("logo").get(pk=page.id)
    posts = _posts(stored, Q(starts_at__gte=now - IN_FEEDS), now=now)
    names = {component.id: component.name for component in page.components}
    outages = _outages(stored, _members(stored), names, since=now - IN_FEEDS) if stored.lists_outages else []
    return _newest_first(posts, outages)


def logo(page: Page) -> bytes | None:
    """Its PNG, as it is now."""
    name = f"logo:{page.id}:{page.logo_mark}"
    return kept.keep(name, lambda: _logo(page), fresh_s=LOGO_FRESH_S).value


def _logo(page: Page) -> bytes | None:
    found = StatusPage.objects.filter(pk=page.id, logo_mark=page.logo_mark).values_list("logo", flat=True).first()
    return bytes(found) if found else None


def domains() -> dict[str, str]:
    """The slug of each published page that has a domain of its own."""
    return kept.keep("domains", _domains, fresh_s=DOMAINS_FRESH_S).value


def _domains() -> dict[str, str]:
    found = StatusPage.objects.published().filter(domain__isnull=False)
    return {str(domain): slug for domain, slug in found.values_list("domain", "slug")}


def password_mark(page: StatusPage) -> str:
    """What a visitor's pass is bound to: another password, another mark."""
    if page.visibility != Visibility.PASSWORD:
        return ""
    return salted_hmac("statuspages.password", f"{page.pk}:{page.password}", algorithm="sha256").hexdigest()[:32]


# --- a page, put together ---


def show(page: StatusPage, *, now: datetime) -> Page:
    """What the page shows at this moment, published or not."""
    members = _members(page)
    stored = list(page.components.all())
    components = _components(stored, members, now=now)
    posts = _posts(page, Q(starts_at__gte=now - RECENT) | ~Q(state__in=rules.ENDS), now=now)
    names = {component.id: component.name for component in components}
    unwritten = _outages(page, members, names, since=now - RECENT) if page.lists_outages else []
    incidents = tuple(post for post in posts if post.kind is PostKind.INCIDENT and not post.is_over)
    planned = (post for post in posts if post.kind is PostKind.MAINTENANCE and not post.is_over)
    past = [post for post in posts if post.is_over], [outage for outage in unwritten if outage.is_over]
    return Page(
        id=page.pk,
        slug=page.slug,
        title=page.title,
        description=page.description,
        logo_mark=page.logo_mark,
        colours=dict(page.colours),
        languages=tuple(page.languages),
        visibility=Visibility(page.visibility),
        token_key=page.token_key if page.visibility == Visibility.UNLISTED else "",
        password_mark=password_mark(page),
        embeddable=page.embeddable,
        lists_outages=page.lists_outages,
        takes_subscribers=page.takes_subscribers,
        since=page.created_at,
        overall=rules.overall([component.state for component in components], open_incident=bool(incidents)),
        sections=_in_sections(page, stored, components),
        incidents=incidents,
        planned=tuple(sorted(planned, key=lambda post: post.starts_at)),
        past=_newest_first(*past),
        under_way=tuple(outage for outage in unwritten if not outage.is_over),
    )


def show_month(page: Page, first: date) -> Month:
    """Everything that began in a month, newest first."""
    begins = datetime(first.year, first.month, 1, tzinfo=UTC)
    ends = (begins + timedelta(days=31)).replace(day=1)
    stored = StatusPage.objects.defer("logo").get(pk=page.id)
    posts = _posts(stored, Q(starts_at__gte=begins, starts_at__lt=ends), now=timezone.now())
    outages: list[Outage] = []
    if stored.lists_outages:
        names = {component.id: component.name for component in page.components}
        outages = _outages(stored, _members(stored), names, since=begins, until=ends)
    return Month(
        first, _newest_first([post for post in posts if post.kind is PostKind.INCIDENT or post.is_over], outages)
    )


def last_months(page: Page, *, now: datetime) -> list[Month]:
    """The history of a page as far back as it goes, a year at most; newest first."""
    first, since = now.astimezone(UTC).date().replace(day=1), page.since.astimezone(UTC).date().replace(day=1)
    found: list[Month] = []
    while first >= since and len(found) < MOST_MONTHS:
        found.append(show_month(page, first))
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def _newest_first(*lists: Sequence[Post | Outage]) -> tuple[Post | Outage, ...]:
    return tuple(sorted(chain(*lists), key=lambda entry: entry.starts_at, reverse=True))


class Member(NamedTuple):
    """A monitor behind a component. It is of the page's own team, and not paused."""

    component: UUID
    monitor: UUID
    status: Status


MEMBERS = """
WITH shown AS (
    SELECT component.id, source, monitor_id, tag, page.team_id
    FROM statuspages_component AS component JOIN statuspages_statuspage AS page ON page.id = component.page_id
    WHERE page.id = %(page)s
)
SELECT shown.id, monitor.id, monitor.status
FROM shown JOIN monitors_monitor AS monitor ON monitor.id = shown.monitor_id AND monitor.team_id = shown.team_id
WHERE shown.source = 'monitor' AND NOT monitor.paused AND NOT monitor.shadow
UNION ALL
SELECT shown.id, monitor.id, monitor.status
FROM shown JOIN monitors_monitor AS monitor ON monitor.tags @> ARRAY[shown.tag] AND monitor.team_id = shown.team_id
WHERE shown.source = 'tag' AND NOT monitor.paused AND NOT monitor.shadow
UNION ALL
SELECT shown.id, monitor.id, monitor.status
FROM shown JOIN statuspages_component_group AS chosen ON chosen.component_id = shown.id
JOIN monitors_monitor AS monitor ON monitor.id = chosen.monitor_id AND monitor.team_id = shown.team_id
WHERE shown.source = 'group' AND NOT monitor.paused AND NOT monitor.shadow
"""


def _members(page: StatusPage) -> list[Member]:
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {"page": page.pk})
        return [Member(component, monitor, Status(status)) for component, monitor, status in cursor.fetchall()]


def _components(stored: Sequence[rows.Component], members: Sequence[Member], *, now: datetime) -> list[Component]:
    """The page's components that have a monitor to speak for them, in order."""
    statuses: dict[UUID, list[Status]] = defaultdict(list)
    for member in members:
        statuses[member.component].append(member.status)
    spoken_for = [component for component in stored if component.pk in statuses]
    charted = {component.pk for component in spoken_for if component.shows_chart}
    days = _days(members, now=now)
    charts = _charts([member for member in members if member.component in charted], now=now)
    return [
        Component(
            id=component.pk,
            name=component.name,
            description=component.description,
            state=rules.component_state(statuses[component.pk]),
            days=days[component.pk],
            chart=charts.get(component.pk),
        )
        for component in spoken_for
    ]


def _in_sections(
    page: StatusPage, stored: Sequence[rows.Component], components: Sequence[Component]
) -> tuple[Section, ...]:
    """Those without a section first; a section without components is left out."""
    of: dict[UUID | None, list[Component]] = defaultdict(list)
    sections = {component.pk: component.section_id for component in stored}
    for component in components:
        of[sections[component.id]].append(component)
    loose = Section(None, "", tuple(of[None]))
    named = [Section(section.pk, section.name, tuple(of[section.pk])) for section in page.sections.all()]
    return tuple(section for section in (loose, *named) if section.components)


DAYS = """
WITH edge AS (
    SELECT coalesce((SELECT date_trunc('day', folded, 'UTC') FROM checks_rollupmark), '-infinity') AS at
), pair AS (
    SELECT * FROM unnest(%(components)s::uuid[], %(monitors)s::uuid[]) AS pair (component, monitor)
), day AS (
    SELECT monitor_id, bucket, up, degraded, down, unknown, maintenance
    FROM checks_rollupday
    WHERE monitor_id = ANY (%(monitors)s::uuid[]) AND bucket >= %(since)s AND bucket < (SELECT at FROM edge)
    UNION ALL
    SELECT monitor_id, bucket, up, degraded, down, unknown, maintenance
    FROM checks_hours
    WHERE monitor_id = ANY (%(monitors)s::uuid[]) AND bucket >= greatest(%(since)s, (SELECT at FROM edge))
)
SELECT pair.component, (day.bucket AT TIME ZONE 'UTC')::date,
    sum(day.up)::bigint, sum(day.degraded)::bigint, sum(day.down)::bigint,
    sum(day.unknown)::bigint, sum(day.maintenance)::bigint
FROM pair JOIN day ON day.monitor_id = pair.monitor
GROUP BY 1, 2
"""
"""Days that are over from their own sums, what is not folded yet from the hours: the view ``checks_days`` would add
up all hours that a monitor has to find the last few."""


def _days(members: Sequence[Member], *, now: datetime) -> dict[UUID, tuple[Day, ...]]:
    """The days of each component, oldest first; one of which nothing was ever written is empty."""
    today = now.astimezone(UTC).date()
    days = [today - timedelta(days=age) for age in reversed(range(rules.DAYS))]
    found: dict[tuple[UUID, date], Counts] = {}
    for component, day, *counts in _ask(DAYS, members, since=datetime(*days[0].timetuple()[:3], tzinfo=UTC)):
        found[component, day] = Counts(*counts)
    return {
        component: tuple(Day(day, found.get((component, day), Counts())) for day in days)
        for component in {member.component for member in members}
    }


HOURS = """
WITH pair AS (
    SELECT * FROM unnest(%(components)s::uuid[], %(monitors)s::uuid[]) AS pair (component, monitor)
)
SELECT pair.component, hour.bucket, sum(hour.timed)::bigint, sum(hour.sum_ms), min(hour.min_ms), max(hour.max_ms)
FROM pair JOIN checks_hours AS hour ON hour.monitor_id = pair.monitor
WHERE hour.monitor_id = ANY (%(monitors)s::uuid[]) AND hour.bucket >= %(since)s AND hour.timed > 0
GROUP BY 1, 2 ORDER BY 2
"""


def _charts(members: Sequence[Member], *, now: datetime) -> dict[UUID, Chart]:
    """The response times of the last week by the hour, of those components that are to show them."""
    if not members:
        return {}
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=age) for age in reversed(range(CHART // timedelta(hours=1)))]
    found: dict[UUID, dict[datetime, tuple[int, float, float, float]]] = defaultdict(dict)
    for component, hour, *figures in _ask(HOURS, members, since=hours[0]):
        found[component][hour] = tuple(figures)
    return {component: _chart(hours, found[component]) for component in {member.component for member in members}}


def _chart(hours: Sequence[datetime], found: Mapping[datetime, tuple[int, float, float, float]]) -> Chart:
    known = [found[hour] for hour in hours if hour in found]
    count = sum(timed for timed, *_ in known)
    return Chart(
        times=tuple(int(hour.timestamp()) for hour in hours),
        values=tuple(round(found[hour][1] / found[hour][0], 1) if hour in found else None for hour in hours),
        mean_ms=sum(summed for _, summed, *_ in known) / count if count else None,
        fastest_ms=min((fastest for _, _, fastest, _ in known), default=None),
        slowest_ms=max((slowest for *_, slowest in known), default=None),
    )


def _ask(query: str, members: Sequence[Member], *, since: datetime) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {
        "components": [member.component for member in members],
        "monitors": [member.monitor for member in members],
        "since": since,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return list(cursor.fetchall())


# --- posts and outages ---


def _posts(page: StatusPage, which: Q, *, now: datetime) -> list[Post]:
    found = page.posts.filter(which).select_related("window").prefetch_related("updates", "components")
    return [_post(post, now=now) for post in found[:MOST_POSTS]]


def _post(post: rows.Post, *, now: datetime) -> Post:
    kind, (starts, ends) = PostKind(post.kind), _when(post, now=now)
    return Post(
        id=post.pk,
        kind=kind,
        title=post.title,
        state=rules.post_state(kind, PostState(post.state), starts=starts, ends=ends, now=now),
        starts_at=starts,
        ends_at=ends,
        components=tuple(component.name for component in post.components.all()),
        updates=tuple(
            Update(update.pk, PostState(update.state), update.text, markdown.render(update.text), update.at)
            for update in post.updates.all()
        ),
    )


def _when(post: rows.Post, *, now: datetime) -> tuple[datetime, datetime | None]:
    """A window that was moved moves its post along, until it begins; one that comes round again does not."""
    window = post.window
    if window and window.next_starts and post.state == PostState.SCHEDULED and post.starts_at > now and not window.rule:
        return window.next_starts, window.next_ends
    return post.starts_at, post.ends_at


def _outages(
    page: StatusPage,
    members: Sequence[Member],
    names: Mapping[UUID, str],
    *,
    since: datetime,
    until: datetime | None = None,
) -> list[Outage]:
    """Incidents of the monitors behind the page, as outages of its components, newest first.

    Left out: those that a post speaks of, and those that were called false alarms.
    """
    behind: dict[UUID, list[UUID]] = defaultdict(list)
    sizes: dict[UUID, int] = defaultdict(int)
    for member in members:
        behind[member.monitor].append(member.component)
        sizes[member.component] += 1
    written = rows.Post.objects.filter(page=page, incident=OuterRef("pk"))
    false = Correction.objects.filter(incident=OuterRef("pk"), kind=Correction.Kind.FALSE_ALARM, withdrawn_by=None)
    found = Incident.objects.filter(~Exists(written), ~Exists(false), monitor__in=list(behind)).order_by("-started_at")
    lately = Q(started_at__gte=since) | Q(resolved_at__isnull=True)
    found = found.filter(Q(started_at__gte=since, started_at__lt=until) if until else lately)
    return [
        Outage(
            id=uuid5(page.pk, str(incident.pk)),
            components=tuple(names[component] for component in behind[incident.monitor_id] if component in names),
            partly=all(sizes[component] > 1 for component in behind[incident.monitor_id]),
            starts_at=incident.started_at,
            ends_at=incident.resolved_at,
        )
        for incident in found.only("monitor_id", "started_at", "resolved_at")[:MOST_OUTAGES]
    ]


def linkable_incidents(team: Team, *, limit: int = 50) -> QuerySet[Incident]:
    """The team's newest incidents, for a post to speak of."""
    return Incident.objects.filter(monitor__team=team).select_related("monitor").order_by("-started_at")[:limit]


def monitors_named(team: Team, wanted: Iterable[UUID]) -> list[Monitor]:
    """The team's own; somebody else's are as unknown as ones that never were. Raises ``ValidationError``."""
    ids = set(wanted)
    found = list(Monitor.objects.for_team(team).filter(pk__in=ids))
    if unknown := ids - {monitor.pk for monitor in found}:
        raise ValidationError({"monitors": [say("there is no monitor {id}", id=min(map(str, unknown)))]})
    return found
