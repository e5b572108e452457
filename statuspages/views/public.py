"""How what is made for other sites is handed over: cacheable, comparable, without a session or a power of any kind."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response

NOTHING_ALLOWED = "default-src 'none'"


def answer(
    request: HttpRequest, body: str, content_type: str, *, max_age_s: int, policy: str = NOTHING_ALLOWED
) -> HttpResponseBase:
    """The body with an ETag, or 304 where the reader has it already. Other sites' scripts may read it."""
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type=f"{content_type}; charset=utf-8")
    given: HttpResponseBase = get_conditional_response(request, etag=etag, response=response) or response
    for name, value in {
        "ETag": etag,
        "Cache-Control": f"public, max-age={max_age_s}, stale-if-error=86400",
        "Content-Security-Policy": policy,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }.items():
        given.headers[name] = value
    return given


def nothing_here() -> HttpResponse:
    """One answer for all that may not be seen: unknown, private, switched off."""
    return HttpResponse(
        "Not found\n",
        status=HTTPStatus.NOT_FOUND,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store", "Content-Security-Policy": NOTHING_ALLOWED},
    )
