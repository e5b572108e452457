"""The whole product, as ``make run`` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.stage.programs import ROOT, answers
from onebox.servers import free_port, wait_for
from onebox.settings import read_env_file

READY_S = 120
UNLIMITED = {"API_PERSON_REQUESTS_PER_MINUTE": "0", "PROBE_DOMAIN_RATE": "0", "PROBE_DOMAIN_CONCURRENCY": "0"}


@dataclass
class RunningBox:
    """The product as ``make run`` starts it."""

    address: str
    env: dict[str, str]
    """What its programs know; enough for ``manage.py``."""
    process: psutil.Process

    @property
    def database_url(self) -> str:
        return self.env["DATABASE_URL"]


@contextmanager
def running_box(home: Path, **chosen: str) -> Iterator[RunningBox]:
    """A whole box in that directory, stopped in the end; what it says goes to ``box.log`` there."""
    port = free_port()
    own = {"PORT": str(port), "VAR_DIR": str(home / "var"), "LOG_LEVEL": "WARNING", **UNLIMITED, **chosen}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    address = f"http://127.0.0.1:{port}"
    with (home / "box.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "onebox"],
            cwd=home,
            env=kept | own | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            assert wait_for(lambda: answers(address), seconds=READY_S), (home / "box.log").read_text()[-2000:]
            env = kept | own | read_env_file(home / "var" / "box.env")
            yield RunningBox(address, env, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(60)
