"""What every request passes through before sessions, routes and views."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from structlog.contextvars import bound_contextvars

from uptime.errors import BAD_REQUEST, DATABASE_DOWN, NO_LENGTH, PLAIN_HTTP, TOO_LARGE, Problem, respond

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class HealthMiddleware:
    """``/healthz``: this process answers. No host name, no database, nothing else is looked at."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return HttpResponse("ok", content_type="text/plain", headers={"Cache-Control": "no-store"})
        return self.get_response(request)


REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class RequestIdMiddleware:
    """Gives every request an id, which is in each line of the log and in the answer (``X-Request-ID``).

    One that a trusted proxy has given is kept, so that its log and ours can be read together.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "") if settings.TRUSTED_PROXY_COUNT else ""
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        with bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class PlainHttpMiddleware:
    """Refuses a program that talks plain HTTP to a site that has TLS. A redirect would be followed, and the key sent in
    the clear each time, without anybody noticing.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        encrypted = request.is_secure() or not settings.SITE_URL.startswith("https://")
        if encrypted or not request.path_info.startswith("/api/"):
            return self.get_response(request)
        return respond(request, PLAIN_HTTP)


POWERS = (
    *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "midi", "payment", "usb", "xr-spatial-tracking"),
)
NO_POWERS = ", ".join(f"{power}=()" for power in POWERS)


class NoStoreMiddleware:
    """What says nothing about caching is nobody's to keep: pages and answers are somebody's own unless they say so. And
    none of them asks the browser for a camera and the like (Permissions-Policy).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        response["Permissions-Policy"] = NO_POWERS
        return response


class DatabaseDownMiddleware:
    """Says 503 and "try again" when a view could not reach the database.

    What another middleware raises never comes by here: Django turns it into a 500 at once, and
    ``uptime.errors.failed`` looks there for the same two exceptions.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        log.error("No database for %s %s", request.method, request.path_info, exc_info=exception)
        return respond(request, DATABASE_DOWN)


class BodyLimitMiddleware:
    """Refuses a body that is announced as too large, or without its length, before a byte of it is read.

    Pings pass: what a job sends along is not worth losing its sign of life, and only its beginning is read.
    A body longer than announced needs nothing here: Django reads no further than the Content-Length.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        problem = None if request.path_info.startswith("/ping/") else _body_problem(request)
        return respond(request, problem) if problem else self.get_response(request)


def _body_problem(request: HttpRequest) -> Problem | None:
    if request.headers.get("Transfer-Encoding"):
        return NO_LENGTH
    try:
        announced = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return NO_LENGTH
    if announced < 0:
        return NO_LENGTH
    return TOO_LARGE if announced > _most_bytes(request.path_info) else None


FILE_ROUTES = ("/api/imports", "/settings/import/")
ROOM_FOR_THE_REST = 65_536


def _most_bytes(path: str) -> int:
    """Exports of other tools are larger than anything else that is sent here."""
    if path.startswith(FILE_ROUTES):
        return int(settings.IMPORT_MAX_MB) * 1_048_576 + ROOM_FOR_THE_REST
    return int(settings.MAX_BODY_BYTES)


class NulMiddleware:
    """Refuses an address with a NUL in its query: PostgreSQL holds no such text, so nothing can be found by it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        return respond(request, BAD_REQUEST) if "%00" in query or "\0" in query else self.get_response(request)


class ApiSlashMiddleware:
    """Below /api/ a trailing slash makes no difference: routes are declared without it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/") and request.path_info.endswith("/"):
            request.path_info = request.path_info.removesuffix("/")
            request.path = request.path.removesuffix("/")
        return self.get_response(request)
