"""Changing status pages and what stands on them. Each change is to be seen at the next request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.http.request import validate_host

from accounts import audit
from accounts.models import Team, User
from monitors import rules as monitor_rules
from monitors import secrets
from probes.sentences import say
from statuspages import kept, logo, rules
from statuspages.models import Component, Section, StatusPage
from statuspages.rules import Source, Visibility
from statuspages.selectors.pages import monitors_named

MOST_PAGES, MOST_SECTIONS, MOST_COMPONENTS, MOST_IN_GROUP = 50, 50, 200, 1_000
SHORTEST_PASSWORD = 8

PLAIN_FIELDS = ("title", "description", "published", "visibility", "embeddable", "lists_outages", "takes_subscribers")

# --- the page ---


@transaction.atomic
def create_page(*, team: Team, by: User | None, **fields: Any) -> StatusPage:
    """Make a page. ``fields``: those of the API; ``slug`` and ``title`` are needed."""
    if StatusPage.objects.for_team(team).count() >= MOST_PAGES:
        raise ValidationError({"title": [say("a team has at most {most} pages", most=MOST_PAGES)]})
    page = StatusPage(team=team, created_by=by)
    _apply(page, fields)
    audit.created(page)
    return page


@transaction.atomic
def change_page(page: StatusPage, **fields: Any) -> StatusPage:
    """Change some fields; what is not named stays."""
    page = StatusPage.objects.select_for_update().get(pk=page.pk)
    before = audit.picture(page)
    forget(page)
    _apply(page, fields)
    audit.changed(page, before)
    return page


@transaction.atomic
def delete_page(page: StatusPage) -> None:
    forget(page)
    audit.deleted(page)
    page.delete()


@transaction.atomic
def renew_token(page: StatusPage) -> StatusPage:
    """Another address for an unlisted page; the one before is unknown from now on."""
    page = StatusPage.objects.select_for_update().get(pk=page.pk)
    _new_token(page)
    page.save(update_fields=["token_key", "token_sealed"])
    audit.done(page, "address renewed")
    forget(page)
    return page


def forget(page: StatusPage) -> None:
    """Have everything that is kept of a page made again, once the change can be read."""
    transaction.on_commit(partial(kept.forget, f"page:{page.slug}", "domains"))


def _apply(page: StatusPage, fields: dict[str, Any]) -> None:
    """Put new values on a page and store it, or refuse all that is wrong with them at once, field by field."""
    problems = {
        name: problem for name, read in READERS.items() if name in fields and (problem := read(page, fields[name]))
    }
    for name in PLAIN_FIELDS:
        if name in fields:
            setattr(page, name, fields[name])
    if page.visibility == Visibility.PASSWORD and not page.password and "password" not in problems:
        problems["password"] = say("is needed for a page that asks for one")
    if page.visibility == Visibility.UNLISTED and not page.token_key:
        _new_token(page)
    if problems:
        raise ValidationError({name: [problem] for name, problem in problems.items()})
    try:
        with transaction.atomic():
            page.save()
    except IntegrityError as error:
        name = "domain" if "domain" in str(error) else "slug"
        raise ValidationError({name: [say("is taken by another page")]}) from error
    forget(page)


def _read_slug(page: StatusPage, slug: str) -> str | None:
    page.slug = slug
    if problem := rules.slug_problem(slug):
        return problem
    taken = StatusPage.objects.filter(slug=slug).exclude(pk=page.pk).exists()
    return say("is taken by another page") if taken else None


def _read_domain(page: StatusPage, domain: str | None) -> str | None:
    page.domain = (domain or "").strip().lower().removesuffix(".") or None
    if page.domain is None:
        return None
    if problem := rules.domain_problem(page.domain):
        return problem
    own = [urlsplit(settings.SITE_URL).hostname or "", *settings.ALLOWED_HOSTS]
    if validate_host(page.domain, own):
        return say("is a name of this server itself")
    taken = StatusPage.objects.filter(domain=page.domain).exclude(pk=page.pk).exists()
    return say("is taken by another page") if taken else None


def _read_colours(page: StatusPage, colours: dict[str, Any]) -> str | None:
    page.colours = {name: value.lower() if isinstance(value, str) else value for name, value in colours.items()}
    return rules.colours_problem(page.colours)


def _read_languages(page: StatusPage, languages: list[str]) -> str | None:
    page.languages = list(dict.fromkeys(languages))
    known = dict(settings.LANGUAGES)
    unknown = [code for code in page.languages if code not in known]
    return (
        say("{unknown} is not known here; there are {names}", unknown=unknown[0][:12], names=", ".join(known))
        if unknown
        else None
    )


def _read_password(page: StatusPage, password: str) -> str | None:
    """An empty one leaves the one that is there."""
    if not password:
        return None
    if len(password) < SHORTEST_PASSWORD:
        return say("must have at least {least} characters", least=SHORTEST_PASSWORD)
    page.password = make_password(password)
    return None


def _read_logo(page: StatusPage, given: bytes | None) -> str | None:
    if given is None:
        page.logo, page.logo_mark = None, ""
        return None
    try:
        page.logo = logo.encode(given, most_kb=settings.LOGO_MAX_KB)
    except logo.BadLogo as error:
        return str(error)
    page.logo_mark = logo.mark_of(page.logo)
    return None


READERS: Mapping[str, Callable[[StatusPage, Any], str | None]] = {
    "slug": _read_slug,
    "domain": _read_domain,
    "colours": _read_colours,
    "languages": _read_languages,
    "password": _read_password,
    "logo": _read_logo,
}


def _new_token(page: StatusPage) -> None:
    token = secrets.new_token()
    page.token_key, page.token_sealed = secrets.key_of(token), secrets.seal({"token": token})


# --- sections and components ---


@transaction.atomic
def add_section(page: StatusPage, *, name: str) -> Section:
    if page.sections.count() >= MOST_SECTIONS:
        raise ValidationError({"name": [say("a page has at most {most} sections", most=MOST_SECTIONS)]})
    section = Section.objects.create(page=page, name=name, position=_next_position(page.sections))
    audit.created(section)
    forget(page)
    return section


@transaction.atomic
def change_section(section: Section, *, name: str | None = None, position: int | None = None) -> Section:
    if name is not None:
        before = audit.picture(section)
        section.name = name
        section.save(update_fields=["name"])
        audit.changed(section, before)
    if position is not None:
        _place(section, list(section.page.sections.select_for_update()), position)
    forget(section.page)
    return section


@transaction.atomic
def delete_section(section: Section) -> None:
    """Its components stay, without a section."""
    forget(section.page)
    audit.deleted(section)
    section.delete()


@transaction.atomic
def add_component(page: StatusPage, **fields: Any) -> Component:
    """``fields``: name, description, section, source, monitor, tag, monitors, shows_chart."""
    if page.components.count() >= MOST_COMPONENTS:
        raise ValidationError({"name": [say("a page has at most {most} components", most=MOST_COMPONENTS)]})
    component = Component(page=page, position=_next_position(page.components))
    _apply_component(component, {"source": Source.MONITOR, "monitor": None, "tag": "", "monitors": [], **fields})
    audit.created(component)
    return component


@transaction.atomic
def change_component(component: Component, **fields: Any) -> Component:
    component = Component.objects.select_for_update(of=("self",)).select_related("page").get(pk=component.pk)
    before = audit.picture(component)
    _apply_component(component, fields)
    audit.changed(component, before)
    if fields.get("position") is not None:
        _place(component, neighbours(component), fields["position"])
    return component


@transaction.atomic
def delete_component(component: Component) -> None:
    forget(component.page)
    audit.deleted(component)
    component.delete()


@transaction.atomic
def move(thing: Section | Component, *, by: int) -> None:
    """Up (-1) or down (1) among its neighbours."""
    row: list[Any] = neighbours(thing) if isinstance(thing, Component) else list(thing.page.sections.all())
    _place(thing, row, [each.pk for each in row].index(thing.pk) + by)
    forget(thing.page)


@transaction.atomic
def arrange(page: StatusPage, row: list[Section] | list[Component]) -> None:
    """Put the page's sections, or the components of one of them, in this order; ``row`` names them all."""
    _number(row)
    forget(page)


def neighbours(component: Component) -> list[Component]:
    """All of its section, itself included."""
    return list(component.page.components.filter(section=component.section_id))


def _apply_component(component: Component, fields: dict[str, Any]) -> None:
    for name in ("name", "description", "shows_chart", "source"):
        if name in fields:
            setattr(component, name, fields[name])
    if "section" in fields:
        component.section = _own_section(component.page, fields["section"])
    chosen = _read_source(component, fields)
    component.save()
    if chosen is not None:
        component.group.set(chosen)
    forget(component.page)


def _read_source(component: Component, fields: dict[str, Any]) -> list[Any] | None:
    """Set what the component stands for, and only that; gives the monitors of a group where they are named anew."""
    team = component.page.team
    if component.source == Source.MONITOR:
        if fields.get("monitor"):
            component.monitor = _named(team, [fields["monitor"]], "monitor")[0]
        component.tag = ""
        if component.monitor_id is None:
            raise ValidationError({"monitor": [say("choose the monitor that it stands for")]})
        return []
    component.monitor = None
    if component.source == Source.TAG:
        component.tag = str(fields.get("tag", component.tag)).strip()
        if not component.tag or (problem := monitor_rules.tag_problem([component.tag])):
            raise ValidationError({"tag": [problem if component.tag else say("name the tag that it stands for")]})
        return []
    component.tag = ""
    if "monitors" not in fields and component.pk and component.group.exists():
        return None
    chosen = _named(team, fields.get("monitors", []), "monitors")
    if not chosen:
        raise ValidationError({"monitors": [say("choose the monitors that it stands for")]})
    return chosen


def _named(team: Team, wanted: Iterable[UUID], field: str) -> list[Any]:
    wanted = set(wanted)
    if len(wanted) > MOST_IN_GROUP:
        raise ValidationError({field: [say("name at most {most}, or use a tag", most=MOST_IN_GROUP)]})
    try:
        return monitors_named(team, wanted)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from error


def _own_section(page: StatusPage, wanted: UUID | None) -> Section | None:
    if wanted is None:
        return None
    section = page.sections.filter(pk=wanted).first()
    if section is None:
        raise ValidationError({"section": [say("there is no section {wanted} on this page", wanted=wanted)]})
    return section


def _next_position(row: Any) -> int:
    last: int | None = row.aggregate(last=Max("position"))["last"]
    return 1 if last is None else last + 1


def _place(thing: Any, row: list[Any], position: int) -> None:
    """Put it at a place (0 is the first) and renumber the whole row."""
    others = [each for each in row if each.pk != thing.pk]
    others.insert(min(max(position, 0), len(others)), thing)
    _number(others)


def _number(row: list[Any]) -> None:
    for number, each in enumerate(row, start=1):
        each.position = number
    type(row[0]).objects.bulk_update(row, ["position"])
