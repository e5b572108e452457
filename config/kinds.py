"""What a file may hold, kind by kind: how each is read, compared, made, changed and deleted. All changes go through the
services of the app that the thing belongs to; nothing is judged here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.db.models import F, Model

from accounts.models import Team, User
from alerts import rules as alert_rules
from alerts import selectors as alert_selectors
from alerts.models import Channel, Delivery, Rule, Step
from alerts.notifiers import NOTIFIERS
from alerts.rules import Kind as AlertKind
from alerts.services import channels, rulebook
from common.serializers import StrictSerializer
from config import entries
from config.rules import Facts, Secret, bare, filled, hidden
from incidents.models import Incident
from maintenance import services as maintenance
from maintenance.models import Window
from monitors import services as monitors
from monitors.kinds import PASSIVE, SPECS
from monitors.models import Monitor
from monitors.rules import Policy
from monitors.selectors import region_codes
from probes.contract import InvalidSpec
from probes.fields import Field
from statuspages.models import Component, Section, StatusPage, Subscriber
from statuspages.rules import Source
from statuspages.services import pages

Variables = Mapping[str, str]


class Ground:
    """What all entries of a file are read against: the values of its variables, and the regions of the server."""

    def __init__(self, variables: Variables) -> None:
        self.variables = variables

    @cached_property
    def regions(self) -> list[str]:
        return region_codes()


Create = Callable[[Facts, StatusPage | None], Model]
"""Makes what a validated entry asks for, on a page where it stands on one."""


class Kind:
    """One part of the file. ``facts`` and ``wanted`` speak of the same fields in the same form."""

    name: ClassVar[str]
    entry: ClassVar[type[StrictSerializer]]
    titled: ClassVar[str] = "name"
    """What people call it by; the key where the file does not say."""

    on_page: ClassVar[bool] = False
    """Stands on a status page, in whose entry it is described."""

    def objects(self, team: Team) -> list[Any]:
        raise NotImplementedError

    def defaults(self, facts: Facts) -> Facts:
        """Of a thing of which nothing is said."""
        raise NotImplementedError

    def facts(self, thing: Any) -> Facts:
        raise NotImplementedError

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        """What a validated entry asks for."""
        return self.defaults(fields) | fields

    def same(self, name: str, wanted: Any, present: Any) -> bool:
        return bool(wanted == present)

    @contextmanager
    def creating(self, team: Team, by: User | None) -> Iterator[Create]:
        """Whatever is made of the kind is made within this, and is there after it."""
        yield partial(self.create, team, by)

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Model:
        raise NotImplementedError

    def update(self, thing: Any, wanted: Facts, changed: Collection[str]) -> None:
        raise NotImplementedError

    def delete(self, thing: Any) -> None:
        raise NotImplementedError

    def is_over(self, thing: Any) -> bool:
        """It is of the past, and stands in no export."""
        return False

    def losses(self, thing: Any) -> dict[str, int]:
        """What would be deleted with it, or would lose it."""
        return {}

    def as_entry(self, facts: Facts) -> Facts:
        """What an export says of it, defaults left out."""
        usual = self.defaults(facts)
        names = [name for name in self._names if name in facts]
        return {name: facts[name] for name in names if name not in usual or facts[name] != usual[name]}

    @cached_property
    def _names(self) -> list[str]:
        return list(self.entry().fields)


def _with_secrets(fields: Collection[Field], given: Facts, variables: Variables | None) -> Facts:
    """Secret fields wrapped; of a file's, with the variables filled in."""
    secret = [field.name for field in fields if field.secret and given.get(field.name)]
    return given | {
        name: hidden(given[name]) if variables is None else filled(given[name], variables) for name in secret
    }


def _bare(wanted: Facts, names: Collection[str]) -> Facts:
    return {name: bare(wanted[name]) for name in names if name in wanted}


def _ids(things: Collection[Any]) -> list[Any]:
    return sorted({thing.pk if isinstance(thing, Model) else thing for thing in things}, key=str)


def _tags(tags: Collection[str]) -> list[str]:
    return sorted({tag.strip() for tag in tags})


class Monitors(Kind):
    name = "monitors"
    entry = entries.MonitorEntry

    OF_CHECKS = ("interval", "timeout", "regions", "fallback_regions")
    """Without a meaning for a monitor that waits to be told."""

    def objects(self, team: Team) -> list[Monitor]:
        return list(Monitor.objects.for_team(team))

    def defaults(self, facts: Facts) -> Facts:
        passive = facts.get("kind") in PASSIVE
        policy = Policy().of_one_word() if passive else Policy()
        usual = monitors.plain_defaults() | {"policy": policy.as_dict(), "paused": False}
        return {name: value for name, value in usual.items() if not (passive and name in self.OF_CHECKS)}

    def facts(self, thing: Monitor) -> Facts:
        names = ("name", "kind", "tags", "paused", "shadow", *(() if thing.is_passive else self.OF_CHECKS))
        return {name: getattr(thing, name) for name in names} | {
            "spec": _with_secrets(_spec_of(thing.kind), thing.full_spec, None),
            "policy": thing.rules.as_dict(),
            "parent": thing.parent_id,
        }

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        passive = fields.get("kind") in PASSIVE
        if passive and (idle := [name for name in (*self.OF_CHECKS, "url") if name in fields]):
            raise ValidationError({name: ["has no meaning for a heartbeat: remove it"] for name in idle})
        wanted = super().wanted(fields, ground)
        if not passive:
            wanted.setdefault("regions", ground.regions)
        spec = wanted["spec"] | ({"url": wanted.pop("url")} if "url" in wanted else {})
        wanted["spec"] = _with_secrets(_spec_of(wanted["kind"]), spec, ground.variables)
        wanted["tags"] = _tags(wanted["tags"])
        try:
            policy = Policy.parse(wanted["policy"])
        except InvalidSpec as error:
            raise ValidationError({"policy": [str(error)]}) from error
        wanted["policy"] = (policy.of_one_word() if passive else policy).as_dict()
        return wanted

    def same(self, name: str, wanted: Any, present: Any) -> bool:
        """Regions take their turns in an order of the server's."""
        if name == "regions" and present is not None:
            return set(wanted) == set(present)
        return super().same(name, wanted, present)

    @contextmanager
    def creating(self, team: Team, by: User | None) -> Iterator[Create]:
        """All at once: a file may bring a thousand."""
        with monitors.making(team) as new:
            yield lambda wanted, _page: new.create(**_bare(wanted, wanted))

    def update(self, thing: Monitor, wanted: Facts, changed: Collection[str]) -> None:
        names = {*changed} - {"paused"}
        if names & {"kind", "spec"}:
            names |= {"kind", "spec"}
        if names:
            monitors.update_monitor(thing, **_bare(wanted, names))
        if "paused" in changed:
            (monitors.pause if wanted["paused"] else monitors.resume)(thing)

    def delete(self, thing: Monitor) -> None:
        monitors.delete_monitor(thing)

    def losses(self, thing: Monitor) -> dict[str, int]:
        return {
            "incidents": Incident.objects.filter(monitor=thing).count(),
            "components of status pages": Component.objects.filter(monitor=thing).count(),
            "places in rules": Rule.monitors.through.objects.filter(monitor=thing).count(),
        }

    def as_entry(self, facts: Facts) -> Facts:
        entry = super().as_entry(facts)
        if "spec" in facts and "url" in facts["spec"]:
            spec = {name: value for name, value in facts["spec"].items() if name != "url"}
            entry = {"url": facts["spec"]["url"]} | {name: value for name, value in entry.items() if name != "spec"}
            entry |= {"spec": spec} if spec else {}
        if "policy" in entry:
            usual = self.defaults(facts)["policy"]
            entry["policy"] = {name: value for name, value in entry["policy"].items() if value != usual[name]}
        if "regions" in facts:
            entry["regions"] = facts["regions"]  # said always: another region must not come along unasked
        return entry


def _spec_of(kind: str) -> tuple[Field, ...]:
    return SPECS[kind].describe() if kind in SPECS else ()


class Channels(Kind):
    name = "channels"
    entry = entries.ChannelEntry

    def objects(self, team: Team) -> list[Channel]:
        return list(Channel.objects.for_team(team))

    def defaults(self, facts: Facts) -> Facts:
        return {"name": "", "settings": {}, "language": "", "enabled": True}

    def facts(self, thing: Channel) -> Facts:
        return {
            "name": thing.name,
            "kind": thing.kind,
            "settings": _with_secrets(_settings_of(thing.kind), thing.full_settings, None),
            "language": thing.language,
            "enabled": thing.enabled,
        }

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        wanted = super().wanted(fields, ground)
        wanted["name"] = " ".join(wanted["name"].split())
        wanted["settings"] = _with_secrets(_settings_of(wanted["kind"]), wanted["settings"], ground.variables)
        return wanted

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Channel:
        return channels.create_channel(team=team, **_bare(wanted, wanted))

    def update(self, thing: Channel, wanted: Facts, changed: Collection[str]) -> None:
        names = {*changed} | ({"kind", "settings"} if {*changed} & {"kind", "settings"} else set())
        channels.update_channel(thing, **_bare(wanted, names))

    def delete(self, thing: Channel) -> None:
        channels.delete_channel(thing)

    def losses(self, thing: Channel) -> dict[str, int]:
        return {
            "messages": Delivery.objects.filter(channel=thing).count(),
            "steps of rules": Step.objects.filter(channel=thing).count(),
        }


def _settings_of(kind: str) -> tuple[Field, ...]:
    return NOTIFIERS[kind].settings.describe() if kind in NOTIFIERS else ()


class Rules(Kind):
    name = "rules"
    entry = entries.RuleEntry

    def objects(self, team: Team) -> list[Rule]:
        return list(alert_selectors.rules_of(team))

    def defaults(self, facts: Facts) -> Facts:
        chosen: Facts = {name: facts[name] for name in ("monitors", "tags") if name in facts}
        return self._settled(rulebook.defaults() | {"everything": rulebook.whole(chosen)["everything"]})

    def facts(self, thing: Rule) -> Facts:
        plain = ("name", "enabled", "everything", "severity", "delay_seconds", "reminder_minutes", "quiet_hours")
        steps = list(thing.steps.all())
        return self._settled(
            {name: getattr(thing, name) for name in (*plain, "tags", "events")}
            | {
                "monitors": thing.monitors.all(),
                "channels": [step.channel_id for step in steps if not step.after_minutes],
                "escalation": [
                    {"after_minutes": step.after_minutes, "channel": step.channel_id}
                    for step in steps
                    if step.after_minutes
                ],
            }
        )

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        return self._settled(super().wanted(fields, ground))

    def _settled(self, rule: Facts) -> Facts:
        """What has no order of its own, in one order."""
        known = {*alert_rules.CHOICES, AlertKind.UP}
        return rule | {
            "name": " ".join(rule["name"].split()),
            "severity": str(rule["severity"]),
            "tags": _tags(rule["tags"]),
            "events": rulebook.with_ends(rule["events"]) if known.issuperset(rule["events"]) else rule["events"],
            "monitors": _ids(rule["monitors"]),
            "channels": _ids(rule["channels"]),
            "escalation": sorted(
                (dict(step) for step in rule["escalation"]),
                key=lambda step: (step["after_minutes"], str(step["channel"])),
            ),
        }

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Rule:
        return rulebook.create_rule(team=team, **wanted)

    def update(self, thing: Rule, wanted: Facts, changed: Collection[str]) -> None:
        rulebook.update_rule(thing, **{name: wanted[name] for name in changed})

    def delete(self, thing: Rule) -> None:
        rulebook.delete_rule(thing)


class Windows(Kind):
    name = "maintenance"
    entry = entries.WindowEntry
    titled = "title"

    def objects(self, team: Team) -> list[Window]:
        return list(Window.objects.for_team(team).prefetch_related("monitors").order_by("created_at", "id"))

    def defaults(self, facts: Facts) -> Facts:
        return maintenance.defaults()

    def facts(self, thing: Window) -> Facts:
        return {name: getattr(thing, name) for name in maintenance.PLAIN_FIELDS} | {
            "starts": thing.starts.replace(second=0, microsecond=0),
            "monitors": _ids(thing.monitors.all()),
        }

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        wanted = super().wanted(fields, ground)
        return wanted | {"tags": _tags(wanted["tags"]), "monitors": _ids(wanted["monitors"])}

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Window:
        return maintenance.plan_window(team=team, by=by, **wanted)

    def update(self, thing: Window, wanted: Facts, changed: Collection[str]) -> None:
        maintenance.change_window(thing, **{name: wanted[name] for name in changed})

    def delete(self, thing: Window) -> None:
        maintenance.delete_window(thing)

    def is_over(self, thing: Window) -> bool:
        return thing.next_starts is None


class Pages(Kind):
    name = "status_pages"
    entry = entries.PageEntry
    titled = "title"

    FIELDS = ("title", "slug", "domain", "description", "colours", "languages", "published", "visibility")
    SWITCHES = ("embeddable", "lists_outages", "takes_subscribers")

    def objects(self, team: Team) -> list[StatusPage]:
        return list(StatusPage.objects.for_team(team).defer("logo").prefetch_related("sections", "components"))

    def defaults(self, facts: Facts) -> Facts:
        optional = [name for name in (*self.FIELDS, *self.SWITCHES) if name not in ("title", "slug")]
        return {name: getattr(StatusPage(), name) for name in optional}

    def facts(self, thing: StatusPage) -> Facts:
        facts = {name: getattr(thing, name) for name in (*self.FIELDS, *self.SWITCHES)}
        facts |= {"order": tuple(each.pk for each in (*thing.sections.all(), *thing.components.all()))}
        return facts | ({"password": Secret(thing.password)} if thing.password else {})

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        wanted = super().wanted(fields, ground)
        wanted["domain"] = (wanted["domain"] or "").strip().lower().removesuffix(".") or None
        wanted["colours"] = {name: colour.lower() for name, colour in wanted["colours"].items()}
        if password := wanted.pop("password", ""):
            wanted["password"] = filled(password, ground.variables)
        return wanted

    def same(self, name: str, wanted: Any, present: Any) -> bool:
        """Of a password only the hash is kept."""
        if name == "password" and present is not None:
            return wanted == present or check_password(wanted.value, present.value)
        return super().same(name, wanted, present)

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> StatusPage:
        return pages.create_page(team=team, by=by, **_bare(wanted, wanted))

    def update(self, thing: StatusPage, wanted: Facts, changed: Collection[str]) -> None:
        pages.change_page(thing, **_bare(wanted, changed))

    def delete(self, thing: StatusPage) -> None:
        pages.delete_page(thing)

    def losses(self, thing: StatusPage) -> dict[str, int]:
        return {
            "posts": thing.posts.count(),
            "subscribers": Subscriber.objects.filter(page=thing).count(),
            "components": thing.components.count(),
        }


class Sections(Kind):
    name = "sections"
    entry = entries.SectionEntry
    on_page = True

    def objects(self, team: Team) -> list[Section]:
        return list(Section.objects.filter(page__team=team).select_related("page"))

    def defaults(self, facts: Facts) -> Facts:
        return {}

    def facts(self, thing: Section) -> Facts:
        return {"name": thing.name}

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Section:
        assert page is not None  # noqa: S101  # ``on_page``
        return pages.add_section(page, **wanted)

    def update(self, thing: Section, wanted: Facts, changed: Collection[str]) -> None:
        pages.change_section(thing, name=wanted["name"])

    def delete(self, thing: Section) -> None:
        pages.delete_section(thing)


class Components(Kind):
    name = "components"
    entry = entries.ComponentEntry
    on_page = True

    SOURCE = ("source", "monitor", "tag", "monitors")

    def objects(self, team: Team) -> list[Component]:
        found = Component.objects.filter(page__team=team).select_related("page").prefetch_related("group")
        return list(found.order_by(F("section__position").asc(nulls_first=True), "position", "id"))

    def defaults(self, facts: Facts) -> Facts:
        return {
            "description": "",
            "section": None,
            "source": self._source(facts),
            "monitor": None,
            "tag": "",
            "monitors": [],
            "shows_chart": False,
        }

    def _source(self, facts: Facts) -> str:
        """What it stands for, by what is named."""
        if facts.get("tag"):
            return Source.TAG.value
        return Source.GROUP.value if facts.get("monitors") else Source.MONITOR.value

    def facts(self, thing: Component) -> Facts:
        names = ("name", "description", "source", "tag", "shows_chart")
        return {name: getattr(thing, name) for name in names} | {
            "section": thing.section_id,
            "monitor": thing.monitor_id,
            "monitors": _ids(thing.group.all()),
        }

    def wanted(self, fields: Facts, ground: Ground) -> Facts:
        wanted = super().wanted(fields, ground)
        return wanted | {"tag": wanted["tag"].strip(), "monitors": _ids(wanted["monitors"])}

    def create(self, team: Team, by: User | None, wanted: Facts, page: StatusPage | None) -> Component:
        assert page is not None  # noqa: S101  # ``on_page``
        return pages.add_component(page, **wanted)

    def update(self, thing: Component, wanted: Facts, changed: Collection[str]) -> None:
        names = {*changed} | ({*self.SOURCE} if {*changed} & {*self.SOURCE} else set())
        pages.change_component(thing, **{name: wanted[name] for name in names})

    def delete(self, thing: Component) -> None:
        pages.delete_component(thing)


KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Monitors(), Channels(), Rules(), Windows(), Pages(), Sections(), Components())
}
"""In the order in which they are made: what another one names comes before it."""

PARTS = [name for name, kind in KINDS.items() if not kind.on_page]
ON_PAGE = [name for name, kind in KINDS.items() if kind.on_page]
