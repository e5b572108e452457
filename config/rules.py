"""Secrets, keys and differences as plain values. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from probes.fields import MASK

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
VARIABLE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]{0,99})\}")
LONGEST_SHOWN = 120

Facts = dict[str, Any]
"""What an object is set to, as the services take it: ids where the file has keys, ``Secret`` where it has variables."""

Path = tuple[str, ...]


class Delete(StrEnum):
    """What becomes of objects that are not in the file, of the kinds that are."""

    NONE = "none"
    KEYED = "keyed"
    """Those go that came from a file once."""

    ALL = "all"


class Verb(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """What applying the file does to one object. ``fields`` has before and after by dotted name, secrets masked."""

    verb: Verb
    path: str
    name: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    loses: tuple[str, ...] = ()
    """What goes with it, in words."""


@dataclass(frozen=True, slots=True)
class Plan:
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    """What somebody should know who expected something else."""

    def count(self, verb: Verb) -> int:
        return sum(change.verb is verb for change in self.changes)


def dotted(path: Iterable[str]) -> str:
    return ".".join(path)


def key_problem(key: str) -> str | None:
    if KEY.fullmatch(key):
        return None
    return "is no key: use up to 60 small letters, digits, - and _, and a letter or digit in front"


def keys_for(names: Mapping[UUID, str], taken: Collection[str]) -> dict[UUID, str]:
    """A key for each of these objects, made of its name; none of them is taken."""
    used, found = set(taken), {}
    for pk, name in names.items():
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-") or "unnamed"
        key, number = base, 1
        while key in used:
            number += 1
            key = f"{base}-{number}"
        used.add(key)
        found[pk] = key
    return found


# -- secrets


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is compared, and never shown."""

    value: Any = field(repr=False)
    kept: bool = field(default=False, compare=False)
    """Stays as it is saved: nothing was given for it."""

    missing: str = field(default="", compare=False)
    """The variable that was not set."""


def hidden(value: Any) -> Any:
    """A saved secret, or an object of secrets."""
    if isinstance(value, Mapping):
        return {name: hidden(inner) for name, inner in value.items()}
    return Secret(value)


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """The same of what a file says, with ``${NAME}`` filled in; ``$${NAME}`` is the text ``${NAME}`` itself."""
    if isinstance(value, Mapping):
        return {name: filled(inner, variables) for name, inner in value.items()}
    if not isinstance(value, str):
        return Secret(value)
    wanted = [name for escaped, name in VARIABLE.findall(value) if not escaped]
    if missing := [name for name in wanted if not variables.get(name)]:
        return Secret(None, missing=missing[0])
    return Secret(VARIABLE.sub(lambda found: found[0][1:] if found[1] else variables[found[2]], value))


def settled(wanted: Any, present: Any, path: Path = ()) -> tuple[Any, dict[Path, str]]:
    """What is wanted, with the saved secret where the variable is not set; and the variables that are missed, by path,
    where nothing is saved either."""
    if isinstance(wanted, Secret) and wanted.missing:
        if isinstance(present, Secret):
            return Secret(present.value, kept=True, missing=wanted.missing), {}
        return wanted, {path: wanted.missing}
    if not isinstance(wanted, Mapping):
        return wanted, {}
    before = present if isinstance(present, Mapping) else {}
    whole: Facts = {}
    missed: dict[Path, str] = {}
    for name, value in wanted.items():
        whole[name], more = settled(value, before.get(name), (*path, str(name)))
        missed |= more
    return whole, missed


def kept_variables(value: Any) -> Iterator[str]:
    """The variables in whose place the saved secret stays."""
    if isinstance(value, Secret) and value.kept:
        yield value.missing
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from kept_variables(inner)


def bare(value: Any) -> Any:
    """For a service: secrets as they are, and a mask, which means "as it was", for those that are kept."""
    if isinstance(value, Secret):
        return MASK if value.kept else value.value
    return {name: bare(inner) for name, inner in value.items()} if isinstance(value, Mapping) else value


def variable_for(path: Path) -> str:
    """The name by which an export asks for a secret."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(path).upper()).strip("_")[:100]
    return name if not name[:1].isdigit() else f"_{name}"[:100]


# -- showing


def written(value: Any, names: Mapping[UUID, str], path: Path) -> Any:
    """As a file has it: keys for ids, ``${NAME}`` for secrets."""
    match value:
        case Secret():
            return f"${{{variable_for(path)}}}"
        case UUID():
            return names[value]
        case datetime():
            return value.isoformat(timespec="minutes")
        case Mapping():
            return {name: written(inner, names, (*path, str(name))) for name, inner in value.items()}
        case list():
            return in_order(value, [written(inner, names, path) for inner in value])
        case StrEnum():
            return value.value
        case _:
            return value


def in_order(value: list[Any], shown: list[Any]) -> list[Any]:
    """What stands in the order of ids, which says nothing, comes in that of its keys. (Tuples keep their own.)"""
    if any(isinstance(inner, Mapping) for inner in value):
        return sorted(shown, key=lambda inner: list(inner.values()))
    return sorted(shown) if any(isinstance(inner, UUID) for inner in value) else shown


def difference(before: Facts, after: Facts, names: Mapping[UUID, str]) -> dict[str, tuple[Any, Any]]:
    """What differs, by dotted name."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    both = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: (_shown(old.get(name), names), _shown(new.get(name), names)) for name in both}


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def _shown(value: Any, names: Mapping[UUID, str]) -> Any:
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, UUID):
        return names.get(value, str(value))
    if isinstance(value, list | tuple):
        shown = [_shown(inner, names) for inner in value]
        return in_order(value, shown) if isinstance(value, list) else shown
    if isinstance(value, Mapping):
        return {name: _shown(inner, names) for name, inner in value.items()}
    return written(value, names, ())


def moved(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether what was there before and still is stands in another order."""
    return [each for each in before if each in after] != [each for each in after if each in before]


SIGNS = {Verb.CREATE: "+", Verb.UPDATE: "~", Verb.DELETE: "-"}


def lines_of(plan: Plan) -> Iterator[str]:
    """A plan for people."""
    for change in plan.changes:
        yield f"{SIGNS[change.verb]} {change.path}  {one_line(change.name)}"
        for name, (before, after) in change.fields.items():
            yield f"    {name}: {word(after)}" if change.verb is Verb.CREATE else _both(name, before, after)
        if change.loses:
            yield f"    lost with it: {', '.join(change.loses)}"
    for note in plan.notes:
        yield f"! {note}"
    if not plan.changes:
        yield "Nothing to change: everything is as the file says."
        return
    counts = [f"{plan.count(verb)} to {verb}" for verb in Verb]
    yield f"Plan: {', '.join(counts)}."


def _both(name: str, before: Any, after: Any) -> str:
    if before == after:  # masks
        return f"    {name}: changed (secret)"
    return f"    {name}: {word(before)} -> {word(after)}"


def word(value: Any) -> str:
    """One line without control characters, so that a name cannot paint on the terminal."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            said = f"[{', '.join(word(inner) for inner in value)}]"
        case Mapping():
            said = f"{{{', '.join(f'{name}: {word(inner)}' for name, inner in value.items())}}}"
        case "":
            return "''"
        case _:
            said = one_line(str(value))
    return said if len(said) <= LONGEST_SHOWN else f"{said[: LONGEST_SHOWN - 1]}…"


def one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
