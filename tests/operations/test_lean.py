"""What a process does not need it does not load: workers and beat start soon and stay small."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from uptime.celery import app

WORKER = "from uptime.celery import app; app.loader.import_default_modules()"
BEAT = "from uptime.celery import app; app.Beat().init_loader()"
PAGES = {"uptime.urls", "dashboard.views", "accounts.admin", "drf_spectacular.openapi", "rest_framework.views", "PIL"}
DOORS = {"fido2", "rest_framework.compat", "rest_framework.serializers"}
CHECKING = {"pycurl", "dns", "re2", "probes.engine", "requests", "pyarrow"}


def loaded_by(start: str) -> set[str]:
    """The names of all modules in a process that starts so."""
    code = f"import sys; {start}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


@pytest.mark.parametrize(
    ("start", "needed", "others"),
    [
        (WORKER, {"checks.tasks", "alerts.tasks", "meters.tasks", "probes.worker"}, PAGES | DOORS | {"requests"}),
        (BEAT, {"uptime.settings", "probes.broker"}, PAGES | DOORS | CHECKING | {"checks.tasks", "accounts.models"}),
    ],
    ids=["worker", "beat"],
)
def test_a_process_loads_what_it_needs(start: str, needed: set[str], others: set[str]) -> None:
    loaded = loaded_by(start)
    assert needed <= loaded
    assert not others & loaded


def test_beat_rings_for_tasks_that_there_are() -> None:
    """It sends names without having seen what they name."""
    app.autodiscover_tasks(force=True)
    assert {tick["task"] for tick in app.conf.beat_schedule.values()} <= set(app.tasks)
