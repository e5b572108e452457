"""The programs of the product, one by one, as measurements start them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import requests

from onebox.servers import Postgres, Valkey, free_port, wait_for

S = TypeVar("S", Postgres, Valkey)
ROOT = Path(__file__).parents[2]
REGIONS = ("usa", "india")


def environment(database_url: str, valkey_url: str) -> dict[str, str]:
    """What the programs know. Without a Valkey, PostgreSQL is the broker."""
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLWJlbmNobWFyay0zMi1ieXRlcyE=",
        "DATABASE_URL": database_url,
        "REDIS_URL": valkey_url,
        "CELERY_BROKER_URL": valkey_url or f"sqla+postgresql+psycopg://{database_url.partition('://')[2]}",
        "REGIONS": ",".join(REGIONS),
        "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PROBE_DOMAIN_RATE": "0",
        "PROBE_DOMAIN_CONCURRENCY": "0",
        "LOG_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }


@contextmanager
def servers(*, valkey_log: bool = True) -> Iterator[dict[str, str]]:
    """What the programs know of a PostgreSQL (durable) with our tables, and of a Valkey."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        postgres, valkey = Postgres(home / "postgres"), Valkey(home / "valkey", durable=valkey_log)
        stack.enter_context(running(postgres))
        stack.enter_context(running(valkey))
        env = environment(postgres.url, valkey.url) | {"ONEBOX": "true"}
        prepare(env)
        yield env


@contextmanager
def running(server: S) -> Iterator[S]:
    """A server from its start to its orderly end."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def prepare(env: dict[str, str]) -> None:
    """Tables and regions."""
    manage(env, "migrate", "--verbosity", "0")
    manage(env, "region", "sync")


def manage(env: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def program(env: dict[str, str], *arguments: str) -> Iterator[psutil.Process]:
    python = env.get("BENCH_PYTHON", sys.executable)
    process = subprocess.Popen([python, *arguments], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def web(env: dict[str, str], *, port: int = 0) -> Iterator[tuple[str, psutil.Process]]:
    """The web server with the options of ``onebox.box``, on a free port unless one is named."""
    site = f"http://127.0.0.1:{port or free_port()}"
    options = ("--threads", "16", "--log-level", "error")
    bind = ("--bind", site.removeprefix("http://"), "--no-control-socket")
    with program(env, "-m", "gunicorn", "uptime.wsgi", *bind, *options) as process:
        assert wait_for(lambda: answers(site), seconds=60)
        yield site, process


def answers(site: str) -> bool:
    try:
        return requests.get(f"{site}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def postgres_here(database_url: str) -> list[psutil.Process]:
    """The server's main process; none when it is on another machine."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT pg_backend_pid(), inet_server_addr()").fetchone()
        assert row
        parent = psutil.Process(row[0]).parent() if row[1] is None else None
    return [parent] if parent else []


def cpu_s(process: psutil.Process) -> float:
    """User and system time of a process and its children, dead ones included."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        total += times.user + times.system
    times = process.cpu_times()
    return total + times.children_user + times.children_system


def rss_mb(process: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 1e6
