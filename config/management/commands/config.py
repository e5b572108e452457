"""``manage.py config plan|apply|export|schema``: what a team has set up, as one file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.management import teams
from accounts.models import Team
from common.commands import SpeakingCommand
from config import document, rules, services
from config.document import BadDocument, Document
from config.rules import Delete, Plan
from config.schema import address, schema

CHANGES = 2
"""The exit code of a plan that would change something."""


class Command(SpeakingCommand):
    help = (
        "Plan, apply or export what a team has set up (docs/configuration-as-code.md). "
        "plan ends with 0 when nothing would change, with 2 when something would, with 1 when the file is refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["plan", "apply", "export", "schema"])
        parser.add_argument("file", nargs="?", default="uptime.yaml", help="uptime.yaml; - is the standard input")
        parser.add_argument("--team", default="", help=teams.HELP)
        parser.add_argument("--secrets", type=Path, help="a file of NAME=value lines, read instead of the environment")
        deleting = parser.add_mutually_exclusive_group()
        deleting.add_argument("--delete", action="store_true", help="delete what came from a file and left it")
        deleting.add_argument("--prune", action="store_true", help="delete all that is not in the file")
        parser.add_argument("--without-ids", action="store_true", help="export for another team or server")
        self.add_json(parser)

    def handle(self, *args: Any, action: str, team: str, **options: Any) -> None:
        if action == "schema":
            self.say_json(schema())
        elif action == "export":
            self._export(_team(team), with_ids=not options["without_ids"], as_json=options["json"])
        else:
            found = self._act(action, _team(team), options)
            self._tell(found, as_json=options["json"])
            if action == "plan" and found.changes:
                sys.exit(CHANGES)

    def _export(self, team: Team, *, with_ids: bool, as_json: bool) -> None:
        found = services.export(team, with_ids=with_ids)
        if as_json:
            self.say_json(found)
        else:
            self.stdout.write(document.write(found, schema=address()), ending="")

    def _act(self, action: str, team: Team, options: dict[str, Any]) -> Plan:
        delete = Delete.ALL if options["prune"] else Delete.KEYED if options["delete"] else Delete.NONE
        act = services.plan if action == "plan" else services.apply
        given = _read(options["file"])
        variables = _variables(options["secrets"])
        try:
            return act(team=team, by=None, document=given, variables=variables, delete=delete)
        except ValidationError as error:
            if options["json"]:
                self.stderr.write(json.dumps({"fields": error.message_dict}, indent=2))
            raise CommandError(_refusal(error)) from error

    def _tell(self, found: Plan, *, as_json: bool) -> None:
        if as_json:
            self.say_json(asdict(found) | {"changed": bool(found.changes)})
            return
        for line in rules.lines_of(found):
            self.stdout.write(line)


def _refusal(error: ValidationError) -> str:
    told = error.message_dict.items()
    said = [f"{path}: {message}" if path else message for path, messages in told for message in messages]
    return "The file is refused, and nothing was changed:\n" + "\n".join(rules.one_line(line) for line in said)


def _read(name: str) -> Document:
    try:
        with Path("/dev/stdin" if name == "-" else name).open("rb") as source:
            return document.read(source.read(document.MOST_BYTES + 1))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from error
    except BadDocument as error:
        raise CommandError(f"{name}: {error}") from error


def _variables(path: Path | None) -> Mapping[str, str]:
    """Those of the file; or the environment, without what is the server's own: no file may have that sent anywhere."""
    if path is None:
        return {name: value for name, value in os.environ.items() if name not in settings.OWN_VARIABLES}
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CommandError(f"{path} cannot be read: {why}") from error
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _team(wanted: str) -> Team:
    if not wanted:
        raise CommandError("Say whose file it is: --team with the team's name or id, or an address of somebody in it.")
    return teams.team_of(wanted)
