"""What a member's role lets a request do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.exceptions import PeopleOnly
from accounts.models import ApiKey, KeyHolder, Membership, User
from accounts.rules import Role, Scope
from accounts.selectors import membership_of
from probes.sentences import say

if TYPE_CHECKING:  # the settings name this class, so DRF's views import this module while they are made
    from rest_framework.views import APIView


def may_change(request: Request) -> bool:
    """Whether the caller may change things of the team, and so may see what lets others speak in its name."""
    return isinstance(request.user, User | KeyHolder) and membership_of(request.user).allows(Role.EDITOR)


class InPerson(BasePermission):
    """For what is one's own, whatever the team and the role: a person, and no key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            raise PeopleOnly
        return isinstance(request.user, User)


class OperatorInPerson(InPerson):
    """For who operates the installation; to others there is no such thing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if not (isinstance(request.user, User) and request.user.is_staff):
            raise NotFound
        return True


class TeamRole(BasePermission):
    """Every member may read; to change something takes an editor, or the role that the view names.

    A view that asks for another role says ``needed_role = Role.OWNER`` (to change) or ``look_role`` (to read).
    ``people_only = True`` refuses every API key: what only a person may do to an account or to keys.
    """

    message = say("Your role in the team does not allow this.")
    code = "role_too_low"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, User | KeyHolder):
            return False
        if getattr(view, "people_only", False) and isinstance(request.auth, ApiKey):
            raise PeopleOnly
        membership = membership_of(request.user)
        if request.method in SAFE_METHODS:
            needed = getattr(view, "look_role", Role.VIEWER)
        else:
            needed = getattr(view, "needed_role", Role.EDITOR)
        self.message = _too_low(membership, request.auth, needed)
        return membership.allows(needed)


def _too_low(membership: Membership, credentials: object, needed: Role) -> str:
    """What is missing: a token may be too narrow for its person, or the person's own role too low."""
    if isinstance(credentials, ApiKey) and not Scope(credentials.scope).role.covers(needed):
        wanted = next(scope for scope in Scope if scope.role is needed)
        has = credentials.scope
        return say("This takes a key with the scope {wanted}; this one has {has}.", wanted=wanted, has=has)
    return say("This takes the role {needed} in the team; yours is {role}.", needed=needed, role=membership.role)
