"""``manage.py import kuma kuma.db --team NAME [--dry-run] [--json]``: monitors of another tool become ours."""  # noqa: N999

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from accounts.management.teams import team_of
from common.commands import SpeakingCommand, refusal
from imports import services
from imports.management import files
from imports.rules import Action


class Command(SpeakingCommand):
    help = "Make monitors from another tool's export. The second time it updates. New ones tell nobody (shadow)."

    def add_arguments(self, parser: CommandParser) -> None:
        files.add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
        parser.add_argument("--alerts", action="store_true", help="tell people of new ones at once: no shadow")
        self.add_json(parser)

    def handle(self, *args: Any, source: str, file: str, team: str, origin: str, **options: Any) -> None:
        whose, data = team_of(team), files.read_file(file)
        act = services.preview if options["dry_run"] else services.apply
        try:
            export = services.read(source, data)
            plan = act(team=whose, source=source, export=export, origin=origin, shadow=not options["alerts"])
        except ValidationError as error:
            raise refusal(error) from error
        if options["json"]:
            self.say_json(asdict(plan) | {"counts": plan.counts})
        else:
            self._say(plan)

    def _say(self, plan: services.Plan) -> None:
        for item in plan.items:
            self.stdout.write(f"{item.action:<10} {item.name}{f': {item.reason}' if item.reason else ''}")
            for name, (before, after) in item.changes.items():
                self.stdout.write(f"{'':<11}{name}: {before!r} -> {after!r}")
            for loss in item.losses:
                self.stdout.write(f"{'':<11}lost: {loss}")
        for loss in plan.losses:
            self.stdout.write(f"lost       {loss}")
        for channel in plan.channels:
            self.stdout.write(f"lost       The notification {channel}: make a channel for it, its secret is not ours.")
        counted = ", ".join(f"{plan.number(action)} {action}" for action in Action)
        self.stdout.write(f"{counted}. {'Done.' if plan.applied else 'Nothing was changed.'}")
