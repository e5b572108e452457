"""The whole product under one roof, with servers that the test itself may stop, for tests that break things."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
import requests
from psycopg.rows import dict_row

from onebox.servers import Postgres, Valkey, free_port
from tests.loopback import Asked, listening

PASSWORD = "correct horse battery"


def wait_until(what: str, condition: Callable[[], Any], *, seconds: float) -> Any:
    """The condition's first true value; fails by name when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.1)


@dataclass
class Box:
    """``make run`` on servers of its own. Processes are known by their names in the log."""

    home: Path
    durable: bool = False
    """Whether PostgreSQL keeps what it has committed when it crashes."""
    with_redis: bool = True
    """Otherwise PostgreSQL is broker and cache as well."""
    program: tuple[str, ...] = ("-m", "onebox")
    more_environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    lines: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.postgres = Postgres(self.home / "postgres", durable=self.durable)
        self.valkey = Valkey(self.home / "valkey")

    def start(self) -> None:
        begin_with_tables(self.postgres.data_dir, template=self.home.parent / "migrated")
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "DEMO_PORT": str(free_port()),
            "VAR_DIR": str(self.home / "var"),
            "DATABASE_URL": self.postgres.start(),
            **({"REDIS_URL": self.valkey.start()} if self.with_redis else {"BROKER": "postgres"}),
            "MONITOR_MIN_INTERVAL_SECONDS": "10",
            "PROBE_DOMAIN_RATE": "0",
            "PROBE_DOMAIN_CONCURRENCY": "500",
            **self.more_environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, *self.program],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=[self.process], daemon=True).start()
        wait_until("the box is ready", lambda: self.said(r"Uptime runs at"), seconds=60)
        heard_of = "SELECT count(*) FROM checks_regionworker"
        wait_until("both regions were heard of", lambda: self.one(heard_of) == 2, seconds=30)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(40)
        self.valkey.stop()
        self.postgres.stop()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self.lines.extend(line.rstrip() for line in process.stdout)

    def said(self, pattern: str) -> list[str]:
        return [line for line in self.lines if re.search(pattern, line)]

    def pid(self, worker: str) -> int | None:
        """The present process of a Celery worker, or of beat, which leads a process group of its own."""
        assert self.process
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if not {f"{worker}@%h", worker}.isdisjoint(child.cmdline()):
                    return int(child.pid)
        return None

    def signal(self, worker: str, number: signal.Signals) -> None:
        pid = wait_until(f"{worker} runs", lambda: self.pid(worker), seconds=40)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)

    def kill(self, worker: str) -> None:
        """kill -9 a worker with its children, and wait until another one stands in its place."""
        pid = self.pid(worker)
        self.signal(worker, signal.SIGKILL)
        wait_until(f"{worker} is started again", lambda: self.pid(worker) not in {None, pid}, seconds=40)

    def kill_when(self, worker: str, what: str, condition: Callable[[], Any]) -> None:
        """Kill a worker while something holds: it is held still first, so that it holds to the end."""

        def is_caught() -> bool:
            self.signal(worker, signal.SIGSTOP)
            still = psutil.Process(self.pid(worker))
            wait_until(f"{worker} stands still", lambda: still.status() == psutil.STATUS_STOPPED, seconds=20)
            caught = bool(condition())
            if not caught:
                self.signal(worker, signal.SIGCONT)
            return caught

        wait_until(f"{worker} {what}", lambda: condition() and is_caught(), seconds=60)
        self.kill(worker)

    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.postgres.url, row_factory=dict_row) as connection:
            return connection.execute(query, parameters).fetchall()

    def seen(self, monitors: list[str]) -> int:
        """How many pairs of a monitor and a region have a result."""
        pairs = "SELECT DISTINCT monitor_id, region FROM checks_checkresult WHERE monitor_id = ANY (%s::uuid[])"
        return len(self.rows(pairs, monitors))

    def one(self, query: str, *parameters: Any) -> Any:
        return next(iter(self.rows(query, *parameters)[0].values()))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def begin_with_tables(data_dir: Path, *, template: Path) -> None:
    """Migrating takes longer than all else when a box starts: it is done once, and every box begins with a copy."""
    if not template.exists():
        postgres = Postgres(template, durable=False)
        try:
            environment = os.environ | {"DATABASE_URL": postgres.start()}
            subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True)
        finally:
            postgres.stop()
    if not data_dir.exists():
        subprocess.run(["cp", "--archive", template, data_dir], check=True)


class Program:
    """A program that uses the API."""

    def __init__(self, box: Box, email: str) -> None:
        self.box, self.email = box, email
        answer = requests.post(box.url("/api/auth/signup"), json={"email": email, "password": PASSWORD}, timeout=20)
        answer.raise_for_status()
        self._take(answer)

    def _take(self, answer: requests.Response) -> None:
        self.headers = {"Authorization": f"Bearer {answer.json()['access']}"}

    def call(self, verb: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(verb, self.box.url(f"/api/{path}"), json=body, headers=self.headers, timeout=30)

    def watch(self, url: str, **fields: Any) -> str:
        """Make a monitor and give its id."""
        answer = self.call("post", "monitor", {"url": url, "interval": 10, "timeout": 5, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def monitor(self, monitor: str) -> dict[str, Any]:
        body: dict[str, Any] = self.call("get", f"monitor/{monitor}").json()
        return body

    def latest(self, monitor: str) -> dict[str, dict[str, Any]]:
        results = self.call("get", f"results/{monitor}/latest").json()["results"]
        return {result["region"]: result for result in results}


@contextlib.contextmanager
def site(delay_s: float = 0.0, *, may_answer: threading.Event | None = None, port: int = 0) -> Iterator[str]:
    """A small site on loopback that answers after a while, and not before it may."""

    def answer(asked: Asked) -> None:
        if may_answer:
            may_answer.wait(60)
        time.sleep(delay_s)
        asked.reply(b"ok")

    with listening(answer, port=port) as address:
        yield f"{address}/"
