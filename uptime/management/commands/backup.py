"""``manage.py backup FILE``: everything that matters, as it is at one moment, in one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.commands import Progress, SpeakingCommand, readable_bytes
from uptime import backup


class Command(SpeakingCommand):
    help = (
        "Write a backup while everything goes on. Saved secrets stay encrypted: keep FIELD_ENCRYPTION_KEYS as well, or "
        "they are lost. Only its owner can read the file; it holds hashed passwords and e-mail addresses. Sessions of "
        "browsers, the cache and waiting messages are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="where to write it, like uptime.zip; replaced when it is there")
        parser.add_argument(
            "--without-results", action="store_true", help="leave single results and the ledger out; sums stay"
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        progress = Progress(sys.stderr, "rows written")
        try:
            manifest = backup.make(path, with_results=not options["without_results"], step=progress.step)
        except backup.BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            progress.end()
        rows, size = sum(table["rows"] for table in manifest["tables"]), path.stat().st_size
        if options["json"]:
            facts = {name: manifest[name] for name in ("made_at", "with_results", "keys", "unreadable_secrets")}
            self.say_json({"file": path, "bytes": size, "rows": rows, **facts})
            return
        self.stdout.write(f"{path}: {rows:,} rows of {len(manifest['tables'])} tables, {readable_bytes(size)}.")
        for name, count in manifest["keys"].items():
            self.stdout.write(f"{count:,} secrets need the key {name} of FIELD_ENCRYPTION_KEYS.")
        if manifest["unreadable_secrets"]:
            self.stdout.write(f"{manifest['unreadable_secrets']:,} secrets fit none of the present keys.")
