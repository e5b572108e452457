"""``ETag``: what a program has seen already is not sent again, and what it has not seen it cannot overwrite.

An ETag names the bytes that GET gave. ``If-None-Match`` with GET is answered 304 while they are the same. ``If-Match``
with PUT, PATCH or DELETE is answered 412 when GET would no longer give them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.exceptions import APIException

from api.asking import View, api_view_of, refuse, run

CHANGING = frozenset({"PUT", "PATCH", "DELETE"})


class Changed(APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "changed_meanwhile"
    default_detail = "This is not what you have seen any more (If-Match). Get it again, and then change it."


class ConditionsMiddleware:
    """Stands close to the views, so that what it compares is what they said."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        looked = request.method in {"GET", "HEAD"} and response.status_code == status.HTTP_200_OK
        if not looked or not request.path_info.startswith("/api/") or response.streaming:
            return response
        return _tagged(request, response)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        seen = request.headers.get("If-Match")
        kind = api_view_of(view)
        if kind is None or seen is None or request.method not in CHANGING:
            return None
        # Between the look and the change nobody else who says If-Match may change the same thing.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"If-Match {request.path_info}"])
            now = _looked_at(view, request, args, kwargs) if hasattr(kind, "get") else HttpResponse(status=405)
            refused = status.is_client_error(now.status_code) and now.status_code != status.HTTP_405_METHOD_NOT_ALLOWED
            if refused or _is_among(_etag(now) if now.status_code == status.HTTP_200_OK else "", seen):
                return run(view, request, args, kwargs)
        return refuse(request, Changed())


def _tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ["Authorization", "X-Team"])
    if "no-store" in response.headers["Cache-Control"]:
        return response
    response.headers["ETag"] = etag = _etag(response)
    if not _is_among(etag, request.headers.get("If-None-Match", "")):
        return response
    same = HttpResponseNotModified()
    for name in ("ETag", "Cache-Control", "Vary"):
        same.headers[name] = response.headers[name]
    return same


def _etag(response: HttpResponse) -> str:
    return f'"{blake2b(response.content, digest_size=16).hexdigest()}"'


def _is_among(etag: str, names: str) -> bool:
    """Whether a header names this ETag; ``*`` is any that there is.

    Whoever packs an answer on its way (gzip) makes its ETag weak. It is the same digest of the same words, so it counts
    for ``If-Match`` too.
    """
    if names.strip() == "*":
        return etag != ""
    return etag in (name.removeprefix("W/") for name in parse_etags(names))


def _looked_at(view: View, request: HttpRequest, args: Any, kwargs: Any) -> HttpResponse:
    """What GET would say to this caller this moment."""
    look = copy(request)
    look.method = "GET"
    return run(view, look, args, kwargs)
