"""How commands say which team they mean."""

from __future__ import annotations

import re

from django.core.management.base import CommandError

from accounts.models import Team, User

UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def team_of(email: str) -> Team:
    """The first team of the person with this address."""
    user = User.objects.filter(email=User.objects.clean_email(email)).first()
    membership = user.memberships.select_related("team").first() if user else None
    if membership is None:
        raise CommandError(f"Nobody with the address {email} has a team here.")
    return membership.team


def team_named(name: str) -> Team:
    """The team of this name or id; names need not be unique."""
    found = list(Team.objects.filter(name=name)[:10])
    if not found and UUID_FORM.fullmatch(name):
        found = list(Team.objects.filter(pk=name))
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"There is no team {name!r} here.")
    listed = ", ".join(str(team.pk) for team in found)
    raise CommandError(f"Several teams are called {name!r}; give the id of one: {listed}.")
