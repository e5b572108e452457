"""``manage.py restore FILE``: fill an empty database from a backup."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.commands import Progress, SpeakingCommand
from uptime import backup


class Command(SpeakingCommand):
    help = (
        "Check a backup and put it into the database of DATABASE_URL, which must be empty: no tables, so do not run "
        "migrate before. All rows go in, or none. Stop web, beat and the workers first; the time between backup and "
        "restore becomes unknown."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="only read the file and say whether it is whole")
        parser.add_argument(
            "--without-keys", action="store_true", help="also when keys are missing: those secrets are lost"
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            manifest = backup.read_manifest(path)
            total = sum(table["rows"] for table in manifest["tables"])
            self._refuse_without_keys(manifest, anyway=options["without_keys"] or options["check"])
            checking = Progress(sys.stderr, "rows checked", total)
            backup.verify(path, manifest, step=checking.step)
            checking.end()
            rows = 0 if options["check"] else self._restore(path, manifest, total)
        except backup.BackupError as error:
            raise CommandError(str(error)) from error
        told = {"file": path, "made_at": manifest["made_at"], "restored": rows, "rows": total, "keys": manifest["keys"]}
        if options["json"]:
            self.say_json(told)
        elif options["check"]:
            self.stdout.write(f"{path} is whole: {total:,} rows of {manifest['made_at']}; keys {_keys(manifest)}.")
        else:
            self.stdout.write(f"{rows:,} rows of {manifest['made_at']} are back. Start web, beat and the workers.")

    def _refuse_without_keys(self, manifest: dict[str, Any], *, anyway: bool) -> None:
        missing = backup.missing_keys(manifest)
        if missing and not anyway:
            raise CommandError(
                f"FIELD_ENCRYPTION_KEYS lacks {', '.join(missing)} (the backup needs {_keys(manifest)}): add what is "
                "missing, or lose those secrets by --without-keys."
            )

    def _restore(self, path: Path, manifest: dict[str, Any], total: int) -> int:
        filling = Progress(sys.stderr, "rows restored", total)
        rows = backup.restore(path, manifest, step=filling.step)
        filling.end()
        return rows


def _keys(manifest: dict[str, Any]) -> str:
    return ", ".join(manifest["keys"]) or "none"
