"""``manage.py bootstrap``: the first person, their team and the first monitors, from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import Team, User
from common.commands import SpeakingCommand
from monitors import services
from monitors.models import Monitor


class Command(SpeakingCommand):
    help = (
        "Make the first superuser with a team and monitors, for installations without hands: BOOTSTRAP_EMAIL, "
        "BOOTSTRAP_PASSWORD (or BOOTSTRAP_PASSWORD_FILE), BOOTSTRAP_TEAM (its name) and BOOTSTRAP_MONITORS (addresses, "
        "separated by spaces or commas). What is there already stays as it is, its password too, so it may run at "
        "every start."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_json(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = User.objects.clean_email(os.environ.get("BOOTSTRAP_EMAIL", ""))
        if not email:
            raise CommandError("BOOTSTRAP_EMAIL is not set: whose account is to be made?")
        user = User.objects.filter(email=email).first()
        made = user is None
        user = user or _make(email)
        team = _team_of(user)
        monitors = [address for address in _addresses() if _add(team, address)]
        told = {"user": user.email, "created": made, "team": team.name, "monitors_added": monitors}
        if options["json"]:
            self.say_json(told)
            return
        self.stdout.write(f"{user.email} {'was made' if made else 'is there already'}; the team is called {team.name}.")
        self.stdout.write(f"{len(monitors)} monitors were added.")


def _make(email: str) -> User:
    password = _password()
    try:
        validate_email(email)
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise CommandError(f"BOOTSTRAP_EMAIL or BOOTSTRAP_PASSWORD: {' '.join(error.messages)}") from error
    user = User.objects.create_superuser(email, password)
    if name := os.environ.get("BOOTSTRAP_TEAM", "").strip():
        team = _team_of(user)
        team.name = name[:120]
        team.save(update_fields=["name"])
    return user


def _password() -> str:
    if path := os.environ.get("BOOTSTRAP_PASSWORD_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise CommandError(f"BOOTSTRAP_PASSWORD_FILE cannot be read: {error.strerror}.") from error
    password = os.environ.get("BOOTSTRAP_PASSWORD", "")
    if not password:
        raise CommandError("BOOTSTRAP_PASSWORD is not set, and neither is BOOTSTRAP_PASSWORD_FILE.")
    return password


def _team_of(user: User) -> Team:
    membership = user.memberships.select_related("team").first()
    return membership.team if membership else Team.objects.create_personal(user)


def _addresses() -> list[str]:
    return os.environ.get("BOOTSTRAP_MONITORS", "").replace(",", " ").split()


def _add(team: Team, address: str) -> bool:
    """Whether it was new to the team."""
    if Monitor.objects.for_team(team).filter(spec__url=address).exists():
        return False
    try:
        services.create_monitor(team=team, url=address)
    except ValidationError as error:
        raise CommandError(f"BOOTSTRAP_MONITORS, {address}: {'; '.join(error.messages)}") from error
    return True
