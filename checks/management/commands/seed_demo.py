"""``manage.py seed_demo``: many monitors with a past, to try things on and to measure."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management import teams
from checks.services import demo
from common.clock import database_now
from common.commands import SpeakingCommand, whole_number
from monitors.selectors import region_codes

INTERVALS = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600)


class Command(SpeakingCommand):
    help = (
        "Make demo monitors with days of hourly and daily sums, a day of single results in every region, outages with "
        "incidents, and figures. They are paused, so nobody checks them. --clean removes them again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--monitors", type=whole_number(1, 1_000_000), default=100, help="default 100")
        parser.add_argument(
            "--days", type=whole_number(2, 3_650), default=30, help="of sums, today included; default 30"
        )
        parser.add_argument("--interval", type=int, choices=INTERVALS, default=60, help="seconds (default 60)")
        parser.add_argument("--team", help=f"{teams.HELP}; default: a team of their own")
        parser.add_argument("--seed", type=whole_number(0, 2**31), default=1, help="another one, another story")
        parser.add_argument("--clean", action="store_true", help="remove demo monitors (with --team: of that team)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        say = self.say_nothing if options["json"] else self.say_progress
        team = teams.team_of(options["team"]) if options["team"] else None
        if options["clean"]:
            told: dict[str, Any] = {"removed": demo.clean(team=team, report=say)}
        else:
            plan = self._plan(options)
            try:
                demo.seed(plan, team=team or demo.demo_team(), report=say)
            except demo.AlreadyThere:
                raise CommandError("These monitors are there already: --clean them, or take another --seed.") from None
            told = {"monitors": plan.monitors, "regions": list(plan.regions), "days": plan.days, "seed": plan.seed}
        told["seconds"] = round(time.monotonic() - begun, 1)
        if options["json"]:
            self.say_json(told)
        else:
            self.stdout.write(", ".join(f"{name}: {value}" for name, value in told.items()))

    def _plan(self, options: dict[str, Any]) -> demo.Plan:
        regions = tuple(region_codes())
        if not regions:
            raise CommandError("No region is enabled: run manage.py region sync first.")
        return demo.Plan(
            seed=options["seed"],
            monitors=options["monitors"],
            days=options["days"],
            interval=options["interval"],
            regions=regions,
            now=int(database_now().timestamp()),
        )
