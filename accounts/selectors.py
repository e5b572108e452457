"""Who is asking, and for which team."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from accounts.exceptions import NoTeam
from accounts.models import ApiSession, Membership, User


def membership_of(user: User | AnonymousUser) -> Membership:
    """The team and role that the user works with at present: the earliest membership.

    Read once per user object, that is once per request, as Django does with permissions.
    Raises ``NoTeam`` (403) when there is none. A switch between teams would be built here.
    """
    if not isinstance(user, User):
        raise NoTeam
    if user.present_membership is None:
        user.present_membership = user.memberships.select_related("team").first()
    if user.present_membership is None:
        raise NoTeam
    return user.present_membership


def live_api_session(session_id: UUID) -> ApiSession | None:
    """The session and its user, unless it was ended, the user switched off or the password changed since."""
    session = (
        ApiSession.objects.filter(id=session_id, ended_at=None, user__is_active=True).select_related("user").first()
    )
    return session if session and session.has_current_password() else None
