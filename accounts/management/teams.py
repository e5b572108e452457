"""How commands say which team they mean."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import Team, User

HELP = "the team's name or id, or the address of somebody in it"


def team_of(wanted: str) -> Team:
    """By its name or id; names need not be unique. By the address of a person: the first team that is theirs."""
    if "@" in wanted and not Team.objects.filter(name=wanted).exists():
        return _of_person(wanted)
    found = list(Team.objects.filter(name=wanted)[:10]) or _with_id(wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"There is no team {wanted!r} here; give its name or id, or the address of somebody in it.")
    listed = ", ".join(str(team.pk) for team in found)
    raise CommandError(f"Several teams are called {wanted!r}; give the id of one: {listed}.")


def _of_person(email: str) -> Team:
    user = User.objects.filter(email=User.objects.clean_email(email)).first()
    membership = user.memberships.select_related("team").first() if user else None
    if membership is None:
        raise CommandError(f"Nobody with the address {email} has a team here.")
    return membership.team


def _with_id(text: str) -> list[Team]:
    try:
        return list(Team.objects.filter(pk=UUID(text)))
    except ValueError:
        return []
