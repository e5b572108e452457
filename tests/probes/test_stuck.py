"""A worker whose broker went away at the worst moment goes on when it is back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebox.servers import Valkey
from tests.road.box import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WORKER = ("-m", "celery", "-A", "tests.probes.one_at_a_time", "worker", "-c", "1", "-Q", "celery")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture
def worker(valkey: Valkey, tmp_path: Path) -> Iterator[Path]:
    """Says where the worker's words go."""
    log = tmp_path / "worker.log"
    with log.open("w") as words:
        worker = subprocess.Popen(
            [sys.executable, *WORKER, "--without-gossip", "--without-mingle", "--without-heartbeat"],
            env={**os.environ, "CELERY_BROKER_URL": valkey.url},
            stdout=words,
            stderr=words,
        )
        yield log
        worker.terminate()
        worker.wait(30)


def test_a_worker_goes_on_though_the_broker_died_while_its_hands_were_full(
    valkey: Valkey, worker: Path, tmp_path: Path
) -> None:
    send(valkey, "hold", [str(tmp_path), "first"])
    wait_until("the first message is in its hands", (tmp_path / "first.begun").exists, seconds=40)
    assert valkey.process
    valkey.process.kill()
    valkey.process.wait()
    (tmp_path / "first.may-end").touch()
    wait_until("the broker could not be told", lambda: "Couldn't ack" in worker.read_text(), seconds=40)
    valkey.stop()
    valkey.start()
    (tmp_path / "second.may-end").touch()
    send(valkey, "hold", [str(tmp_path), "second"])
    wait_until("the second message is done", (tmp_path / "second.done").exists, seconds=40)


def send(valkey: Valkey, name: str, arguments: list[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tests.probes.one_at_a_time", "call", name, "-a", json.dumps(arguments)],
        env={**os.environ, "CELERY_BROKER_URL": valkey.url},
        stdout=subprocess.DEVNULL,
        check=True,
    )
