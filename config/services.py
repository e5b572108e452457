"""Planning and applying a file. A plan is an application that is rolled back: what it promises has happened once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework.exceptions import ValidationError as InputError

from accounts import audit
from accounts.models import Team, User
from alerts.services.channels import ensure_defaults
from config import rules, selectors
from config.document import Document
from config.kinds import KINDS, ON_PAGE, PARTS, Create, Ground, Kind
from config.models import ConfigKey
from config.rules import Change, Delete, Facts, Path, Plan, Verb, dotted
from monitors.models import Monitor
from statuspages.models import StatusPage
from statuspages.services import pages as page_services

MOST_OBJECTS = 2_000
NAMES_IN_AUDIT = 20
NOBODY = UUID(int=0)
DEEPEST = 20
"""More than a family of monitors may be."""


@dataclass(eq=False, slots=True)
class Item:
    """One entry of the file, and the object that it is about as soon as there is one."""

    kind: Kind
    path: Path
    entry: dict[str, Any]
    page: Item | None = None
    parts: frozenset[str] = frozenset()
    """Of a page: which lists its entry has."""

    pk: UUID | None = None
    old: Facts = field(default_factory=dict)
    """What the object was set to before."""

    parent: UUID | None = None
    """Of a monitor: which one it has at present."""

    failed: bool = False

    @property
    def there(self) -> UUID:
        assert self.pk is not None, "it is made by now"  # noqa: S101
        return self.pk

    @property
    def key(self) -> str:
        """As it is kept: a part of a page has the page's key in front."""
        return f"{self.page.key}/{self.path[-1]}" if self.page else self.path[-1]


class _Follows(Exception):
    """Wrong only because something that it names is wrong, which has been said."""


def export(team: Team, *, with_ids: bool) -> dict[str, Any]:
    """As ``selectors.export``. The first look gives a new team its first channel, here as elsewhere."""
    ensure_defaults(team)
    return selectors.export(team, with_ids=with_ids)


def plan(*, team: Team, by: User | None, document: Document, variables: Mapping[str, str], delete: Delete) -> Plan:
    """What ``apply`` would do. Raises ``ValidationError``, by path. Nothing is changed and nothing sent."""
    with transaction.atomic():
        found = _Application(team, by, document, Ground(variables), delete).run()
        transaction.set_rollback(True)
    return found


@transaction.atomic
def apply(*, team: Team, by: User | None, document: Document, variables: Mapping[str, str], delete: Delete) -> Plan:
    """Make everything as the file says, or nothing at all; says what was done. Raises ``ValidationError``, by path.

    ``variables``: the values of ``${NAME}``. One file at a time is applied to a team.
    """
    found = _Application(team, by, document, Ground(variables), delete).run()
    if found.changes:
        audit.done(team, "configuration applied", by=by, **dict(_tally(found)))
    return found


def _tally(found: Plan) -> Iterator[tuple[str, Any]]:
    for verb, word in ((Verb.CREATE, "created"), (Verb.UPDATE, "changed"), (Verb.DELETE, "deleted")):
        paths = [change.path for change in found.changes if change.verb is verb]
        if paths:
            yield word, len(paths)
            yield f"{word}_first", paths[:NAMES_IN_AUDIT]


# -- the entries of a file


def _entries(data: Any, problems: dict[Path, list[str]]) -> list[Item]:
    """The file's entries in the order in which they are made."""
    if not isinstance(data, Mapping):
        problems[()] = [f"the file must be an object with version: {selectors.VERSION} and {', '.join(PARTS)}"]
        return []
    for name in data:
        if name not in ("version", *PARTS):
            problems[(str(name)[:60],)] = [f"is not known; a file has version, {', '.join(PARTS)}"]
    if data.get("version") != selectors.VERSION:
        problems[("version",)] = [f"must be {selectors.VERSION}: the form of the file that this server reads"]
    items = [item for part in PARTS for item in _part(KINDS[part], data.get(part), (part,), None, problems)]
    for page in [item for item in items if item.kind.name == "status_pages"]:
        page.parts = frozenset(page.entry) & {*ON_PAGE}
        for name in ON_PAGE:
            below = page.entry.pop(name, None)
            items += _part(KINDS[name], below, (*page.path, name), page, problems)
    if len(items) > MOST_OBJECTS:
        problems[()] = [f"a file holds at most {MOST_OBJECTS:,} objects"]
        return []
    return sorted(items, key=lambda item: list(KINDS).index(item.kind.name))


def _part(kind: Kind, given: Any, above: Path, page: Item | None, problems: dict[Path, list[str]]) -> Iterator[Item]:
    if not isinstance(given, Mapping | None):
        problems[above] = ["must be an object with a key for each entry, like shop: {...}"]
        return
    for key, entry in (given or {}).items():
        path = (*above, str(key)[:100])
        if problem := rules.key_problem(str(key)):
            problems[path] = [problem]
        elif not isinstance(entry, Mapping | None):
            problems[path] = ["must be an object"]
        else:
            usual = {kind.titled: str(key)} | ({"slug": str(key)} if kind.name == "status_pages" else {})
            yield Item(kind, path, usual | dict(entry or {}), page)


# -- applying


@dataclass(eq=False)
class _Application:
    team: Team
    by: User | None
    document: Document
    ground: Ground
    delete: Delete
    problems: dict[Path, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    by_key: dict[tuple[str, str], Item] = field(default_factory=dict)
    follows: bool = False
    """Whether the entry that is being read names one that is wrong."""

    def run(self) -> Plan:
        Team.objects.select_for_update(no_key=True).get(pk=self.team.pk)
        ensure_defaults(self.team)
        self.items = _entries(self.document.data, self.problems)
        self.by_key = {(item.kind.name, item.key): item for item in self.items}
        self.before = selectors.known(self.team)
        self._recognise()
        self._refuse_problems()
        return self._change_all()

    def _change_all(self) -> Plan:
        names = selectors.all_keys(self.before)
        doomed = self._doomed()
        gone = [self._deletion(kind, pk, names) for kind, pk in doomed]
        for kind, pk in doomed:
            if kind.name != "monitors":
                kind.delete(self.before.things[kind.name][pk])
        for kind in KINDS.values():
            own = [item for item in self.items if item.kind is kind]
            with kind.creating(self.team, self.by) as create:
                for item in sorted(own, key=self._depth):
                    self._attempt(item, partial(self._put, create=create))
        self._choose_parents()
        for page in [item for item in self.items if item.kind.name == "status_pages" and not item.failed]:
            self._arrange(page)
        self._refuse_problems()
        for kind, pk in doomed:
            if kind.name == "monitors":  # the last: what named them does not any more
                kind.delete(self.before.things[kind.name][pk])
        self._keep_keys({pk for _, pk in doomed})
        return self._outcome(gone, names)

    def _refuse_problems(self) -> None:
        for item in self.items:
            if item.failed and not self.problems:
                self.problems[item.path] = ["names something that could not be made"]
        if self.problems:
            raise ValidationError({dotted(path): self._placed(path) for path, found in self.problems.items() if found})

    def _placed(self, path: Path) -> list[str]:
        line = self.document.line_of(path)
        where = f" (line {line})" if line else ""
        return [f"{message}{where}" for message in self.problems[path]]

    # -- which object an entry is about

    def _recognise(self) -> None:
        """By its key, or by the id that the entry gives."""
        for item in self.items:
            kind = item.kind.name
            item.pk = self._by_key(item)
            given = item.entry.pop("id", None)
            if given is None:
                continue
            found = next((pk for pk in self._own(item) if str(pk) == str(given)), None)
            if found is None:
                problem = f"there is no such object here; remove the id, and a new one is made under {item.key!r}"
                self.problems[(*item.path, "id")] = [problem]
            elif item.pk not in (None, found):
                self.problems[(*item.path, "id")] = ["this key is another object's already; remove the id"]
            else:
                item.pk = found
            other = self.before.key_of(found) if found else None
            if other not in (None, item.key) and (kind, other) in self.by_key:
                self.problems[(*item.path, "id")] = [f"this object stands under {other!r} in the file as well"]
        self._refuse_twins()
        for item in self.items:
            if item.pk is not None:
                item.old = self.before.facts(item.kind.name, item.pk)
                item.parent = item.old.get("parent")

    def _by_key(self, item: Item) -> UUID | None:
        """A page that is renamed takes the keys of what stands on it along."""
        keys = self.before.keys[item.kind.name]
        if item.page is None or item.page.pk is None:
            return keys.get(item.key)
        page = self.before.key_of(item.page.pk)
        return keys.get(f"{page}/{item.path[-1]}") if page else None

    def _own(self, item: Item) -> list[UUID]:
        things = self.before.things[item.kind.name]
        if item.page is None:
            return list(things)
        return [pk for pk, thing in things.items() if thing.page_id == item.page.pk]

    def _refuse_twins(self) -> None:
        seen: dict[UUID, Item] = {}
        for item in self.items:
            if item.pk is not None and (first := seen.setdefault(item.pk, item)) is not item:
                self.problems[(*item.path, "id")] = [f"this object stands under {dotted(first.path)} as well"]

    # -- what is not in the file

    def _doomed(self) -> list[tuple[Kind, UUID]]:
        """What goes; of kinds of which the file says nothing, nothing does."""
        wanted = {item.pk for item in self.items}
        found: list[tuple[Kind, UUID]] = []
        for name, kind in reversed(KINDS.items()):
            for pk, thing in self.before.things[name].items():
                key = self.before.key_of(pk)
                if pk in wanted or not self._speaks_of(kind, thing):
                    continue
                if kind.is_over(thing):
                    continue
                if self.delete is Delete.ALL or (key and self.delete is Delete.KEYED):
                    found.append((kind, pk))
                elif key:
                    self.notes.append(f"{name}.{key} is no longer in the file; it stays, unless you ask to delete")
        return found

    def _speaks_of(self, kind: Kind, thing: Any) -> bool:
        if not kind.on_page:
            return kind.name in self.document.data
        page = next((item for item in self.items if item.pk == thing.page_id), None)
        return page is not None and kind.name in page.parts

    def _deletion(self, kind: Kind, pk: UUID, names: dict[UUID, str]) -> Change:
        thing = self.before.things[kind.name][pk]
        path = [kind.name, names[pk]]
        if kind.on_page:
            path = ["status_pages", names[thing.page_id], *path]
        loses = tuple(f"{what}: {count}" for what, count in kind.losses(thing).items() if count)
        return Change(Verb.DELETE, dotted(path), str(thing), loses=loses)

    # -- making and changing

    def _attempt(self, item: Item, act: Any) -> None:
        """All that is wrong is told at once: one entry's refusal does not keep the others from being tried.

        What a refused entry has done so far goes with the whole transaction.
        """
        if item.failed:
            return
        try:
            act(item)
        except (ValidationError, InputError) as error:
            item.failed = True
            for path, messages in _told(error, item.path):
                self.problems.setdefault(path, []).extend(messages)
        except _Follows:
            item.failed = True

    def _put(self, item: Item, create: Create) -> None:
        kind, present = item.kind, item.old
        wanted = kind.wanted(self._read(item), self.ground)
        wanted.pop("parent", None)
        for name, value in wanted.items():
            wanted[name], missed = rules.settled(value, present.get(name), (name,))
            for path, variable in missed.items():
                said = f"the variable {variable} is not set, and no secret is saved here: set it"
                self.problems[(*item.path, *path)] = [said]
            item.failed |= bool(missed)
            for variable in rules.kept_variables(wanted[name]):
                self.notes.append(f"{variable} is not set: the saved secret of {dotted(item.path)} stays")
        if item.failed:
            return
        if item.pk is None:
            if self._parent_is_there(item):  # nothing depends on the new one yet, so no circle can be closed
                wanted["parent"] = item.parent = self._parent(item)
            page = StatusPage.objects.get(pk=item.page.there) if item.page else None
            item.pk = create(wanted, page).pk
            return
        changed = [name for name, value in wanted.items() if not kind.same(name, value, present.get(name))]
        if changed:
            kind.update(self.before.things[kind.name][item.pk], wanted, changed)

    def _read(self, item: Item, *, only: str | None = None) -> Facts:
        if item.page is not None and item.page.failed:
            raise _Follows
        later = "parent" if item.kind.name == "monitors" and only is None else None
        entry = {name: value for name, value in item.entry.items() if name != later and only in (None, name)}
        find = {"find": lambda kind, key: self._find(item, kind, key)}
        reader = item.kind.entry(data=entry, partial=only is not None, context=find)
        self.follows = False
        reader.is_valid(raise_exception=True)
        if self.follows:
            raise _Follows
        read: Facts = reader.validated_data
        return dict(read)

    def _find(self, item: Item, kind: str, key: str) -> UUID | None:
        """The object of this key: in the file, or applied from one before. Parts of a page are looked for on it."""
        whole = f"{item.page.key}/{key}" if item.page and KINDS[kind].on_page else key
        named = self.by_key.get((kind, whole))
        if named is None:
            return self.before.keys[kind].get(whole)
        if named.pk is None or named.failed:
            self.follows = True  # but what else is wrong with the entry is still worth saying
            return NOBODY
        return named.pk

    def _choose_parents(self) -> None:
        """When all monitors are there, from the top down: so no order in the file closes a circle that is none."""
        monitors = [item for item in self.items if item.kind.name == "monitors"]
        monitors = [item for item in monitors if item.parent or item.entry.get("parent") is not None]
        for item in sorted(monitors, key=self._depth):
            self._attempt(item, self._choose_parent)

    def _depth(self, item: Item) -> int:
        """How many monitors of the file stand above it."""
        depth, above = 0, item.entry.get("parent")
        while isinstance(above, str) and depth <= DEEPEST and (found := self.by_key.get(("monitors", above))):
            depth, above = depth + 1, found.entry.get("parent")
        return depth

    def _parent_is_there(self, item: Item) -> bool:
        above = item.entry.get("parent") if item.kind.name == "monitors" else None
        named = self.by_key.get(("monitors", above)) if isinstance(above, str) else None
        return above is not None and (named is None or named.pk is not None)

    def _parent(self, item: Item) -> UUID | None:
        found: UUID | None = self._read(item, only="parent").get("parent")
        return found

    def _choose_parent(self, item: Item) -> None:
        wanted = self._parent(item)
        if wanted != item.parent:
            item.kind.update(Monitor.objects.get(pk=item.there), {"parent": wanted}, ["parent"])

    def _arrange(self, page: Item) -> None:
        """Sections, and the components of each, in the order of the file; what is not in it comes after."""
        found = StatusPage.objects.get(pk=page.there)
        own = [item.pk for item in self.items if item.page is page]
        by_section: dict[UUID | None, list[Any]] = {}
        for component in found.components.all():
            by_section.setdefault(component.section_id, []).append(component)
        for row in ([*found.sections.all()], *by_section.values()):
            wanted = sorted((each for each in row if each.pk in own), key=lambda each: own.index(each.pk))
            if row[: len(wanted)] != wanted:
                page_services.arrange(found, wanted + [each for each in row if each.pk not in own])

    # -- afterwards

    def _keep_keys(self, gone: set[UUID]) -> None:
        """Keys that are kept as they should be are not written again."""
        kept = ConfigKey.objects.filter(team=self.team)
        wanted = {(item.kind.name, item.key): item.pk for item in self.items}
        ours = set(wanted.values())
        stale = []
        for row in kept:
            known = self.before.things.get(row.kind, {})
            is_other = row.object_id in ours and wanted.get((row.kind, row.key)) != row.object_id
            if row.object_id in gone or row.object_id not in known or is_other:
                stale.append(row.pk)
            else:
                wanted.pop((row.kind, row.key), None)
        if stale:
            kept.filter(pk__in=stale).delete()
        if wanted:
            ConfigKey.objects.bulk_create(
                ConfigKey(team=self.team, kind=kind, key=key, object_id=pk) for (kind, key), pk in wanted.items() if pk
            )

    def _outcome(self, gone: list[Change], names: dict[UUID, str]) -> Plan:
        after = selectors.known(self.team)
        names = names | selectors.all_keys(after)
        changes: list[Change] = []
        for item in self.items:
            kind, pk = item.kind.name, item.pk
            if pk is None:
                continue
            thing = after.things[kind][pk]
            if pk not in self.before.things[kind]:
                told = rules.difference({}, item.kind.as_entry(item.kind.facts(thing)), names)
                changes.append(Change(Verb.CREATE, dotted(item.path), str(thing), told))
                continue
            old, new = dict(item.old), item.kind.facts(thing)
            if "order" in old and not rules.moved(old["order"], new["order"]):
                del old["order"], new["order"]
            if told := rules.difference(old, new, names):
                changes.append(Change(Verb.UPDATE, dotted(item.path), str(thing), told))
        return Plan((*changes, *gone), tuple(dict.fromkeys(self.notes)))


def _told(error: ValidationError | InputError, path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Messages by path; what is about no field is about the entry."""
    detail: Any = error.detail if isinstance(error, InputError) else _of_django(error)
    yield from _walk(detail, path)


def _of_django(error: ValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def _walk(detail: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            plain = name in ("non_field_errors", "__all__")
            yield from _walk(inner, path if plain else (*path, *str(name).split(".")))
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        for at, inner in enumerate(detail):
            yield from _walk(inner, (*path, str(at)))
    else:
        yield path, [str(message) for message in (detail if isinstance(detail, list) else [detail])]
