"""What a process does not need it does not load: workers and beat start soon and stay small."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from uptime.celery import app

CENTRE = "from uptime.celery import app; app.Worker(queues=['central', 'results'])"
REGION = "from uptime.celery import app; app.Worker(queues='region.usa,region.usa.now')"
WEB = "import uptime.wsgi, uptime.urls"
BEAT = "from uptime.beat import app; app.Beat().init_loader()"
PAGES = {"uptime.urls", "dashboard.views", "accounts.admin", "drf_spectacular.openapi", "rest_framework.views", "PIL"}
OTHER_COMMANDS = {"celery.bin.celery", "celery.bin.shell", "click_repl", "prompt_toolkit"}
DOORS = {"fido2", "rest_framework.compat", "rest_framework.serializers"}
DJANGO = {"django.conf", "django.apps", "django.db", "uptime.settings", "checks.tasks"}
CHECKING = {"pycurl", "dns", "publicsuffixlist", "probes.engine", "probes.certificates", "requests", "pyarrow"}


def loaded_by(start: str) -> set[str]:
    """The names of all modules in a process that starts so."""
    code = f"import sys; {start}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


@pytest.mark.parametrize(
    ("start", "needed", "others"),
    [
        (CENTRE, {"checks.tasks", "alerts.tasks", "meters.tasks", "probes.kinds"}, PAGES | DOORS | CHECKING),
        (REGION, {"checks.tasks", "probes.worker", "probes.engine"}, PAGES | DOORS | {"requests", "pyarrow"}),
        (BEAT, {"celery.beat", "uptime.logs"}, PAGES | DOORS | CHECKING | DJANGO | {"psycopg", "cryptography.fernet"}),
        ("import probes.serve", {"celery.bin.worker", "celery.bin.beat"}, OTHER_COMMANDS),
        (WEB, {"dashboard.views", "probes.kinds"}, CHECKING - {"requests"}),  # which the API's framework brings along
    ],
    ids=["centre", "region in the server's app", "beat", "the command", "web"],
)
def test_a_process_loads_what_it_needs(start: str, needed: set[str], others: set[str]) -> None:
    loaded = loaded_by(start)
    assert needed <= loaded
    assert not others & loaded


def test_beat_rings_for_tasks_that_there_are() -> None:
    """It sends names without having seen what they name."""
    app.autodiscover_tasks(force=True)
    assert {tick["task"] for tick in app.conf.beat_schedule.values()} <= set(app.tasks)
