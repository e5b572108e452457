"""Commands as an operator runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*args: str) -> Any:
    return json.loads(run(*args, "--json"))


def address_of(database: str = "") -> str:
    """The address of a database of the tests' server; the tests' own without a name."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(server._replace(path=f"/{database or connection.settings_dict['NAME']}"))


def manage(*args: str, database: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, on a database that it may have for itself."""
    return subprocess.run(
        [sys.executable, "manage.py", *args],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": address_of(database)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
