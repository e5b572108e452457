"""Reading and writing the file. YAML is read from its events alone: no tag, no alias and no object of any class can
come of it, scalars are those of JSON (``22:30`` is a text, ``no`` too), and what is read remembers its line. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from config.rules import Path

MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
DEEPEST = 20

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?")
WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class BadDocument(ValueError):
    """It cannot be read; the message says where and why."""


@dataclass(slots=True)
class Document:
    """What a file says, and on which lines (from 1) it says it."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """Of this, or of the nearest thing above it that has one."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def read(text: str | bytes) -> Document:
    """Raises ``BadDocument``."""
    if len(text) > MOST_BYTES:
        raise BadDocument(f"the file is larger than {MOST_BYTES:,} bytes")
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadDocument(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadDocument("the file is no text in UTF-8, or has characters in it that YAML does not allow") from error
    return Document(reader.whole, reader.lines)


@dataclass(slots=True)
class _Open:
    """A mapping or list that has not ended yet."""

    value: Any
    path: Path
    key: str | None = None


class _Reader:
    def __init__(self) -> None:
        self.whole: Any = None
        self.lines: dict[Path, int] = {}
        self._open: list[_Open] = []
        self._count = self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.AliasEvent():
                raise BadDocument(f"line {line}: aliases (*name) are not read; write it out")
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise BadDocument(f"line {line}: one file holds one document; remove the ---")
            case yaml.MappingStartEvent():
                self._begin({}, event, line)
            case yaml.SequenceStartEvent():
                self._begin([], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case yaml.ScalarEvent():
                self._scalar(event, line)

    def _begin(self, value: Any, event: Any, line: int) -> None:
        self._check(event, line)
        path = self._add(value, line)
        if len(self._open) >= DEEPEST:
            raise BadDocument(f"line {line}: nested more than {DEEPEST} levels deep")
        self._open.append(_Open(value, path))

    def _scalar(self, event: Any, line: int) -> None:
        self._check(event, line)
        above = self._open[-1] if self._open else None
        if above is None or isinstance(above.value, list) or above.key is not None:
            self._add(_value(event.value) if event.implicit[0] else event.value, line)
            return
        if event.value in above.value:
            raise BadDocument(f"line {line}: {event.value[:60]!r} is there twice; keep one of them")
        above.key = event.value
        self.lines[(*above.path, event.value)] = line

    def _check(self, event: Any, line: int) -> None:
        self._count += 1
        if self._count > MOST_VALUES:
            raise BadDocument(f"line {line}: the file holds more than {MOST_VALUES:,} values")
        if event.tag not in (None, "!"):
            raise BadDocument(f"line {line}: tags like {event.tag[:60]} are not read; remove it")

    def _add(self, value: Any, line: int) -> Path:
        """Put a value where it belongs, and say where that is."""
        if not self._open:
            self.whole = value
            return ()
        above = self._open[-1]
        if isinstance(above.value, list):
            above.value.append(value)
            path = (*above.path, str(len(above.value) - 1))
            self.lines[path] = line
            return path
        if above.key is None:
            raise BadDocument(f"line {line}: a name must be a text, not a list or an object")
        above.value[above.key] = value
        path, above.key = (*above.path, above.key), None
        return path


def _value(text: str) -> Any:
    """A scalar without quotes."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def write(data: Mapping[str, Any], *, schema: str) -> str:
    """As YAML, in the order of the data, with the schema for editors in the first line."""
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# yaml-language-server: $schema={schema}\n{body}"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        """Quoted with escapes where signs do not show; between single quotes some of them are taken for line ends."""
        plain = data.replace("\n", "").isprintable()
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if plain else '"')


_Dumper.add_representer(str, _Dumper.text)
