"""How the OpenAPI document is made: what a view's own words do not say, because all views have it in common.

A summary is the first sentence of a method's docstring, the rest of it the description. A list is ``{"results"}``, and
``{"results", "next"}`` with ``?limit= &cursor=`` unless its view says ``unpaged = True``. Refusals, conditions and
limits are added to every operation by ``add_common_parts``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from yaml.nodes import ScalarNode
from yaml.representer import SafeRepresenter

import accounts.access.schema  # noqa: F401  # tells drf-spectacular of the way in
from api.sections import SECTION_OF, WITHIN
from common.paging import DEFAULT_LIMIT


def _plain_text(dumper: SafeRepresenter, text: str) -> ScalarNode:
    """A refusal is a sentence that remembers its pattern (``probes.sentences``); YAML knows plain text only."""
    return dumper.represent_str(text.encode().decode())


SafeRepresenter.add_multi_representer(str, _plain_text)


class Description(AutoSchema):
    def get_tags(self) -> list[str]:
        words = self.path.removeprefix("/api/").split("/")
        inner = next((WITHIN[word] for word in words if word in WITHIN), None)
        return [inner or SECTION_OF.get(words[0]) or words[0].replace("-", " ").capitalize()]

    def get_summary(self) -> str:
        return _words(super().get_description())[0]

    def get_description(self) -> str:  # type: ignore[override]
        return _words(super().get_description())[1]

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}{'Page' if self._is_paged() else 'List'}"

    def _is_paged(self) -> bool:
        return self.method == "GET" and not getattr(self.view, "unpaged", False)

    def _get_paginator(self) -> _Lists:
        return _Lists(paged=self._is_paged())


class _Lists:
    """Stands where DRF's pagination classes do, of which the views have none."""

    def __init__(self, *, paged: bool) -> None:
        self.paged = paged

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = {"results": schema}
        if self.paged:
            text = "the cursor of the next page; null on the last one"
            properties["next"] = {"type": ["string", "null"], "description": text}
        return {"type": "object", "properties": properties, "required": list(properties)}

    def get_schema_operation_parameters(self, _view: Any) -> list[dict[str, Any]]:
        if not self.paged:
            return []
        size = {"type": "integer", "minimum": 1, "maximum": settings.API_MAX_ROWS, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "description": "the size of a page", "schema": size},
            {"name": "cursor", "in": "query", "description": "`next` of the page before", "schema": {"type": "string"}},
        ]


def _words(text: str) -> tuple[str, str]:
    """The first sentence without its stop, and the rest, in Markdown. Query strings are told by the parameters."""
    plain = re.sub(r":? ``\?[^`]*``(, at most \d+)?", "", " ".join(text.split())).replace("``", "`")
    first, _, rest = plain.partition(". ")
    return first.removesuffix("."), rest


# --- what all operations have ---

PROBLEM = {
    "type": "object",
    "description": "A refusal or a failure. `type`, `title` and `status` are those of RFC 9457.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what happened, in words"},
        "code": {"type": "string", "description": "the same for programs"},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "description": "what is wrong, by field; dots lead inwards",
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
    "example": {
        "type": "urn:uptime:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": "interval: must be from 60 to 86400 seconds",
        "code": "invalid",
        "fields": {"interval": ["must be from 60 to 86400 seconds"]},
    },
}
REFUSALS = {
    "400": ("Invalid", "What was sent is wrong; `fields` says where."),
    "401": ("Unknown", "No token, or one that is not valid any more."),
    "403": ("Forbidden", "Known, but not allowed: the role is too low, or it takes a person."),
    "404": ("NotFound", "Nothing here, or another team's."),
    "412": ("ChangedMeanwhile", "`If-Match` names something else than what is there."),
    "422": ("KeyReused", "The `Idempotency-Key` was sent with another request."),
    "429": ("TooOften", "Too often; `Retry-After` says for how many seconds."),
    "default": ("Problem", "Another refusal (409: not in this state), or a failure of ours (500, 503)."),
}
HEADERS = {
    "IfNoneMatch": ("If-None-Match", "the `ETag` of what is known already"),
    "IfMatch": ("If-Match", "the `ETag` of what is to be changed"),
    "IdempotencyKey": ("Idempotency-Key", "1 to 255 visible characters, new for each thing to be done"),
}


def add_common_parts(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    parts = result.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = PROBLEM
    parts["responses"] = {name: _refusal(text, name) for name, text in REFUSALS.values()}
    parts["responses"]["NotModified"] = {"description": "It is what `If-None-Match` names."}
    parts["headers"] = {
        "ETag": {"description": "Names what was answered.", "schema": {"type": "string"}},
        "RetryAfter": {"description": "seconds", "schema": {"type": "integer"}},
    }
    parts["parameters"] = {
        name: {"name": header, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, (header, text) in HEADERS.items()
    }
    for path, verbs in result["paths"].items():
        for verb, operation in verbs.items():
            _complete(path, verb, operation)
    return result


def _refusal(text: str, name: str) -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content = {"application/json": schema, "application/problem+json": schema}
    waits = {"headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}} if name == "TooOften" else {}
    return {"description": text, "content": content} | waits


def _complete(path: str, verb: str, operation: dict[str, Any]) -> None:
    secured = any(operation.get("security", []))
    given = [one["in"] for one in operation.get("parameters", [])]
    fits = {
        "400": "query" in given or verb != "get",
        "401": secured or path.startswith("/api/auth/"),
        "403": secured or path.startswith("/api/auth/"),
        "404": "{" in path,
        "412": verb in {"put", "patch", "delete"},
        "422": verb == "post" and secured,
        "429": True,
        "default": True,
    }
    answers = operation["responses"]
    for status, (name, _) in REFUSALS.items():
        if fits[status]:
            answers.setdefault(status, {"$ref": f"#/components/responses/{name}"})
    for status, answer in answers.items():
        if status.startswith("2") and not answer.get("description"):
            answer["description"] = {"201": "Made.", "202": "Begun.", "204": "Done."}.get(status, "As asked.")
    if verb == "get":
        answers.setdefault("304", {"$ref": "#/components/responses/NotModified"})
        answers.get("200", {}).setdefault("headers", {})["ETag"] = {"$ref": "#/components/headers/ETag"}
    header = {"get": "IfNoneMatch", "post": "IdempotencyKey" if secured else ""}.get(verb, "IfMatch")
    if header:
        operation.setdefault("parameters", []).append({"$ref": f"#/components/parameters/{header}"})
    operation["responses"] = dict(sorted(answers.items()))


# --- made once ---


class Generator(SchemaGenerator):
    """Walking through all views takes seconds, and what is found does not change while a process lives."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return document()


@cache
def document() -> dict[str, Any]:
    """The whole OpenAPI document."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found
