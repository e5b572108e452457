"""Row 52: clients that are slow, idle or many, against the web server as ``make run`` starts it."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onebox.box import Box
from onebox.servers import free_port
from onebox.settings import SECRETS, read_settings
from tests.probes.region import ROOT, wait_until
from uptime.web import HEADERS_S

pytestmark = pytest.mark.processes

IDLE = 1_000
DRIPPING = 8
TABS = 200
BEGUN = b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nX-Drip: "


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A gunicorn with the box's own arguments."""
    chosen = free_port()
    environment = {**os.environ, "PORT": str(chosen), "VAR_DIR": str(tmp_path)}
    settings = read_settings(environment, directory=tmp_path)
    command = Box(settings, {name: os.environ.get(name, "x" * 64) for name in SECRETS}, demo_port=8001)._web()
    with (tmp_path / "log").open("wb") as log:
        web = subprocess.Popen(command.argv, cwd=ROOT, env=command.env, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(chosen), seconds=60)
        yield chosen
    finally:
        web.terminate()
        web.wait(timeout=20)


def answers(port: int, path: str = "/healthz") -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def clients(port: int, number: int, first_words: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            client.sendall(first_words)
            opened.append(client)
        yield opened


def drip(client: socket.socket, *, since: float) -> None:
    """One more byte of headers; on a busy machine their time may be over, and not before."""
    try:
        client.sendall(b"x")
    except OSError:
        assert time.monotonic() - since >= HEADERS_S


def test_row52_slow_and_idle_clients_stop_nobody(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4_096), hard), hard))
    began = time.monotonic()
    with (
        clients(port, IDLE, b""),
        clients(port, DRIPPING, BEGUN) as slow,
    ):
        for _ in range(5):
            for client in slow:
                drip(client, since=began)
            assert answers(port)
            time.sleep(0.2)
        with ThreadPoolExecutor(TABS) as tabs:
            assert all(tabs.map(lambda _: answers(port), range(TABS)))
