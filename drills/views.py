"""``/drill/<token>``: the target. Only a drill's own monitor knows the address."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from drills import selectors


@require_safe
def target(request: HttpRequest, token: str) -> HttpResponse:
    """200, or 503 while the drill has it fail."""
    found = selectors.target_of(token)
    if found is None:
        return _say("Not found", HTTPStatus.NOT_FOUND)
    _, broken = found
    if broken:
        answer = _say("Down, on purpose", HTTPStatus.SERVICE_UNAVAILABLE)
        answer._has_been_logged = True  # type: ignore[attr-defined]  # no error of ours, so not one in Django's log
        return answer
    return _say("Well", HTTPStatus.OK)


def _say(text: str, status: HTTPStatus) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)
