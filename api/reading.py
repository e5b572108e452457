"""The OpenAPI document as a page tells it: sections of operations, their fields as lines, and a call to try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

Node = dict[str, Any]
DEEPEST = 2
"""Levels of fields within fields that have lines of their own."""


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    required: bool
    text: str
    words: tuple[str, ...] = ()
    """The only values."""


@dataclass(frozen=True)
class Answer:
    status: str
    text: str
    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Operation:
    id: str
    verb: str
    path: str
    summary: str
    text: str
    is_open: bool
    """It takes no token."""
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    refusals: tuple[Answer, ...]
    call: str
    """A line for a shell."""

    def has(self, words: list[str]) -> bool:
        names = " ".join(field.name for field in (*self.parameters, *self.body))
        said = f"{self.id} {self.verb} {self.path} {self.summary} {self.text} {names}".lower()
        return all(word in said for word in words)


@dataclass(frozen=True)
class Section:
    name: str
    text: str
    operations: tuple[Operation, ...]

    @property
    def anchor(self) -> str:
        return self.name.lower().replace(" ", "-")

    def having(self, text: str) -> Section:
        words = text.lower().split()
        fitting = tuple(
            one for one in self.operations if one.has([word for word in words if word != self.name.lower()])
        )
        return replace(self, operations=fitting)


def sections_of(document: Node) -> tuple[Section, ...]:
    return _sections(json.dumps(document, default=str))


@lru_cache(maxsize=1)
def _sections(text: str) -> tuple[Section, ...]:
    reader = Reader(json.loads(text))
    found = reader.operations()
    tags = {tag["name"]: tag.get("description", "") for tag in reader.document.get("tags", [])}
    names = [*tags, *sorted({name for name, _ in found} - set(tags))]
    sections = (Section(name, tags.get(name, ""), tuple(one for tag, one in found if tag == name)) for name in names)
    return tuple(section for section in sections if section.operations)


class Reader:
    def __init__(self, document: Node) -> None:
        self.document = document

    def operations(self) -> list[tuple[str, Operation]]:
        """Each with its section."""
        return [
            (node["tags"][0], self._operation(verb, path, node))
            for path, verbs in self.document["paths"].items()
            for verb, node in verbs.items()
        ]

    def _operation(self, verb: str, path: str, node: Node) -> Operation:
        parameters = [self.meant(one) for one in node.get("parameters", [])]
        body = self._content(self.meant(node.get("requestBody", {})))
        answers = [self._answer(status, self.meant(one)) for status, one in node["responses"].items()]
        secured = any(node.get("security", []))
        return Operation(
            id=node["operationId"],
            verb=verb.upper(),
            path=path,
            summary=node.get("summary", ""),
            text=node.get("description", ""),
            is_open=not secured,
            parameters=tuple(self._parameter(one) for one in parameters),
            body=tuple(self.fields(body)),
            answers=tuple(one for one in answers if one.status < "3"),
            refusals=tuple(one for one in answers if one.status >= "3"),
            call=self._call(verb, path, self._shown(node, body), secured=secured),
        )

    def _parameter(self, node: Node) -> Field:
        schema = node.get("schema", {})
        inner = schema.get("items", schema)
        place = {"path": "in the address", "header": "a header:"}.get(node["in"], "")
        text = " ".join(filter(None, [place, node.get("description", "")]))
        words = tuple(str(word) for word in inner.get("enum", ()))
        return Field(node["name"], self.kind(schema), bool(node.get("required")), text, words)

    def _answer(self, status: str, node: Node) -> Answer:
        schema = self._content(node)
        name = schema.get("$ref", "").rpartition("/")[2]
        shown = "else" if status == "default" else status
        return Answer(shown, node.get("description", ""), name, tuple(self.fields(schema)))

    def _content(self, node: Node) -> Node:
        return _first(node.get("content", {})).get("schema", {})  # type: ignore[no-any-return]

    def meant(self, node: Node) -> Node:
        """What a reference leads to."""
        seen = node
        while "$ref" in seen:
            target: Any = self.document
            for step in seen["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            seen = target
        return seen

    def fields(self, node: Node, *, within: str = "", depth: int = 0) -> Iterator[Field]:
        schema = self.meant(node)
        required = set(schema.get("required", ()))
        for name, inner in schema.get("properties", {}).items():
            leaf = self._whole(inner)
            words = tuple(str(word) for word in leaf.get("enum", ()) if word not in (None, ""))
            yield Field(within + name, self.kind(inner), name in required, leaf.get("description", ""), words)
            below = self._whole(leaf.get("items", leaf))
            if below.get("properties") and depth < DEEPEST - 1:
                mark = "[]." if "items" in leaf else "."
                yield from self.fields(below, within=f"{within}{name}{mark}", depth=depth + 1)

    def _whole(self, node: Node) -> Node:
        """A schema with what stands beside its reference; of several, the first that is not null."""
        for word in ("allOf", "oneOf", "anyOf"):
            if word in node:
                inner: Node = next((one for one in node[word] if one.get("type") != "null"), {})
                return self.meant(inner) | {name: value for name, value in node.items() if name != word}
        return self.meant(node) | {name: value for name, value in node.items() if name != "$ref"}

    def kind(self, node: Node) -> str:
        schema = self._whole(node)
        said = schema.get("type", "object" if schema.get("properties") else "any")
        types = [said] if isinstance(said, str) else said
        first = next((one for one in types if one != "null"), "null")
        text = f"list of {self.kind(schema.get('items', {}))}" if first == "array" else schema.get("format") or first
        return f"{text} or null" if "null" in types else str(text)

    # --- a call ---

    def _shown(self, node: Node, body: Node) -> Any:
        """The example that was written for an operation, else one made from the shape; None: no body."""
        content = _first(self.meant(node.get("requestBody", {})).get("content", {}))
        written = [one["value"] for one in content.get("examples", {}).values()]
        return written[0] if written else self.example(body) if body else None

    def _call(self, verb: str, path: str, body: Any, *, secured: bool) -> str:
        parts = ["curl -s"]
        if verb not in {"get", "post"} or (verb == "post" and body is None):
            parts[0] += f" -X {verb.upper()}"
        parts[0] += " $SITE" + path.replace("{id}", "$ID").replace("{region}", "$REGION")
        if secured:
            parts.append('-H "Authorization: Bearer $TOKEN"')
        if body is not None:
            told = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
            parts.append(f"--json '{told}'")
        return " \\\n  ".join(parts)

    def example(self, node: Node, *, depth: int = 0) -> Any:
        """A value of this shape: the schema's own example, or the required fields."""
        schema = self._whole(node)
        if "example" in schema or schema.get("examples"):
            return schema.get("example", schema.get("examples", [None])[0])
        if properties := schema.get("properties"):
            needed = schema.get("required", ()) or list(properties)[:1]
            return {name: self.example(properties[name], depth=depth + 1) for name in needed} if depth < 4 else {}
        return self._plain(schema, depth)

    def _plain(self, schema: Node, depth: int) -> Any:
        if schema.get("enum"):
            return schema["enum"][0]
        kind = self.kind(schema).removesuffix(" or null")
        if kind.startswith("list of "):
            return [self.example(schema.get("items", {}), depth=depth + 1)]
        known = {"uuid": "8a712df9-...", "date-time": "2026-01-31T12:00:00Z", "boolean": True, "object": {}, "any": {}}
        return known.get(kind, 60 if kind in {"integer", "number", "double"} else "...")


def _first(nodes: dict[str, Node]) -> Node:
    return next(iter(nodes.values()), {})
