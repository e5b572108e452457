"""What the views add to the API's description: parameters of lists, and examples said where the shape is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema_serializer

Shape = TypeVar("Shape")

KINDS: dict[str, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "date-time": {"type": "string", "format": "date-time"},
    "flag": {"type": "boolean"},
}


def query(
    name: str,
    text: str,
    *,
    one_of: Iterable[str] = (),
    kind: str = "string",
    many: bool = False,
    required: bool = False,
) -> OpenApiParameter:
    """A parameter of a list. ``kind`` is a type of JSON Schema, or ``uuid``, ``date-time`` or ``flag``."""
    schema: dict[str, Any] = KINDS.get(kind, {"type": kind})
    if words := [str(word) for word in one_of]:
        schema = schema | {"enum": words}
    if many:
        schema = {"type": "array", "items": schema}
    explode = True if many else None
    return OpenApiParameter(name, schema, "query", description=text, required=required, explode=explode)


def order(allowed: Sequence[str]) -> OpenApiParameter:
    return query("order", f"`{allowed[0]}` unless said", one_of=allowed)


def example(value: dict[str, Any]) -> Callable[[type[Shape]], type[Shape]]:
    """An input that somebody might send; the API's page makes a call from it."""
    told: Callable[[type[Shape]], type[Shape]] = extend_schema_serializer(
        examples=[OpenApiExample("Example", value=value, request_only=True)]
    )
    return told
