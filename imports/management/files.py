"""What both commands about files of other tools share."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from accounts.management import teams
from imports.sources import SOURCES


def add_arguments(parser: ArgumentParser) -> None:
    listed = "; ".join(f"{name}: {source.file}" for name, source in SOURCES.items())
    parser.add_argument("source", choices=list(SOURCES), help=listed)
    parser.add_argument("file", help="its export")
    parser.add_argument("--team", required=True, help=f"whose monitors: {teams.HELP}")
    parser.add_argument("--origin", default="", help="which installation of the tool, where there are several")


def read_file(path: str) -> bytes:
    """No more than may be imported, and one byte to tell that it is more."""
    try:
        with Path(path).open("rb") as file:
            return file.read(settings.IMPORT_MAX_MB * 1_048_576 + 1)
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}.") from error
