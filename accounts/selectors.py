"""Who is asking, and for which team."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.exceptions import NoTeam
from accounts.models import ApiSession, AuditEntry, Identity, Invitation, KeyHolder, Membership, Team, User
from accounts.rules import Role, fingerprint


def membership_of(user: User | AnonymousUser) -> Membership:
    """The team and role that the caller works with: the one door to every tenant.

    A key's own team; else the team that the session or ``X-Team`` chose (``User.wanted_team``) while the user is a
    member of it; else the earliest. Read once per user object, that is once per request, as Django does with
    permissions. Raises ``NoTeam`` (403) when there is none.
    """
    if isinstance(user, KeyHolder):
        return user.present_membership
    if not isinstance(user, User):
        raise NoTeam
    if user.present_membership is None:
        known = memberships_of(user)
        if not known:
            raise NoTeam
        user.present_membership = next((one for one in known if one.team_id == user.wanted_team), known[0])
    return user.present_membership


def memberships_of(user: User) -> list[Membership]:
    """All teams of a user, earliest first; read once per user object."""
    if user.known_memberships is None:
        user.known_memberships = list(user.memberships.select_related("team"))
        for membership in user.known_memberships:
            membership.user = user
    return user.known_memberships


def person_of(user: User | AnonymousUser) -> User | None:
    """The person who asks; None where a team's key does."""
    return user if isinstance(user, User) else None


def live_api_session(session_id: UUID) -> ApiSession | None:
    """The session and its user, unless it was ended, the user switched off or the password changed since."""
    session = (
        ApiSession.objects.filter(id=session_id, ended_at=None, user__is_active=True).select_related("user").first()
    )
    return session if session and session.has_current_password() else None


def members_of(team: Team) -> QuerySet[Membership]:
    """Who is in a team, in the order of joining."""
    return Membership.objects.filter(team=team).select_related("user", "team")


def invitations_of(team: Team) -> QuerySet[Invitation]:
    """Neither accepted nor withdrawn; expired ones are shown, for they can be sent again."""
    return Invitation.objects.filter(team=team, accepted_at=None, revoked_at=None).select_related("invited_by", "team")


def open_invitation(token: str, *, now: datetime) -> Invitation | None:
    """The invitation that a mail's link stands for, while it is good."""
    found = Invitation.objects.open(now).filter(token_key=fingerprint(token))
    return found.select_related("team", "invited_by").first()


def audit_of(
    team: Team,
    *,
    who: str = "",
    kind: str = "",
    verb: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """A team's audit log, newest first. ``who``: part of an address or a key's name, or ``system``."""
    found = AuditEntry.objects.filter(team_id=team.pk)
    if who == AuditEntry.By.SYSTEM:
        found = found.filter(by=who)
    elif who:
        found = found.filter(actor__icontains=who)
    wanted = {"kind": kind, "verb": verb, "at__gte": since, "at__lt": until}
    return found.filter(**{name: value for name, value in wanted.items() if value})


def live_api_sessions(user: User) -> Sequence[ApiSession]:
    """The programs that are signed in, the latest first."""
    since = timezone.now() - settings.REFRESH_TOKEN_LIFETIME
    sessions = user.api_sessions.filter(ended_at=None, renewed_at__gt=since)
    return [session for session in sessions.order_by("-renewed_at") if session.has_current_password()]


def identities_of(user: User) -> Sequence[Identity]:
    """Who the person is at providers that sign people in, the one of today or earlier ones."""
    return list(user.identities.order_by("created_at", "pk"))


def teams_left_without_owner(user: User) -> Sequence[Team]:
    """Teams with other members, of whom none is an owner."""
    others = Membership.objects.filter(team=OuterRef("pk")).exclude(user=user)
    mine = Team.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    return list(mine.filter(Exists(others)).exclude(Exists(others.filter(role=Role.OWNER))).order_by("name"))


def teams_of_one(user: User) -> Sequence[Team]:
    """Teams that have no other member: they go when their member goes."""
    others = Membership.objects.filter(team=OuterRef("pk")).exclude(user=user)
    return list(Team.objects.filter(memberships__user=user).exclude(Exists(others)).order_by("name"))
