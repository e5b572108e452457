"""The doors for programs.

The refresh token travels in the body, or, for browser clients that ask with ``"cookie": true``, in an
httpOnly, SameSite=Strict cookie that no script can read. Where that cookie speaks alone (``auth/refresh`` and
``auth/logout`` without a token in the body) the request must also carry Django's CSRF token: sign-up and
log-in with ``"cookie": true`` set it in the readable cookie ``csrftoken``; send it back in ``X-CSRFToken``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.middleware.csrf import get_token
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import NoAuthentication, bearer_token, require_csrf_token
from accounts.access.throttles import ScopedThrottle
from accounts.exceptions import TokenRefused
from accounts.models import User
from accounts.serializers import doors as shapes
from accounts.services import people, programs, sessions
from accounts.services.tokens import AccessToken, RefreshToken, TokenPair, read_access, read_refresh
from common.addresses import client_network, plain_address
from common.serializers import read_body

REFRESH_COOKIE = "uptime_refresh"
REFRESH_COOKIE_PATH = "/api/auth"


class Door(APIView):
    """Open to everybody, but not too often."""

    authentication_classes = [NoAuthentication]
    permission_classes = [AllowAny]
    throttle_classes = [ScopedThrottle]


class SignUp(Door):
    throttle_scope = "signup"

    @extend_schema(request=shapes.SignUp, responses={201: shapes.SignedIn, 202: shapes.CheckMail}, auth=[])
    def post(self, request: Request) -> Response:
        """Create an account with a team of its own, and sign in.

        Where addresses must be confirmed first the answer is 202, the same whether or not there was an account.
        """
        given = read_body(shapes.SignUp, request)
        who = {name: given[name] for name in ("email", "password", "name")}
        if settings.EMAIL_VERIFICATION == "mandatory":
            people.ask_to_join(**who)
            return Response(shapes.CheckMail({}).data, status=status.HTTP_202_ACCEPTED)
        user = people.come_straight_in(**who)
        return _welcome(request, user, in_cookie=given["cookie"], status=status.HTTP_201_CREATED)


class Login(Door):
    throttle_scope = "login"

    @extend_schema(request=shapes.Login, responses=shapes.SignedIn, auth=[])
    def post(self, request: Request) -> Response:
        """Sign in with e-mail address and password, and with ``otp`` where a second factor is on.

        Without it the answer is then 401 with the code ``second_factor_required``. After five bad tries from one
        address it is 429 with ``locked``, for a quarter of an hour or until the password is reset by mail.
        """
        given = read_body(shapes.Login, request)
        place = client_network(request)
        user = people.check_credentials(email=given["email"], password=given["password"], place=place)
        people.check_confirmed(user=user)
        people.check_second_factor(user=user, code=given.get("otp"))
        return _welcome(request, user, in_cookie=given["cookie"])


class PasswordReset(Door):
    throttle_scope = "reset"

    @extend_schema(request=shapes.ResetInput, responses={202: shapes.CheckMail}, auth=[])
    def post(self, request: Request) -> Response:
        """Mail a link with which a new password is set. The answer is the same whether or not there is an account."""
        people.ask_for_reset(email=read_body(shapes.ResetInput, request)["email"])
        return Response(shapes.CheckMail({}).data, status=status.HTTP_202_ACCEPTED)


class Refresh(Door):
    throttle_scope = "refresh"

    @extend_schema(request=shapes.RefreshInput, responses=shapes.TokensOut, auth=[])
    def post(self, request: Request) -> Response:
        """Trade a refresh token for a new pair. Each works once; a second use ends the whole session.

        Without one in the body the cookie speaks; then send the value of the cookie ``csrftoken`` as ``X-CSRFToken``.
        """
        refresh = read_body(shapes.RefreshInput, request).get("refresh")
        in_cookie = refresh is None
        if in_cookie:
            refresh = _refresh_cookie(request)
        if not refresh:
            raise ValidationError({"refresh": "Send the refresh token here, or in its cookie."})
        pair = programs.renew_api_session(refresh=refresh)
        return _with_tokens(shapes.TokensOut, {}, pair, in_cookie=in_cookie)


class Logout(Door):
    throttle_scope = "refresh"

    @extend_schema(
        request=shapes.RefreshInput,
        responses={204: OpenApiResponse(description="Signed out.")},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """End the session of the bearer token, of the refresh token, or of both: all its tokens at once.

        An access token that has expired is no obstacle: the refresh token alone is enough, and the reverse.
        """
        bearer = _session_id(read_access, bearer_token(request))
        refresh = read_body(shapes.RefreshInput, request).get("refresh")
        if refresh is None:
            refresh = _refresh_cookie(request, csrf_checked=bearer is None)
        named = {bearer, _session_id(read_refresh, refresh)}
        ending = [session_id for session_id in named if session_id]
        if not ending:
            raise TokenRefused
        for session_id in ending:
            sessions.end_api_session(session_id=session_id)
        response = Response(status=status.HTTP_204_NO_CONTENT)
        response.delete_cookie(REFRESH_COOKIE, path=REFRESH_COOKIE_PATH, samesite="Strict")
        return response


def _welcome(request: Request, user: User, *, in_cookie: bool, status: int = status.HTTP_200_OK) -> Response:
    if in_cookie:
        get_token(request._request)  # makes the CSRF middleware set the cookie that auth/refresh will ask for
    return _with_tokens(
        shapes.SignedIn,
        {"user": user},
        programs.open_api_session(
            user=user, address=plain_address(request), client=request.headers.get("User-Agent", "")
        ),
        in_cookie=in_cookie,
        status=status,
    )


def _with_tokens(
    kind: type[shapes.TokensOut],
    words: dict[str, Any],
    pair: TokenPair,
    *,
    in_cookie: bool,
    status: int = status.HTTP_200_OK,
) -> Response:
    words["access"] = pair.access
    if not in_cookie:
        words["refresh"] = pair.refresh
    response = Response(kind(words).data, status=status, headers={"Cache-Control": "no-store"})
    if in_cookie:
        response.set_cookie(
            REFRESH_COOKIE,
            pair.refresh,
            max_age=settings.REFRESH_TOKEN_LIFETIME,
            path=REFRESH_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Strict",
        )
    return response


def _refresh_cookie(request: Request, *, csrf_checked: bool = True) -> str | None:
    """The refresh token from the cookie. Only a request with a good bearer token may skip the CSRF check."""
    token = request.COOKIES.get(REFRESH_COOKIE)
    if token is not None and csrf_checked:
        require_csrf_token(request)
    return token


def _session_id(read: Callable[[str], AccessToken | RefreshToken], token: str | None) -> UUID | None:
    """Which session a token belongs to; None when it is no token of ours, or too old."""
    try:
        return read(token).session_id if token else None
    except TokenRefused:
        return None
