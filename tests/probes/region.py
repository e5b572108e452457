"""A region's worker in a process of its own, and the server's end of its queues."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from kombu import Connection

from probes import names
from probes.broker import broker_settings
from probes.contract import Batch, CheckRequest, CheckResult

ROOT = Path(__file__).parents[2]
NO_DJANGO = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "rest_framework", "psycopg", "django_redis", "environ"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


@dataclass
class Region:
    """A worker in its own process, and what it sends home."""

    broker: redis.Redis
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def send(self, batch: Batch | dict[str, Any], *, now: bool = False) -> None:
        server = Celery("server", set_as_current=False)
        server.conf.update(broker_settings())
        wire = batch if isinstance(batch, dict) else batch.to_wire()
        with Connection(self.url) as connection:  # by hand: Celery would prefer the broker of the tests' environment
            server.send_task(
                names.RUN_BATCH, args=[wire], queue=names.region_queue("usa", now=now), connection=connection
            )

    def next_message(self, task: str, seconds: float = 40) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.broker.brpop([names.RESULTS_QUEUE], timeout=1)
            if found is None:
                continue
            message = json.loads(found[1])
            if message["headers"]["task"] == task:
                sent: dict[str, Any] = json.loads(base64.b64decode(message["body"]))[0][0]
                return sent | {"expires": message["headers"].get("expires")}
        raise AssertionError(f"no {task} within {seconds} s")

    def results(self, count: int, seconds: float = 40) -> list[CheckResult]:
        found: list[CheckResult] = []
        while len(found) < count:
            report = self.next_message(names.INGEST, seconds)
            assert (report["region"], report["worker"]) == ("usa", "w1")
            found += [CheckResult.from_wire(item) for item in report["results"]]
        return found


def worker_environment(directory: Path, broker_url: str) -> dict[str, str]:
    """For a worker that cannot import Django, whatever is installed."""
    (directory / "sitecustomize.py").write_text(NO_DJANGO)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{directory}:{ROOT}",
        "REGION": "usa",
        "WORKER_ID": "w1",
        "CELERY_BROKER_URL": broker_url,
        "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8",
    }


BOTH_QUEUES = f"{names.region_queue('usa')},{names.region_queue('usa', now=True)}"


def command(*options: str, queues: str = BOTH_QUEUES) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "probes.worker", "worker", "-Q", queues, *options]


def batch(*checks: CheckRequest, region: str = "usa", name: str = "b1") -> Batch:
    return Batch(name, region, list(checks))


def a_check(name: str, url: str, timeout_ms: int = 10_000) -> CheckRequest:
    return CheckRequest(name, "http", {"url": url}, timeout_ms=timeout_ms)


def wait_until(condition: Callable[[], object], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
