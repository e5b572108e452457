"""``manage.py region list|add|disable|enable|drain|sync``: the regions that this installation knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.management.speaking import SpeakingCommand
from monitors import selectors, services
from monitors.models import Region

VERBS: dict[str, Callable[[str], Region]] = {
    "enable": services.enable_region,
    "disable": services.disable_region,
    "drain": services.drain_region,
}


class Command(SpeakingCommand):
    help = "Show the regions (list), add, disable, enable or drain one, or follow the REGIONS setting (sync)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "add", *VERBS, "sync"])
        parser.add_argument("code", nargs="?", default="", help="the region to add, disable, enable or drain")
        parser.add_argument("--name", default="", help="how people call an added region")
        self.add_json(parser)

    def handle(self, *args: Any, action: str, code: str, name: str, **options: Any) -> None:
        try:
            self._act(action, code, name)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        shown = _as_shown()
        if options["json"]:
            self.say_json(shown)
            return
        for region in shown:
            self.stdout.write("{code:<16} {state:<9} {origin:<8} {name:<20} {last}".format(**region).rstrip())

    def _act(self, action: str, code: str, name: str) -> None:
        if action in {"list", "sync"} and code:
            raise CommandError(f"region {action} takes no code")
        if action == "sync":
            services.sync_regions(settings.REGIONS)
        elif action == "add":
            services.add_region(code, name=name)
        elif verb := VERBS.get(action):
            verb(code)


def _as_shown() -> list[dict[str, Any]]:
    events = selectors.last_events()
    return [
        {
            "code": region.code,
            "state": region.state,
            "origin": "by hand" if region.by_hand else "setting",
            "name": region.name,
            "ordinal": region.ordinal,
            "offline_since": region.offline_since,
            "last": str(events[region.code]).partition(" ")[2] if region.code in events else "",
        }
        for region in Region.objects.all()
    ]
