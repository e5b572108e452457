"""``/api/team``, ``/api/teams``, ``/api/api-keys``, ``/api/tokens``, ``/api/audit-log``.

The team is the one that the credentials act for; a person's program names another one of theirs in ``X-Team``.
"""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors
from accounts.access.permissions import InPerson
from accounts.access.throttles import CallerThrottle, PostThrottle
from accounts.models import ApiKey, Invitation, Membership, User
from accounts.rules import Role
from accounts.selectors import membership_of, person_of
from accounts.serializers.teams import (
    AuditOutput,
    AuditQuery,
    InvitationInput,
    InvitationOutput,
    KeyInput,
    KeyOutput,
    MemberOutput,
    NewKeyOutput,
    OwnTeamOutput,
    RoleInput,
    TeamInput,
    TransferInput,
)
from accounts.services import keys, teams
from common.paging import page_by
from common.serializers import read_body


def member_of(request: Request, pk: UUID) -> Membership:
    """A member of the caller's team by the person's id; anybody else is as unknown as one that never was."""
    return get_object_or_404(selectors.members_of(membership_of(request.user).team), user_id=pk)


# --- teams ---


class TeamList(APIView):
    unpaged = True
    permission_classes = [InPerson]  # also for who is in no team

    @extend_schema(responses=OwnTeamOutput(many=True))
    def get(self, request: Request) -> Response:
        """The teams that the caller is in."""
        return Response({"results": OwnTeamOutput(selectors.memberships_of(cast(User, request.user)), many=True).data})

    @extend_schema(request=TeamInput, responses={201: OwnTeamOutput})
    def post(self, request: Request) -> Response:
        """Found another team, as its owner."""
        user = cast(User, request.user)
        team = teams.create_team(owner=user, **read_body(TeamInput, request))
        membership = user.memberships.select_related("team").get(team=team)
        return Response(OwnTeamOutput(membership).data, status=status.HTTP_201_CREATED)


class TeamDetail(APIView):
    needed_role = Role.OWNER

    @extend_schema(responses=OwnTeamOutput)
    def get(self, request: Request) -> Response:
        """The team that the credentials act for, and the role in it."""
        return Response(OwnTeamOutput(membership_of(request.user)).data)

    @extend_schema(request=TeamInput, responses=OwnTeamOutput)
    def patch(self, request: Request) -> Response:
        """Rename the team."""
        membership = membership_of(request.user)
        membership.team = teams.rename_team(membership.team, **read_body(TeamInput, request))
        return Response(OwnTeamOutput(membership).data)


class TeamDelete(APIView):
    needed_role = Role.OWNER
    people_only = True

    @extend_schema(request=TeamInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """Delete the team with all that it owns. The body repeats its name."""
        teams.delete_team(membership_of(request.user).team, **read_body(TeamInput, request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class TeamTransfer(APIView):
    needed_role = Role.OWNER
    people_only = True

    @extend_schema(request=TransferInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """Hand the team over to another member. Both have to sign in again."""
        to = member_of(request, read_body(TransferInput, request)["user"])
        teams.transfer(membership_of(request.user), to=to)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TeamLeave(APIView):
    needed_role = Role.VIEWER
    people_only = True

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Leave the team. Its last owner cannot."""
        teams.leave(membership_of(request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- members, invitations ---


class MemberList(APIView):
    @extend_schema(responses=MemberOutput(many=True))
    def get(self, request: Request) -> Response:
        """Who is in the team, in the order of joining."""
        members = selectors.members_of(membership_of(request.user).team)
        page, more = page_by(members, request.query_params, order=("created_at", "id"))
        return Response({"results": MemberOutput(page, many=True).data, "next": more})


class MemberDetail(APIView):
    needed_role = Role.OWNER

    @extend_schema(responses=MemberOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One member, by the person's id."""
        return Response(MemberOutput(member_of(request, pk)).data)

    @extend_schema(request=RoleInput, responses=MemberOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Give a member another role. It counts at once: all their sessions end, and they sign in again."""
        member = member_of(request, pk)
        member = teams.change_role(member, by=person_of(request.user), **read_body(RoleInput, request))
        return Response(MemberOutput(member).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Take a member out of the team, and end all their sessions."""
        teams.remove(member_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


def invitation_of(request: Request, pk: UUID) -> Invitation:
    return get_object_or_404(selectors.invitations_of(membership_of(request.user).team), pk=pk)


class InvitationList(APIView):
    look_role = needed_role = Role.OWNER
    throttle_scope = "invite"
    throttle_classes = [PostThrottle, CallerThrottle]  # looking sends no mail

    @extend_schema(responses=InvitationOutput(many=True))
    def get(self, request: Request) -> Response:
        """Who is invited and has not come yet."""
        team = membership_of(request.user).team
        page, more = page_by(selectors.invitations_of(team), request.query_params, order=("-created_at", "-id"))
        return Response({"results": InvitationOutput(page, many=True).data, "next": more})

    @extend_schema(request=InvitationInput, responses={201: InvitationOutput})
    def post(self, request: Request) -> Response:
        """Invite somebody by mail; the link in it works once, for seven days."""
        team = membership_of(request.user).team
        invitation = teams.invite(team=team, by=person_of(request.user), **read_body(InvitationInput, request))
        return Response(InvitationOutput(invitation).data, status=status.HTTP_201_CREATED)


class InvitationDetail(APIView):
    look_role = needed_role = Role.OWNER

    @extend_schema(responses=InvitationOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One invitation."""
        return Response(InvitationOutput(invitation_of(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Withdraw an invitation: its link is dead at once."""
        teams.revoke_invitation(invitation_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationResend(APIView):
    needed_role = Role.OWNER
    throttle_scope = "invite"

    @extend_schema(request=None, responses=InvitationOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Send a new link; the one before it is dead."""
        return Response(InvitationOutput(teams.send_again(invitation_of(request, pk))).data)


# --- keys ---


def _new_key(made: tuple[ApiKey, str]) -> Response:
    key, secret = made
    words = KeyOutput(key).data | {"secret": secret}
    return Response(words, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


KEY_ORDER = ("-created_at", "-id")


class KeyList(APIView):
    look_role = needed_role = Role.OWNER
    people_only = True

    @extend_schema(responses=KeyOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's keys, without their secrets."""
        found = keys.keys_of(membership_of(request.user).team)
        page, more = page_by(found, request.query_params, order=KEY_ORDER)
        return Response({"results": KeyOutput(page, many=True).data, "next": more})

    @extend_schema(request=KeyInput, responses={201: NewKeyOutput})
    def post(self, request: Request) -> Response:
        """Make a key. The answer holds its secret, this once."""
        team = membership_of(request.user).team
        return _new_key(keys.create_key(team=team, by=cast(User, request.user), **read_body(KeyInput, request)))


class KeyDetail(APIView):
    look_role = needed_role = Role.OWNER
    people_only = True

    @extend_schema(responses=KeyOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One key, without its secret."""
        key = get_object_or_404(keys.keys_of(membership_of(request.user).team), pk=pk)
        return Response(KeyOutput(key).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke a key, from its next request on."""
        keys.revoke(get_object_or_404(keys.keys_of(membership_of(request.user).team), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class TokenList(APIView):
    needed_role = Role.VIEWER
    people_only = True

    @extend_schema(responses=KeyOutput(many=True))
    def get(self, request: Request) -> Response:
        """The caller's own tokens for this team."""
        found = keys.tokens_of(membership_of(request.user))
        page, more = page_by(found, request.query_params, order=KEY_ORDER)
        return Response({"results": KeyOutput(page, many=True).data, "next": more})

    @extend_schema(request=KeyInput, responses={201: NewKeyOutput})
    def post(self, request: Request) -> Response:
        """Make a token that acts as the caller in this team, never above the caller's role."""
        return _new_key(keys.create_token(membership=membership_of(request.user), **read_body(KeyInput, request)))


class TokenDetail(APIView):
    needed_role = Role.VIEWER
    people_only = True

    @extend_schema(responses=KeyOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One of the caller's own tokens, without its secret."""
        return Response(KeyOutput(get_object_or_404(keys.tokens_of(membership_of(request.user)), pk=pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke a token of one's own, from its next request on."""
        keys.revoke(get_object_or_404(keys.tokens_of(membership_of(request.user)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- audit log ---


class AuditLog(APIView):
    look_role = Role.OWNER

    @extend_schema(parameters=[AuditQuery], responses=AuditOutput(many=True))
    def get(self, request: Request) -> Response:
        """Who did what, newest first: ``?who= &kind= &verb= &since= &until= &limit= &cursor=``."""
        wanted = AuditQuery(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        found = selectors.audit_of(membership_of(request.user).team, **wanted.validated_data)
        page, more = page_by(found, request.query_params, order=("-id",))
        return Response({"results": AuditOutput(page, many=True).data, "next": more})
