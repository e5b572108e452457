"""``manage.py doctor``: what is not well, and what to do about it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from common.commands import SpeakingCommand, any_failed
from uptime import doctor


class Command(SpeakingCommand):
    help = (
        "Look at settings, database, migrations, clocks, regions, stored secrets, broker, cache, mail and disks: ok, "
        "warn or fail, with a remedy, and the configuration with secrets masked. Nothing is changed and no mail is "
        "sent. Exits with 1 when something failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="without the configuration")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        words = doctor.examine()
        shown = {} if options["quiet"] else doctor.configuration()
        self.say_words(words, as_json=options["json"], configuration=shown)
        if not options["json"]:
            for name, value in shown.items():
                self.stdout.write(f"      {name}={value}")
        if any_failed(words):
            sys.exit(1)
