"""What the commands have in common: arguments that are checked, numbers that are readable, JSON or words."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Team, User


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """An argument from ``low`` to ``high``."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return number

    return read


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day like 2026-01-31") from None


def team_of(email: str) -> Team:
    """The first team of the person with this address."""
    user = User.objects.filter(email=User.objects.clean_email(email)).first()
    membership = user.memberships.select_related("team").first() if user else None
    if membership is None:
        raise CommandError(f"Nobody with the address {email} has a team here.")
    return membership.team


def readable_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1_000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} TB"


class SpeakingCommand(BaseCommand):
    """A command that tells people what it does, or programs what it did."""

    def say_json(self, data: Any) -> None:
        self.stdout.write(json.dumps(data, indent=2, default=str))

    def say_progress(self, line: str) -> None:
        """For whoever waits; not part of the answer."""
        self.stderr.write(line)

    def say_nothing(self, line: str) -> None:
        pass
