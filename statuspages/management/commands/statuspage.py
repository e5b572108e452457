"""``manage.py statuspage export DIR --page SLUG``: a static copy of a published page."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from common.commands import SpeakingCommand
from statuspages import export
from statuspages.models import StatusPage
from statuspages.rules import Visibility
from statuspages.selectors.pages import last_months, show


class Command(SpeakingCommand):
    help = "Writes a static copy of a published status page, for a host of its own. For cron: every few minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        copy = actions.add_parser("export", help="write the copy")
        copy.add_argument("directory", type=Path, metavar="DIR")
        copy.add_argument("--page", required=True, metavar="SLUG", help="which page")
        copy.add_argument(
            "--stale-after", type=int, default=10, metavar="MINUTES", help="when the copy calls itself stale (10)"
        )
        self.add_json(copy)

    def handle(self, *_args: Any, **options: Any) -> None:
        """The last copy stays as it is when there cannot be a new one; it says itself that it grows old."""
        slug, minutes = options["page"], options["stale_after"]
        if not 1 <= minutes <= 10_080:
            raise CommandError("--stale-after must be 1 to 10080 minutes.")
        try:
            page = StatusPage.objects.published().filter(slug=slug).first()
            if page is None:
                raise CommandError(f"There is no published page {slug!r}; see the team's status pages for its address.")
            if page.visibility == Visibility.PASSWORD:
                raise CommandError(f"The page {slug!r} has a password, which a static host cannot ask for.")
            now = timezone.now()
            shown, logo = show(page, now=now), bytes(page.logo) if page.logo else None
            months = last_months(shown, now=now)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database does not answer; the last copy was left as it is. {error}") from error
        try:
            export.write(
                shown,
                options["directory"],
                months=months,
                url=page.url,
                stale_after_min=minutes,
                logo=logo,
                now=now,
            )
        except OSError as error:
            raise CommandError(f"The copy could not be written: {error}") from error
        index = options["directory"] / "index.html"
        if options["json"]:
            self.say_json({"page": slug, "index": str(index), "written_at": now})
        else:
            self.stdout.write(str(index))
