"""Every refusal and every failure in one shape: JSON ``{"detail", "code", "fields"?}``, or a page for people.

A ``Problem`` is the plain value in the middle. ``problem_of`` makes one from an exception; the API's
exception handler and Django's error handlers make an answer from it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core import exceptions as django_errors
from django.core.exceptions import NON_FIELD_ERRORS, BadRequest
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_noop as _
from rest_framework import exceptions as api_errors
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from common.languages import Words, spoken
from probes.sentences import say

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
PROBLEM_JSON = "application/problem+json"
OVER_A_LIMIT = (
    django_errors.RequestDataTooBig,
    django_errors.TooManyFieldsSent,
    django_errors.TooManyFilesSent,
)


@dataclass(frozen=True)
class Problem:
    status: int
    code: str
    detail: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """``detail``, ``code`` and ``fields`` are ours; ``type``, ``title`` and ``status`` those of RFC 9457."""
        body: dict[str, Any] = {
            "type": f"urn:uptime:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return body | {"fields": self.fields} if self.fields else body


NOT_FOUND = Problem(404, "not_found", say("There is nothing here."))
TOO_LARGE = Problem(413, "too_large", say("The request is larger than this server accepts."))
NO_LENGTH = Problem(411, "length_required", say("Send the body with a Content-Length."))
INTERNAL = Problem(500, "internal_error", say("Something went wrong on our side. It has been logged."))
PLAIN_HTTP = Problem(
    403,
    "https_required",
    say(
        "The API is reached by https only. What this request carried has crossed the network "
        "unencrypted: replace the key."
    ),
)
FORGED = Problem(403, "csrf", say("The form did not carry the mark that shows it came from this site."))
BAD_REQUEST = Problem(400, "bad_request", say("The server could not make sense of this request."))
# A body of a hundred thousand brackets: Python's JSON reader gives up, or whoever walks the value afterwards.
TOO_DEEP = Problem(400, "too_deep", say("The request is nested too deeply."))
DATABASE_DOWN = Problem(
    503,
    "database_unavailable",
    say("The database does not answer at the moment. Try again in a few seconds."),
    headers={"Retry-After": str(RETRY_AFTER_S)},
)


# --- from an exception to a problem ---


def problem_of(exc: BaseException) -> Problem:
    match exc:
        case api_errors.ValidationError():
            return _invalid(exc.detail)
        case api_errors.APIException():
            return _refusal(exc)
        case django_errors.ValidationError():
            return _invalid(exc.message_dict if hasattr(exc, "error_dict") else exc.messages)
        case django_errors.PermissionDenied():
            return Problem(403, getattr(exc, "code", "permission_denied"), str(exc) or say("You may not do this."))
        case Http404():
            return NOT_FOUND  # its own words name models and routes
        case OperationalError() | InterfaceError():
            return DATABASE_DOWN
        case RecursionError():
            return TOO_DEEP
        case django_errors.SuspiciousOperation() | BadRequest() | MultiPartParserError() | UnreadablePostError():
            return TOO_LARGE if isinstance(exc, OVER_A_LIMIT) else BAD_REQUEST
        case _:
            return INTERNAL


def _refusal(exc: api_errors.APIException) -> Problem:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, wait))
    code = exc.get_codes()
    return Problem(
        exc.status_code,
        code if isinstance(code, str) else exc.default_code,
        str(exc.detail if isinstance(exc.detail, str) else exc.default_detail),
        headers=headers,
    )


# --- fields ---


def _invalid(errors: Any) -> Problem:
    fields = _flat(errors)
    general = fields.pop("", [])
    if general:
        detail = " ".join(general)
    else:
        name, messages = next(iter(fields.items()), ("", [say("The input is not valid.")]))
        detail = f"{name}: {messages[0]}" if name else messages[0]
    return Problem(400, "invalid", detail, fields=fields)


def _flat(errors: Any, path: str = "") -> dict[str, list[str]]:
    """Messages under dotted names: ``{"spec": {"codes": {0: ["No"]}}}`` is ``{"spec.codes.0": ["No"]}``."""
    if isinstance(errors, Mapping):
        return _merged(_flat(inner, _below(path, key)) for key, inner in errors.items())
    if isinstance(errors, list | tuple):
        return _merged(
            _flat(inner, _below(path, index)) if isinstance(inner, Mapping | list | tuple) else {path: [str(inner)]}
            for index, inner in enumerate(errors)
        )
    return {path: [str(errors)]}


def _below(path: str, key: object) -> str:
    if key in (api_settings.NON_FIELD_ERRORS_KEY, NON_FIELD_ERRORS):
        return path
    return f"{path}.{key}" if path else str(key)


def _merged(parts: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    whole: dict[str, list[str]] = {}
    for part in parts:
        for name, messages in part.items():
            whole.setdefault(name, []).extend(messages)
    return whole


# --- from a problem to an answer ---


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's ``EXCEPTION_HANDLER``: nothing that an API view raises leaves as anything but our JSON."""
    problem = problem_of(exc)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(exc, RecursionError):
        log.error("%s in %s", problem.code, type(context.get("view")).__name__, exc_info=exc)
    set_rollback()
    if request := context.get("request"):  # what the view would have said may be YAML
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    kind = content_type(request.headers.get("Accept", "") if request else "")
    return Response(problem.body(), status=problem.status, headers=problem.headers, content_type=kind)


def content_type(accept: str) -> str:
    """``application/problem+json`` for clients that ask for it; older programs look for ``application/json``."""
    return PROBLEM_JSON if PROBLEM_JSON in accept.lower() else "application/json"


TITLES = Words(
    {
        HTTPStatus.BAD_REQUEST: _("This request cannot be understood"),
        HTTPStatus.FORBIDDEN: _("You may not do this"),
        HTTPStatus.NOT_FOUND: _("Not found"),
        HTTPStatus.LENGTH_REQUIRED: _("This request cannot be understood"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("That is too large"),
        HTTPStatus.TOO_MANY_REQUESTS: _("Too many requests"),
    }
)
"""Of pages that have no template of their own."""


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The answer outside of the API's views: JSON below /api/, else a page that needs no database."""
    if request.path_info == "/api" or request.path_info.startswith("/api/"):
        kind = content_type(request.headers.get("Accept", ""))
        return JsonResponse(problem.body(), status=problem.status, headers=problem.headers, content_type=kind)
    with translation.override(_language_of(request)):
        status = HTTPStatus(problem.status)
        words = {
            "title": TITLES.get(status, status.phrase),
            "detail": spoken(problem.detail),
            "home": getattr(request, "home", "/"),
        }
        names = [f"{problem.status}_{problem.code}.html", f"{problem.status}.html", "error.html"]
        page = render_to_string(names, words)
    return HttpResponse(page, status=problem.status, headers=problem.headers)


def _language_of(request: HttpRequest) -> str:
    """What ``PreferencesMiddleware`` or a status page chose for this request, else the browser's: most that goes wrong
    does so outside of where they speak."""
    return getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(request)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler400``, ``handler403`` and ``handler404``."""
    return respond(request, problem_of(exception))


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's ``CSRF_FAILURE_VIEW``. The reason is for the log, where Django has put it."""
    return respond(request, FORGED)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``, called while the exception is being handled, so that it can still be seen.

    No other place hears of a database that went away below a middleware.
    """
    exc = sys.exc_info()[1]
    database_is_down = isinstance(exc, OperationalError | InterfaceError)
    return respond(request, DATABASE_DOWN if database_is_down else INTERNAL)
