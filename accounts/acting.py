"""The request that is being answered, for whoever must know who acts without being told: the audit log.

Outside of a request (a Celery task, a command) nobody in person acts, and the audit log says "system".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from accounts.models import User

TEAM_IN_SESSION = "team"

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class ActingMiddleware:
    """Keeps the request at hand, and has the browser's user work in the team that was chosen last.

    Stands after Django's own ``AuthenticationMiddleware``. The API's authentication classes set ``request.user`` anew.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.user = SimpleLazyObject(lambda: _person(request))  # type: ignore[assignment]
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def request_at_hand() -> HttpRequest | None:
    return _request.get()


def _person(request: HttpRequest) -> object:
    user = get_user(request)
    if isinstance(user, User):
        user.wanted_team = _uuid(request.session.get(TEAM_IN_SESSION)) or user.last_team_id
    return user


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text)) if text else None
    except ValueError:
        return None
