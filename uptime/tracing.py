"""OpenTelemetry in the server: beside tasks (``probes.tracing``), requests and statements of SQL.

Addresses hold secrets (of pings, invitations, unlisted pages), so a span names the route and not what was asked for.
Statements are told without their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes import tracing

if TYPE_CHECKING:  # workers serve no requests
    from django.http import HttpRequest, HttpResponseBase

ADDRESSES = ("http.url", "http.target", "url.full", "url.path", "url.query")
SIGNS_OF_LIFE = "healthz,readyz,metrics"


def start(service: str) -> None:
    """To be called before the first handler and the first connection are made."""
    if not tracing.start(service):
        return
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    DjangoInstrumentor().instrument(response_hook=name_the_route, excluded_urls=SIGNS_OF_LIFE)
    PsycopgInstrumentor().instrument()


def name_the_route(span: Any, request: HttpRequest, _response: HttpResponseBase) -> None:
    if span is None or not span.is_recording():
        return
    route = f"/{request.resolver_match.route}" if request.resolver_match else "/"
    for name in ADDRESSES:
        if name in span.attributes:
            span.set_attribute(name, route)
