"""``manage.py flush``: throw away what waits to be done, and keep everything that is known.

Django's command of this name empties the whole database. Ours does that only by ``--everything``.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import flush
from django.db import connection
from kombu.exceptions import OperationalError

from checks import broker
from checks.models import CheckBatch
from checks.services import ledger
from common.clock import database_now
from common.commands import SpeakingCommand
from monitors.models import Region
from probes import names


class Command(SpeakingCommand, flush.Command):
    help = (
        "Empty the queues of the regions and of the central worker, and close the open batches: their checks are "
        "recorded as unknown (late), and the next slots are handed out as always. For when a backlog is worth nothing "
        "any more. Monitors, results, incidents and messages to people stay. Asks first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--results", action="store_true", help="also throw away results that wait to be stored")
        parser.add_argument(
            "--everything", action="store_true", help="DELETE ALL DATA instead, as Django's own flush does"
        )
        self.add_json(parser)

    def handle(self, **options: Any) -> None:
        # Django itself calls the command by name, with this option of its own, and means what it says.
        if options["everything"] or "inhibit_post_migrate" in options:
            self._everything(**options)
            return
        if options["interactive"]:
            waiting = CheckBatch.objects.filter(state=CheckBatch.State.OPEN).count()
            self.confirm(f"Throw away what waits in the queues and close {waiting:,} open batches?")
        try:
            purged = broker.purge(_queues(results=options["results"]))
        except (OperationalError, OSError) as error:
            raise CommandError(f"The broker does not answer, and nothing was done: {error}") from error
        closed = _close_batches()
        if options["json"]:
            self.say_json({"messages": purged, "batches": closed})
            return
        for queue, count in purged.items():
            self.stdout.write(f"{queue:<24} {count:,} messages")
        self.stdout.write(f"{closed:,} batches were closed.")

    def _everything(self, **options: Any) -> None:
        with connection.cursor() as cursor:  # the audit log refuses to be emptied by anything else
            cursor.execute("SET uptime.delete_all_data = 'yes'")
            try:
                flush.Command.handle(self, **options)
            finally:
                cursor.execute("RESET uptime.delete_all_data")


def _queues(*, results: bool) -> list[str]:
    regions = Region.objects.values_list("code", flat=True)
    lanes = [names.region_queue(code, now=now) for code in regions for now in (False, True)]
    return [names.CENTRAL_QUEUE, *lanes, *([names.RESULTS_QUEUE] if results else [])]


def _close_batches() -> int:
    """Their time is up, and the sweep writes down what follows; it may be at work elsewhere as well."""
    now = database_now()
    batches = CheckBatch.objects.filter(state=CheckBatch.State.OPEN, created_at__lte=now)
    closed = batches.update(expires_at=now)
    for _round in range(closed):
        if not batches.filter(expires_at__lte=now).exists():
            break
        ledger.sweep()
    return closed
