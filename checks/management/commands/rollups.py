"""``manage.py rollups verify|rebuild``: do the sums by hour and day say what the single results say?"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from checks.services import recount
from checks.services.recount import Difference
from common.clock import database_now
from common.commands import Progress, SpeakingCommand, day, whole_number
from monitors.models import Monitor


class Command(SpeakingCommand):
    help = (
        "Recount hourly and daily sums from single results, as far back as those are kept. verify prints what differs "
        "and exits with 1 if anything does; rebuild mends it, a day at a time, while results keep coming in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "rebuild"])
        parser.add_argument("--since", type=day, help="from this UTC day on, like 2026-01-31")
        parser.add_argument("--monitor", type=_uuid, help="only the monitor with this id")
        parser.add_argument("--limit", type=whole_number(0, 1_000_000), default=50, help="print so many (default 50)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["monitor"] and not Monitor.objects.filter(pk=options["monitor"]).exists():
            raise CommandError(f"There is no monitor {options['monitor']}.")
        mending = options["action"] == "rebuild"
        days = recount.raw_days(now=database_now(), since=options["since"])
        found: list[Difference] = []
        count = 0
        progress = Progress(sys.stderr, "days counted", len(days))
        for one in days:
            wrong = _differences(one, monitor=options["monitor"], mend=mending)
            found += wrong[: options["limit"] - len(found)]
            count += len(wrong)
            progress.step()
        progress.end()
        self._say(days, found, count, mended=mending, as_json=options["json"])
        if count and not mending:
            sys.exit(1)

    def _say(self, days: list[date], found: list[Difference], count: int, *, mended: bool, as_json: bool) -> None:
        if as_json:
            shown = [difference.as_dict() for difference in found]
            self.say_json({"days": days, "differing": count, "mended": mended, "differences": shown})
            return
        for difference in found:
            self.stdout.write(str(difference))
        if count > len(found):
            self.stdout.write(f"... and {count - len(found)} more")
        word = "mended" if mended else "differing"
        self.stdout.write(f"{len(days)} days with single results, {count} rollups {word}.")


def _differences(one: date, *, monitor: UUID | None, mend: bool) -> list[Difference]:
    now: datetime = database_now()
    if mend:
        return recount.rebuild(one, monitor=monitor, now=now)
    return list(recount.differences(one, monitor=monitor, now=now))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not the id of a monitor") from None
