"""How a request to the API says who it is from."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.exceptions import TokenRefused
from accounts.models import ApiSession, User
from accounts.selectors import live_api_session
from accounts.tokens import read_access


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access>``; ``request.auth`` is then the token's ``ApiSession``."""

    def authenticate(self, request: Request) -> tuple[User, ApiSession] | None:
        token = bearer_token(request)
        if token is None:
            return None
        session = live_api_session(read_access(token).session_id)
        if session is None:
            raise TokenRefused
        return session.user, session

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="api"'


class NoAuthentication(BearerAuthentication):
    """For the doors themselves: an old token that a client still sends must not bar its way to a new one.

    Not simply an empty list of classes: without a ``WWW-Authenticate`` header DRF turns every 401 into a 403.
    """

    def authenticate(self, _request: Request) -> None:
        return None


def bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, _request: HttpRequest, reason: str) -> str:
        return reason


def require_csrf_token(request: Request) -> None:
    """Where a cookie alone speaks for the client, ask for what another site cannot send.

    DRF's views are exempt from Django's check, for a bearer token needs none.
    """
    check = _CsrfCheck(lambda _request: HttpResponse())
    check.process_request(request._request)
    if reason := check.process_view(request._request, lambda _request: HttpResponse(), (), {}):
        raise PermissionDenied(f"CSRF check failed: {reason}", code="csrf_failed")
