"""How commands say which team they mean."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import Team, User

HELP = "the team's name or id, or the address of somebody in it"


def team_of(wanted: str) -> Team:
    """The team with this id; else the first one of the person with this address; else that of this name.

    In this order, because anybody may call a team by another's id or by somebody's address.
    """
    found = _with_id(wanted) or _of_person(wanted) or list(Team.objects.filter(name=wanted)[:10])
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"There is no team {wanted!r} here; give its name or id, or the address of somebody in it.")
    listed = ", ".join(str(team.pk) for team in found)
    raise CommandError(f"Several teams are called {wanted!r}; give the id of one: {listed}.")


def _with_id(text: str) -> list[Team]:
    try:
        return list(Team.objects.filter(pk=UUID(text)))
    except ValueError:
        return []


def _of_person(email: str) -> list[Team]:
    """Empty for what is no address, and for somebody without a team."""
    if "@" not in email:
        return []
    user = User.objects.filter(email=User.objects.clean_email(email)).first()
    membership = user.memberships.select_related("team").first() if user else None
    return [membership.team] if membership else []
