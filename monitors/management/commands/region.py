"""``manage.py region list|add|disable|enable|drain|key|sync``: the regions that this installation knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from common.commands import SpeakingCommand
from monitors import selectors, services
from monitors.models import Region
from monitors.services import regionkeys

VERBS: dict[str, Callable[[str], Region]] = {
    "enable": services.enable_region,
    "disable": services.disable_region,
    "drain": services.drain_region,
}


class Command(SpeakingCommand):
    help = (
        "Show the regions (list), add, disable, enable or drain one, see to the key that its workers sign with (key), "
        "or follow the REGIONS setting (sync)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "add", *VERBS, "key", "sync"])
        parser.add_argument("code", nargs="?", default="", help="the region to add, disable, enable or drain")
        parser.add_argument("--name", default="", help="how people call an added region")
        parser.add_argument("--keys", type=Path, help="with sync: a directory that has a region's key in CODE.key")
        key = parser.add_argument_group("with key")
        key.add_argument("--new", action="store_true", help="make one; what was right before is good for a day more")
        key.add_argument("--at-once", action="store_true", help="with --new: and is not good any more")
        key.add_argument("--show-once", action="store_true", help="show it; it is shown one time")
        key.add_argument("--off", action="store_true", help="its workers need not sign any more")
        self.add_json(parser)

    def handle(self, *args: Any, action: str, code: str, name: str, **options: Any) -> None:
        try:
            if action == "key":
                self._see_to_key(code, options)
                return
            self._act(action, code, name)
            if options["keys"]:
                _adopt_keys(options["keys"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        shown = _as_shown()
        if options["json"]:
            self.say_json(shown)
            return
        for region in shown:
            self.stdout.write("{code:<16} {state:<9} {origin:<8} {name:<20} {last}".format(**region).rstrip())

    def _see_to_key(self, code: str, options: dict[str, Any]) -> None:
        if not any(options[way] for way in ("new", "show_once", "off")):
            raise CommandError("region key wants --new, --show-once, both of them, or --off")
        if options["off"]:
            regionkeys.drop(code)
        if options["new"]:
            regionkeys.make(code, at_once=options["at_once"])
        key = regionkeys.show_once(code) if options["show_once"] else None
        if options["json"]:
            self.say_json({"code": code, "signs": not options["off"]} | ({"key": key} if key else {}))
        else:
            self.stdout.write(key or _done(code, options))

    def _act(self, action: str, code: str, name: str) -> None:
        if action in {"list", "sync"} and code:
            raise CommandError(f"region {action} takes no code")
        if action == "sync":
            services.sync_regions(settings.REGIONS)
        elif action == "add":
            services.add_region(code, name=name)
        elif verb := VERBS.get(action):
            verb(code)


def _done(code: str, options: dict[str, Any]) -> str:
    if not options["new"]:
        return f"The workers of {code} need not sign any more."
    before = "nothing else is good any more" if options["at_once"] else "what was right before is good for a day more"
    return f"{code} has a new key, and {before}. Show it one time by --show-once."


def _adopt_keys(directory: Path) -> None:
    for code in settings.REGIONS:
        file = directory / f"{code}.key"
        try:
            regionkeys.adopt(code, file.read_text().strip())
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise CommandError(f"{file}: {error}") from error


def _as_shown() -> list[dict[str, Any]]:
    events = selectors.last_events()
    return [
        {
            "code": region.code,
            "state": region.state,
            "origin": "by hand" if region.by_hand else "setting",
            "name": region.name,
            "ordinal": region.ordinal,
            "signs": bool(region.key_sealed),
            "offline_since": region.offline_since,
            "last": str(events[region.code]).partition(" ")[2] if region.code in events else "",
        }
        for region in Region.objects.all()
    ]
