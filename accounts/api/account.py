"""``/api/auth/me`` and below: what is a person's own, whatever the team. No key speaks for a person.

Second factors are told of and not changed here: a security key answers a page of ours alone, since browsers tie its
signature to the site, and whoever holds nothing but a stolen token should not come near the codes.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.permissions import InPerson
from accounts.models import ApiSession, User
from accounts.selectors import identities_of, live_api_sessions, membership_of
from accounts.serializers import account as shapes
from accounts.serializers.doors import CheckMail, TokensOut
from accounts.services import elsewhere, factors, people, programs, sessions
from common.addresses import client_network, plain_address
from common.serializers import read_body

NOT_KEPT = {"Cache-Control": "no-store"}


class OwnView(APIView):
    permission_classes = [InPerson]

    @property
    def me(self) -> User:
        return cast(User, self.request.user)

    @property
    def session(self) -> ApiSession:
        """The one that asks."""
        return cast(ApiSession, self.request.auth)

    def surely(self, kind: type[shapes.SureInput]) -> dict[str, Any]:
        """What was sent, once its password has shown that it is still the owner who asks. A bad try counts."""
        given = read_body(kind, self.request)
        people.check_password(user=self.me, password=given.pop("password"), place=client_network(self.request))
        return given


class Me(OwnView):
    @extend_schema(responses=shapes.Profile)
    def get(self, request: Request) -> Response:
        """Who is signed in, in which team, with which role."""
        return Response(shapes.Profile(membership_of(self.me)).data, headers=NOT_KEPT)

    @extend_schema(request=shapes.ProfileChange, responses=shapes.Profile)
    def patch(self, request: Request) -> Response:
        """Change one's own name, and the clocks, language and look of the pages."""
        people.set_preferences(user=self.me, **read_body(shapes.ProfileChange, request))
        return Response(shapes.Profile(membership_of(self.me)).data)


class Email(OwnView):
    throttle_scope = "account"

    @extend_schema(request=shapes.EmailChange, responses={202: CheckMail})
    def post(self, request: Request) -> Response:
        """Ask for another address. It changes when somebody follows the link that is mailed there."""
        people.ask_for_email(user=self.me, email=self.surely(shapes.EmailChange)["email"])
        return Response(CheckMail({}).data, status=status.HTTP_202_ACCEPTED)


class EmailAgain(OwnView):
    throttle_scope = "account"

    @extend_schema(request=None, responses={202: CheckMail})
    def post(self, request: Request) -> Response:
        """Mail the link that confirms the present address once more."""
        people.ask_for_email(user=self.me, email=self.me.email)
        return Response(CheckMail({}).data, status=status.HTTP_202_ACCEPTED)


class Password(OwnView):
    @extend_schema(request=shapes.PasswordChange, responses=TokensOut)
    def post(self, request: Request) -> Response:
        """Change the password.

        All that is signed in is out, this session too: the answer holds the tokens of a new one.
        """
        password = self.surely(shapes.PasswordChange)["new_password"]
        try:
            people.change_password(user=self.me, password=password)
        except ValidationError as error:
            raise ValidationError({"new_password": error.message_dict["password"]}) from error
        sessions.end_others(user=self.me, key=None)
        pair = programs.open_api_session(
            user=self.me, address=plain_address(request), client=request.headers.get("User-Agent", "")
        )
        told = TokensOut({"access": pair.access, "refresh": pair.refresh}).data
        return Response(told, headers=NOT_KEPT)


class Delete(OwnView):
    @extend_schema(request=shapes.SureInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """Delete the account, and the teams that are the person's alone with all that they hold."""
        self.surely(shapes.SureInput)
        people.delete_account(user=self.me)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionList(OwnView):
    unpaged = True

    @extend_schema(responses=shapes.SessionOut(many=True))
    def get(self, request: Request) -> Response:
        """Where one is signed in: programs and browsers, each with the latest first."""
        told = [_program(one, current=one.pk == self.session.pk) for one in live_api_sessions(self.me)]
        told += [_browser(one) for one in sessions.sessions_of(self.me)]
        return Response({"results": shapes.SessionOut(told, many=True).data})

    @extend_schema(responses={204: None}, operation_id="auth_me_sessions_end_others")
    def delete(self, request: Request) -> Response:
        """End all sessions but the one that asks."""
        sessions.end_other_sessions(user=self.me, key=None, program=self.session.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionDetail(OwnView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """End one session, from its next request on."""
        if not self._end(pk):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _end(self, pk: str) -> bool:
        """Browsers' sessions have numbers, programs' long ids."""
        if pk.isascii() and pk.isdigit():
            return len(pk) < 19 and sessions.end_one(user=self.me, pk=int(pk))
        try:
            return sessions.end_api_session_of(user=self.me, session_id=UUID(pk))
        except ValueError:
            return False


def _program(session: ApiSession, *, current: bool) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "kind": "program",
        "address": session.address,
        "client": session.client,
        "created_at": session.created_at,
        "last_seen_at": session.renewed_at,
        "current": current,
    }


def _browser(session: UserSession) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "kind": "browser",
        "address": None if session.ip == sessions.UNKNOWN_ADDRESS else session.ip,
        "client": session.user_agent,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "current": False,
    }


class Factors(OwnView):
    @extend_schema(responses=shapes.FactorsOut)
    def get(self, request: Request) -> Response:
        """Whether logging in takes a second factor, and which there are. They are changed on the account's page."""
        found = factors.of(self.me)
        app, keys = found["app"], found["own_keys"]
        told = {
            "on": bool(app or keys),
            "app": _factor(app, "Authenticator app") if app else None,
            "keys": [_factor(key, str(key)) for key in keys],
            "codes_left": found["codes_left"],
        }
        return Response(shapes.FactorsOut(told).data, headers=NOT_KEPT)


class Identities(OwnView):
    unpaged = True

    @extend_schema(responses=shapes.IdentityOut(many=True))
    def get(self, request: Request) -> Response:
        """Which providers open the account beside the password."""
        told = [
            {"id": one.pk, "provider": elsewhere.name_of(one)}
            | {name: getattr(one, name) for name in ("issuer", "created_at", "last_used_at")}
            for one in identities_of(self.me)
        ]
        return Response({"results": shapes.IdentityOut(told, many=True).data}, headers=NOT_KEPT)


class Unlink(OwnView):
    @extend_schema(request=shapes.SureInput, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """From now on that provider does not open the account, until its person signs in there and is linked anew."""
        self.surely(shapes.SureInput)
        if not elsewhere.unlink(user=self.me, pk=pk):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


def _factor(row: Any, name: str) -> dict[str, Any]:
    return {"name": name, "created_at": row.created_at, "last_used_at": row.last_used_at}
