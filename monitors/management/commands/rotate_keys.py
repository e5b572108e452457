"""``manage.py rotate_keys``: put every stored secret under the first of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from common.commands import Progress, SpeakingCommand
from monitors.services import rotation
from monitors.services.rotation import Tally


class Command(SpeakingCommand):
    help = (
        "Encrypt every stored secret anew under the first of FIELD_ENCRYPTION_KEYS. Put the new key in front, restart "
        "everything, run this, and take the old key out when it says that it may go. Broken off, it is run again. "
        "Exits with 1 when a secret fits none of the keys."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say which keys are in use")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        keys: list[str] = settings.FIELD_ENCRYPTION_KEYS
        progress = Progress(sys.stderr, "secrets read")
        work = rotation.tally if options["dry_run"] else rotation.rotate
        told = work(keys, step=progress.step)
        progress.end()
        if not options["dry_run"]:
            told.by_key = rotation.tally(keys).by_key  # somebody may have saved under an old key meanwhile
        in_use = {rotation.key_id(key): told.by_key[rotation.key_id(key)] for key in keys}
        may_go = [name for name, count in list(in_use.items())[1:] if not count]
        if options["json"]:
            self.say_json(
                {"changed": told.changed, "keys": in_use, "may_go": may_go, "unreadable": told.unreadable},
            )
        else:
            self._say(told, in_use, may_go)
        if told.unreadable:
            sys.exit(1)

    def _say(self, told: Tally, in_use: dict[str, int], may_go: list[str]) -> None:
        self.say_table(("key", "secrets"), list(in_use.items()))
        self.stdout.write(f"{told.changed:,} secrets were encrypted anew.")
        for name in may_go:
            self.stdout.write(
                f"The key {name} holds nothing here any more and may be taken out of FIELD_ENCRYPTION_KEYS; keep it "
                "with the backups that were made before today."
            )
        for where in told.unreadable[:20]:
            self.stdout.write(f"fits none of the keys: {where}")
        if told.unreadable:
            self.stdout.write(
                f"{len(told.unreadable):,} secrets fit none of the keys: put the key that is missing into "
                "FIELD_ENCRYPTION_KEYS, or enter these secrets again."
            )
