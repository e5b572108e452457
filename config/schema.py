"""The file's JSON Schema, for editors: made of the serializers, kinds and notifiers that read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Any

from django.conf import settings
from rest_framework import serializers

from alerts.notifiers import NOTIFIERS
from config.entries import KeyField
from config.kinds import KINDS, ON_PAGE, PARTS
from config.rules import KEY
from config.selectors import VERSION
from monitors.kinds import SPECS
from monitors.rules import Policy
from probes.fields import Field

Schema = dict[str, Any]

KEY_PATTERN = f"^{KEY.pattern}$"
TYPES: dict[str, Schema] = {
    "text": {"type": ["string", "number"]},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "choice": {"type": ["string", "number"]},
    "object": {"type": "object"},
    "list": {"type": "array"},
}


def address() -> str:
    return f"{settings.SITE_URL}/api/config/schema"


def schema() -> Schema:
    """Of the whole file, draft 2020-12."""
    parts = {part: _keyed(_entry(part)) for part in PARTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address(),
        "title": "Uptime: what a team has set up",
        "type": "object",
        "additionalProperties": False,
        "required": ["version"],
        "properties": {"version": {"const": VERSION}, **parts},
    }


def _keyed(entry: Schema) -> Schema:
    return {"type": ["object", "null"], "propertyNames": {"pattern": KEY_PATTERN}, "additionalProperties": entry}


def _entry(name: str) -> Schema:
    kind = KINDS[name]
    given = kind.entry().fields
    known = {field: _field(serializer) for field, serializer in given.items() if not serializer.read_only}
    left_out = {kind.titled, "slug"}
    needed = [field for field, serializer in given.items() if serializer.required and field not in left_out]
    found: Schema = {"properties": known, "additionalProperties": False}
    if needed:
        found |= {"type": "object", "required": needed}
    else:
        found |= {"type": ["object", "null"]}
    match name:
        case "monitors":
            known["kind"] = {"enum": list(SPECS), "default": "http"}
            known["policy"] = _policy()
            found["allOf"] = [_when(each, "spec", spec.describe(), needs=()) for each, spec in SPECS.items()]
        case "channels":
            known["kind"] = {"enum": list(NOTIFIERS)}
            described = {each: notifier.settings.describe() for each, notifier in NOTIFIERS.items()}
            found["allOf"] = [
                _when(each, "settings", told, needs=[field.name for field in told if field.required])
                for each, told in described.items()
            ]
        case "status_pages":
            known |= {part: _keyed(_entry(part)) for part in ON_PAGE}
    return found


def _when(kind: str, name: str, told: Iterable[Field], *, needs: Iterable[str]) -> Schema:
    """What an entry of one kind says under ``name``."""
    inner = {"type": "object", "additionalProperties": False, "properties": {each.name: _told(each) for each in told}}
    inner |= {"required": [*needs]} if needs else {}
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": [] if kind == "http" else ["kind"]},
        "then": {"properties": {name: inner}},
    }


def _told(field: Field) -> Schema:
    """A field of a kind; any may also be null, which is the same as to leave it out."""
    found = {"description": field.help, **TYPES.get(field.type, {"type": "string"})}
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    limits = {"minimum": field.minimum, "maximum": field.maximum}
    return found | {name: limit for name, limit in limits.items() if limit is not None}


def _policy() -> Schema:
    parts = {
        part.name: {"type": "boolean" if isinstance(part.default, bool) else ["integer", "null"]}
        for part in fields_of(Policy)
    }
    return {"type": "object", "additionalProperties": False, "properties": parts}


def _field(field: serializers.Field[Any, Any, Any, Any]) -> Schema:
    found = _type_of(field)
    if field.help_text:
        found = {"description": str(field.help_text), **found}
    if field.allow_null and isinstance(found.get("type"), str):
        found = found | {"type": [found["type"], "null"]}
    return found


def _type_of(field: Any) -> Schema:
    match field:
        case serializers.Serializer():
            known = {name: _field(inner) for name, inner in field.fields.items()}
            needed = [name for name, inner in field.fields.items() if inner.required]
            return {"type": "object", "additionalProperties": False, "properties": known, "required": needed}
        case serializers.ListField() | serializers.ListSerializer():
            return {"type": "array", "items": _type_of(field.child)}
        case serializers.IntegerField():
            limits = {"minimum": field.min_value, "maximum": field.max_value}
            return {"type": "integer"} | {name: limit for name, limit in limits.items() if limit is not None}
        case serializers.ChoiceField():
            return {"enum": list(field.choices)}
        case _:
            return _plain(field)


def _plain(field: Any) -> Schema:
    match field:
        case KeyField():
            return {"type": "string", "pattern": KEY_PATTERN}
        case serializers.DictField():
            return {"type": "object"}
        case serializers.BooleanField():
            return {"type": "boolean"}
        case serializers.UUIDField():
            return {"type": "string", "format": "uuid"}
        case serializers.CharField() if field.max_length:
            return {"type": "string", "maxLength": field.max_length}
        case _:
            return {"type": "string"}
