"""How a request to the API says who it is from."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.exceptions import NoSuchTeam, TokenRefused
from accounts.models import ApiKey, ApiSession, KeyHolder, Membership, User
from accounts.selectors import live_api_session, membership_of, memberships_of
from accounts.services import keys
from accounts.services.tokens import read_access

TEAM_HEADER = "X-Team"


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token or API key>``; ``request.auth`` is then its ``ApiSession`` or ``ApiKey``.

    A person's session may name one of the person's teams in ``X-Team``; any other team is as unknown as one that never
    was. A key has one team for good: the header must name that one, or be left out.
    """

    def authenticate(self, request: Request) -> tuple[User | KeyHolder, ApiSession | ApiKey] | None:
        text = bearer_token(request)
        if text is None:
            return None
        named = request.headers.get(TEAM_HEADER)
        if keys.looks_like_one(text):
            key, holder = keys.use(text, now=timezone.now())
            if named is not None:
                _team_named(named, [membership_of(holder)])
            return holder, key
        session = live_api_session(read_access(text).session_id)
        if session is None:
            raise TokenRefused
        if named is not None:
            session.user.wanted_team = _team_named(named, memberships_of(session.user))
        return session.user, session

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="api"'


def _team_named(named: str, own: Iterable[Membership]) -> UUID:
    for membership in own:
        if str(membership.team_id) == named.strip().lower():
            return membership.team_id
    raise NoSuchTeam


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
