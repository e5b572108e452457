"""``manage.py parity kuma kuma.db --team NAME [--json]``: do the other tool and this one say the same?"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from accounts.management.teams import team_of
from common.commands import SpeakingCommand, refusal
from imports import services
from imports.management import files
from imports.rules import Disagreement


class Command(SpeakingCommand):
    help = "Compare the other tool's verdicts with ours, monitor by monitor, over the time of which both speak."

    def add_arguments(self, parser: CommandParser) -> None:
        files.add_arguments(parser)
        self.add_json(parser)

    def handle(self, *args: Any, source: str, file: str, team: str, origin: str, **options: Any) -> None:
        try:
            found = services.compare(team=team_of(team), source=source, data=files.read_file(file), origin=origin)
        except ValidationError as error:
            raise refusal(error) from error
        if options["json"]:
            self.say_json([one.as_dict() for one in found])
            return
        for one in found:
            parity = one.parity
            share = (
                "nothing to compare"
                if parity.agreement is None
                else f"{parity.agreement:.3%} of {parity.compared_s:,.0f} s"
            )
            self.stdout.write(f"{one.monitor.name}: {share}")
            for item in parity.disagreements:
                self._say(item)

    def _say(self, item: Disagreement) -> None:
        ours, theirs = ("up", "down") if item.ours_up else ("down", "up")
        brief = ", within what two timetables explain" if item.brief else ""
        self.stdout.write(f"  {item.begins:%Y-%m-%d %H:%M:%S} UTC for {item.lasted_s:,.0f} s{brief}")
        self.stdout.write(f"    here {ours}: {item.ours_why or '-'}")
        self.stdout.write(f"    there {theirs}: {item.theirs_why or '-'}")
