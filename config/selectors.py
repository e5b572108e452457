"""What a team has, under which keys, and the file that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.models import Team
from config import rules
from config.kinds import KINDS, ON_PAGE, PARTS, Kind
from config.models import ConfigKey
from config.rules import Facts

VERSION = 1


@dataclass(slots=True)
class Known:
    """A team's objects by kind and id, and their keys. A key of a page's part begins with that of the page."""

    things: dict[str, dict[UUID, Any]]
    keys: dict[str, dict[str, UUID]] = field(default_factory=dict)

    by_id: dict[UUID, str] = field(default_factory=dict)

    def key_of(self, pk: UUID) -> str | None:
        return self.by_id.get(pk)

    def facts(self, kind: str, pk: UUID) -> Facts:
        return KINDS[kind].facts(self.things[kind][pk])


def known(team: Team) -> Known:
    """All that the team has now; keys of what is gone are left out."""
    found = Known({name: {thing.pk: thing for thing in kind.objects(team)} for name, kind in KINDS.items()})
    found.keys = {name: {} for name in KINDS}
    for kind, key, pk in ConfigKey.objects.filter(team=team).values_list("kind", "key", "object_id"):
        if pk in found.things.get(kind, {}):
            found.keys[kind][key], found.by_id[pk] = pk, key
    return found


def all_keys(found: Known) -> dict[UUID, str]:
    """The last part of every object's key; what has none is given one, made of its name."""
    given: dict[UUID, str] = {}
    for name, kind in KINDS.items():
        for things in _by_page(kind, found.things[name]).values():
            stored = {pk: found.by_id[pk].rpartition("/")[2] for pk in things if pk in found.by_id}
            unnamed = {pk: str(getattr(thing, kind.titled)) for pk, thing in things.items() if pk not in stored}
            given |= stored | rules.keys_for(unnamed, set(stored.values()))
    return given


def _by_page(kind: Kind, things: Mapping[UUID, Any]) -> dict[UUID | None, dict[UUID, Any]]:
    """Keys are one of their kind on a page, and of the team for the rest."""
    if not kind.on_page:
        return {None: dict(things)}
    found: dict[UUID | None, dict[UUID, Any]] = {}
    for pk, thing in things.items():
        found.setdefault(thing.page_id, {})[pk] = thing
    return found


def export(team: Team, *, with_ids: bool = True) -> dict[str, Any]:
    """The file that says what the team has, without one secret. Applied as it is, it changes nothing.

    ``with_ids``: what has no key yet is named by its id, so that it is taken over and not made a second time. Without,
    the file makes everything anew somewhere else.
    """
    found = known(team)
    names = all_keys(found)

    def entry_of(kind: Kind, thing: Any, path: rules.Path) -> dict[str, Any]:
        taken_over = {"id": str(thing.pk)} if with_ids and thing.pk not in found.by_id else {}
        entry: dict[str, Any] = rules.written(kind.as_entry(kind.facts(thing)), names, path)
        return taken_over | entry

    whole: dict[str, Any] = {"version": VERSION}
    for part in PARTS:
        kind, entries = KINDS[part], {}
        for pk, thing in found.things[part].items():
            if kind.is_over(thing):
                continue
            path = (part, names[pk])
            entries[names[pk]] = entry = entry_of(kind, thing, path)
            for below in ON_PAGE if part == "status_pages" else ():
                own = [each for each in found.things[below].values() if each.page_id == pk]
                if own:
                    entry[below] = {
                        names[each.pk]: entry_of(KINDS[below], each, (*path, below, names[each.pk])) for each in own
                    }
        whole[part] = entries
    return whole
