"""``/ping/<token>``: what jobs call. No session, no form, no cache; the token is all the right there is."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from heartbeats import ear, rules, services
from heartbeats.services import Heard

MAX_BODY_BYTES = 10_240


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def ping(request: HttpRequest, token: str, word: str = "") -> HttpResponse:
    """Note that a job is well, has started, has failed or has ended with an exit code; ``?rid=`` names the run."""
    said = rules.read_word(word)
    if said is None:
        return _say("Not found", HTTPStatus.NOT_FOUND)
    try:
        heard = services.hear(token, said[0], exit_code=said[1], run=_run(request), body=_body(request))
    except (OperationalError, InterfaceError):
        ear.refused()
        raise
    match heard:
        case Heard.UNKNOWN:
            return _say("Not found", HTTPStatus.NOT_FOUND)
        case Heard.TOO_MANY:
            response = _say(f"At most {services.PINGS_A_MINUTE} pings a minute", HTTPStatus.TOO_MANY_REQUESTS)
            response.headers["Retry-After"] = "60"
            return response
        case Heard.KEPT:
            return _say("OK", HTTPStatus.OK)


def _say(text: str, status: HTTPStatus) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)


def _run(request: HttpRequest) -> UUID | None:
    """An id that cannot be read is as good as none: the ping counts all the same."""
    try:
        return UUID(request.GET["rid"])
    except (KeyError, ValueError):
        return None


def _body(request: HttpRequest) -> str:
    """The beginning of what came along; a job that breaks off while it sends has been heard nevertheless."""
    if request.method != "POST":
        return ""
    try:
        return request.read(MAX_BODY_BYTES).decode(errors="replace")
    except UnreadablePostError:
        return ""
