"""The web server says that it listens, in every process that answers and as soon as it is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from heartbeats.models import Ear, Ping
from heartbeats.selectors import WEB
from onebox.servers import free_port, wait_for
from tests.heartbeats.conftest import MakeJob, token_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def site() -> Iterator[tuple[str, psutil.Process]]:
    """gunicorn as ``make run`` starts it, with one worker."""
    database, port = connection.settings_dict, free_port()
    place = os.environ["DATABASE_URL"].partition("?")
    url = place[0].rpartition("/")[0] + "/" + str(database["NAME"]) + place[1] + place[2]
    options = ("--bind", f"127.0.0.1:{port}", "--no-control-socket")
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "uptime.wsgi", *options, "--log-level", "error"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "uptime.settings"},
    )
    try:
        yield f"http://127.0.0.1:{port}", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(20)


def test_it_says_so_and_a_new_process_begins_anew(site: tuple[str, psutil.Process], make_job: MakeJob) -> None:
    address, server = site
    job = make_job()
    Ear.objects.all().delete()
    assert wait_for(lambda: Ear.objects.filter(name=WEB).exists(), seconds=60)
    for worker in server.children():
        worker.send_signal(signal.SIGKILL)
    since = timezone.now()
    assert wait_for(lambda: Ear.objects.filter(name=WEB, since__gt=since).exists(), seconds=60)
    with urlopen(f"{address}/ping/{token_of(job)}/start", timeout=30) as answer:  # noqa: S310 - loopback
        assert answer.read() == b"OK\n"
    assert Ping.objects.get().word == "start"
