"""``manage.py drill``: take a target of ours down, and see how soon people are told."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.management.teams import HELP, team_of
from accounts.models import Team
from common.commands import SpeakingCommand, refusal
from drills import rules, selectors, services
from drills.exceptions import DrillRuns
from drills.models import Drill

WORDS = {
    "failed": "first failure seen",
    "confirmed": "incident opened",
    "queued": "message planned",
    "accepted": "accepted by a channel",
    "recovered": "incident resolved",
    "told": "told that it is over",
}


class Command(SpeakingCommand):
    help = "Take a target of our own down on purpose and show the seconds until people are told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--team", help=f"{HELP}; needed where there are several")
        parser.add_argument("--interval", type=int, help="seconds between the target's checks (60)")
        parser.add_argument("--wait", action="store_true", help="show each stage as it is reached, to the end")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        team = team_of(options["team"]) if options["team"] else _only_team()
        try:
            drill = services.begin(team=team, by=None, interval=options["interval"])
        except ValidationError as error:
            raise refusal(error) from error
        except DrillRuns as error:
            raise CommandError(str(error.detail)) from error
        as_json = options["json"]
        if not as_json:
            self.stdout.write(f"Drill {drill.pk} of {team}: its target is checked every {drill.interval} s.")
        if options["wait"]:
            self._watch(drill, as_json=as_json)
        elif not as_json:
            self.stdout.write(f"See GET /api/drills/{drill.pk}.")
        if as_json:
            self.say_json(_as_dict(drill))

    def _watch(self, drill: Drill, *, as_json: bool) -> None:
        until = time.monotonic() + rules.longest(drill.every).total_seconds()
        told: set[str] = set()
        while drill.ended_at is None:
            if time.monotonic() > until:
                raise CommandError("Nothing goes on any more: are beat, the central worker and alerts running?")
            time.sleep(0.5)
            drill.refresh_from_db()
            if not as_json:
                self._say_news(drill, told)
        if drill.problem:
            raise CommandError(drill.problem)
        if as_json:
            return
        figures = selectors.detection()
        self.stdout.write(
            f"Detection, fault to accepted message, of {figures.count} drills:"
            f" median {figures.median_s:.1f} s, 95 % {figures.p95_s:.1f} s, worst {figures.worst_s:.1f} s"
        )

    def _say_news(self, drill: Drill, told: set[str]) -> None:
        reached = drill.reached
        if reached.fault_at and "fault" not in told:
            told.add("fault")
            self.stdout.write(f"{'fault':<22} {reached.fault_at:%H:%M:%S}")
        for name, seconds in drill.seconds.items():
            if seconds is not None and name not in told:
                told.add(name)
                self.stdout.write(f"{WORDS[name]:<22} +{seconds:.1f} s")
        if reached.mended_at and "mended" not in told:
            told.add("mended")
            self.stdout.write(f"{'mended':<22} {reached.mended_at:%H:%M:%S}")
        self.stdout.flush()


def _as_dict(drill: Drill) -> dict[str, Any]:
    return {
        "id": drill.pk,
        "team": drill.team_id,
        "interval": drill.interval,
        "fault_at": drill.fault_at,
        "mended_at": drill.mended_at,
        "ended_at": drill.ended_at,
        "seconds": drill.seconds,
    }


def _only_team() -> Team:
    teams = list(Team.objects.all()[:2])
    if len(teams) != 1:
        raise CommandError(f"Say which, by --team: {HELP}." if teams else "There is no team yet.")
    return teams[0]
