"""``manage.py region sync|list``: the regions that this installation knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from monitors import services
from monitors.models import Region


class Command(BaseCommand):
    help = "Make the regions match the REGIONS setting (sync), or show them (list)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["sync", "list"])

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "sync":
            services.sync_regions(settings.REGIONS)
        for region in Region.objects.all():
            self.stdout.write(f"{region.code:<16} {'enabled' if region.enabled else 'disabled':<9} {region.name}")
