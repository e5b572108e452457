"""How the OpenAPI document describes the way in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, _auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


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


KINDS: dict[str, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "date-time": {"type": "string", "format": "date-time"},
    "flag": {"type": "boolean"},
}


def order(allowed: Sequence[str]) -> OpenApiParameter:
    return query("order", f"`{allowed[0]}` unless said", one_of=allowed)
