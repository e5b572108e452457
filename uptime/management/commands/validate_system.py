"""``manage.py validate_system``: is each part able to do what it must?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from common.commands import SpeakingCommand, any_failed
from uptime.proving.validation import validate


class Command(SpeakingCommand):
    help = (
        "Try database, HTTP client, error handling, locking, performance and configuration, each with pass or fail and "
        "a reason. Checks go through the engine, to a site on loopback that is started for it; takes some seconds and "
        "leaves nothing behind. Exits with 1 when something failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        words = validate()
        if options["json"]:
            self.say_words(words, as_json=True)
        else:
            verdicts = {"ok": "pass", "warn": "pass", "fail": "FAIL"}
            self.say_table(
                ("part", "", "what was seen"),
                [
                    (word.part, verdicts[word.state], ". ".join(filter(None, (word.says, word.remedy))))
                    for word in words
                ],
            )
        if any_failed(words):
            sys.exit(1)
