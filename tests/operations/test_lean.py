"""What a process does not need it does not load: workers and beat start soon and stay small."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from probes.names import ALERTS_QUEUE, CENTRAL_QUEUE
from uptime.broker import TICKS

CENTRE = "from uptime.celery import app; app.Worker(queues=['central', 'results'])"
ALERTS = "from uptime.celery import app; app.Worker(queues='alerts')"
REGION = "from uptime.celery import app; app.Worker(queues='region.usa,region.usa.now')"
WEB = "import uptime.wsgi, uptime.urls"
BEAT = "from uptime.beat import app; app.Beat().init_loader()"
PAGES = {"uptime.urls", "dashboard.views", "accounts.admin", "drf_spectacular.openapi", "rest_framework.views", "PIL"}
OTHER_COMMANDS = {"celery.bin.celery", "celery.bin.shell", "click_repl", "prompt_toolkit"}
DOORS = {
    "fido2",
    "rest_framework.compat",
    "rest_framework.serializers",
    "rest_framework_simplejwt.tokens",
    "django.test",
}
MESSAGES = {"alerts.tasks", "alerts.notifiers", "statuspages.tasks", "markdown_it"}
DJANGO = {"django.conf", "django.apps", "django.db", "uptime.settings", "checks.tasks"}
SELDOM = {"fido2", "PIL", "markdown", "re2"}
CHECKING = {"pycurl", "dns", "publicsuffixlist", "probes.engine", "probes.certificates", "requests", "pyarrow"}


def loaded_by(start: str, *, told: str = "sys.modules") -> set[str]:
    """The names of all modules in a process that starts so."""
    code = f"import sys; {start}; print(*{told})"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("start", "needed", "others"),
    [
        (
            CENTRE,
            {"checks.tasks", "accounts.tasks", "meters.tasks", "probes.kinds"},
            PAGES | DOORS | CHECKING | MESSAGES,
        ),
        (ALERTS, {"alerts.tasks", "statuspages.tasks", "accounts.tasks"}, PAGES | DOORS),
        (REGION, {"checks.tasks", "probes.worker", "probes.engine"}, PAGES | DOORS | {"requests", "pyarrow"}),
        (BEAT, {"celery.beat", "uptime.logs"}, PAGES | DOORS | CHECKING | DJANGO | {"psycopg", "cryptography.fernet"}),
        ("import probes.serve", {"celery.bin.worker", "celery.bin.beat"}, OTHER_COMMANDS | {"yaml"}),
        (WEB, {"dashboard.views", "probes.kinds"}, CHECKING | SELDOM),
    ],
    ids=["centre", "alerts", "region in the server's app", "beat", "the command", "web"],
)
def test_a_process_loads_what_it_needs(start: str, needed: set[str], others: set[str]) -> None:
    loaded = loaded_by(start)
    assert needed <= loaded
    assert not others & loaded


def test_a_process_of_a_pool_ends_with_its_parent_and_parses_no_c_for_it() -> None:
    asked = "import ctypes; sig = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(sig))"  # PR_GET_PDEATHSIG
    begun = f"{CENTRE}; from celery.concurrency import prefork; prefork.process_initializer(app, 'x'); {asked}"
    told = loaded_by(begun, told="[sig.value, *sys.modules]")
    assert "9" in told
    assert "pycparser" not in told


def test_beat_rings_where_somebody_knows_the_task() -> None:
    """It sends names without having seen what they name, each to a queue whose workers have loaded it."""
    for queue in (CENTRAL_QUEUE, ALERTS_QUEUE):
        known = loaded_by(f"from uptime.celery import app; app.Worker(queues='{queue}')", told="app.tasks")
        assert known >= {tick["task"] for tick in TICKS.values() if tick["options"]["queue"] == queue}
