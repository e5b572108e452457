"""``manage.py archive list|restore``: raw days that were written to files before they were dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from checks.services import archive, space, storage
from checks.services.archive import ArchiveFile
from common.clock import database_now
from common.commands import SpeakingCommand, day, readable_bytes, whole_number


class Command(SpeakingCommand):
    help = (
        "List the archived days, or put one back. A restored day can be read like any other and is left alone by the "
        "retention for --keep-days; after that it goes again, and stays in the archive."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show the files of the archive")
        restoring = actions.add_parser("restore", help="put a day's results and evidence back; twice is as once")
        restoring.add_argument("day", type=day, help="like 2026-01-31")
        restoring.add_argument("--keep-days", type=whole_number(1, 3_650), default=7, help="default 7")
        for action in (listing, restoring):
            self.add_json(action)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ARCHIVE_DIR:
            raise CommandError("There is no archive: ARCHIVE_DIR is not set.")
        try:
            if options["action"] == "list":
                self._list(as_json=options["json"])
            else:
                self._restore(options)
        except archive.ArchiveError as error:
            raise CommandError(str(error)) from error

    def _list(self, *, as_json: bool) -> None:
        files = archive.files(Path(settings.ARCHIVE_DIR))
        if as_json:
            self.say_json([_as_dict(file) for file in files])
            return
        for file in files:
            self.stdout.write(
                f"{file.day}  {file.kind:<9}{file.rows:>14,} rows{readable_bytes(file.bytes):>11}  {file.path.name}"
            )
        self.stdout.write(f"{len(files)} files, {readable_bytes(sum(file.bytes for file in files))}")

    def _restore(self, options: dict[str, Any]) -> None:
        files = archive.files(Path(settings.ARCHIVE_DIR), day=options["day"])
        if not files:
            raise CommandError(f"{options['day']} is not in the archive.")
        self._refuse_what_has_no_room(files)
        until = database_now() + timedelta(days=options["keep_days"])
        if not options["json"]:
            self.say_progress(f"Reading {sum(file.rows for file in files):,} rows ...")
        added = archive.restore(files, kept_until=until)
        if options["json"]:
            self.say_json({"day": options["day"], "added": added, "kept_until": until})
        else:
            self.stdout.write(
                f"{options['day']} is back until {until:%Y-%m-%d %H:%M} UTC: {added['results']:,} results and "
                f"{added['evidence']:,} pieces of evidence were missing."
            )

    def _refuse_what_has_no_room(self, files: list[ArchiveFile]) -> None:
        """A restored day is spared by the size limit, so it must not break it."""
        needed = sum(file.rows for file in files) * space.RESULT_BYTES
        limit = settings.STORAGE_MAX_GB * storage.GIGABYTE
        if limit and storage.database_bytes() + needed > limit:
            raise CommandError(f"The day needs about {readable_bytes(needed)}, more than STORAGE_MAX_GB leaves.")


def _as_dict(file: ArchiveFile) -> dict[str, Any]:
    return {
        "day": file.day,
        "kind": file.kind,
        "part": file.part,
        "rows": file.rows,
        "bytes": file.bytes,
        "file": file.path.name,
    }
