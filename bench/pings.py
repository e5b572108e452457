"""How many pings the web server takes in, and whether it keeps each one that it has acknowledged.

    .venv/bin/python bench/pings.py [--rate 100] [--seconds 20] [--jobs 300] [--clients 8]

Makes a PostgreSQL (durable) and a Valkey of its own and starts the web server as ``make run`` does. Every ping is a
connection of its own over loopback, for another job each time, with a body of 200 bytes, while conclusions are drawn
once a second. Three rounds: at the rate, as fast as the clients can, and at the rate with the web server killed
(SIGKILL) and started again in the middle. An acknowledged ping that is not in the table is lost; refused ones were not
acknowledged. CPU is that of the web server and of PostgreSQL for one ping.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import signal
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import django
import psutil

from bench.stage.programs import cpu_s, postgres_here, servers, web
from onebox.servers import free_port

BODY = b"x" * 200


@dataclass(frozen=True)
class Answer:
    run: str
    status: int
    """0: none."""
    took_ms: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=float, default=100, help="pings a second")
    options.add_argument("--seconds", type=float, default=20, help="of each round")
    options.add_argument("--jobs", type=int, default=300)
    options.add_argument("--clients", type=int, default=8, help="at once")
    chosen = options.parse_args()
    with ExitStack() as stack:
        env = stack.enter_context(servers(valkey_log=False))
        paths = itertools.cycle(make_jobs(env, chosen.jobs))
        stack.enter_context(conclusions())
        port = free_port()
        print(f"{chosen.jobs} jobs, {chosen.clients} clients, {chosen.seconds:g} s a round; durable PostgreSQL")
        print(f"{'':<34}{'acked/s':>9}{'p50 ms':>8}{'p95 ms':>8}{'CPU ms':>8}{'refused':>9}{'lost':>6}")
        with web(env, port=port) as (_, server):
            sites = [server, *postgres_here(env["DATABASE_URL"])]
            pause = chosen.clients / chosen.rate
            for name, wait in ((f"{chosen.rate:g} a second", pause), ("as fast as they can", 0.0)):
                report(name, sites, partial(send, port, paths, chosen, wait))
        with ExitStack() as first:
            _, server = first.enter_context(web(env, port=port))
            killer = threading.Timer(chosen.seconds / 2, restart, [stack, server, env, port])
            killer.start()
            report(f"{chosen.rate:g} a second, killed half way", [], lambda: send(port, paths, chosen, pause))
            killer.join()


def make_jobs(env: dict[str, str], number: int) -> list[str]:
    """Where each of them reports."""
    os.environ |= env | {"DJANGO_SETTINGS_MODULE": "uptime.settings"}
    django.setup()
    from accounts.models import Team
    from monitors.services import create_monitor

    team = Team.objects.create(name="Bench")
    jobs = [create_monitor(team=team, kind="heartbeat", spec={"period": 3600}) for _ in range(number)]
    return [f"/ping/{str(job.ping_url).rpartition('/')[2]}" for job in jobs]


@contextmanager
def conclusions() -> Iterator[None]:
    """Draw them once a second, as the central worker does."""
    from heartbeats import services

    over = threading.Event()

    def turn() -> None:
        while not over.wait(1):
            services.turn()

    worker = threading.Thread(target=turn)
    worker.start()
    yield
    over.set()
    worker.join()


def send(port: int, paths: Iterator[str], chosen: argparse.Namespace, pause: float) -> list[Answer]:
    """What each ping was answered; each client sends one every ``pause`` seconds, and at once when it is late."""
    lock, until = threading.Lock(), time.monotonic() + chosen.seconds

    def client(number: int) -> list[Answer]:
        answers, due = [], time.monotonic() + pause * number / chosen.clients
        while due < until and time.monotonic() < until:
            time.sleep(max(0.0, due - time.monotonic()))
            with lock:
                path = next(paths)
            answers.append(ping(port, path))
            due = due + pause if pause else time.monotonic()
        return answers

    with ThreadPoolExecutor(chosen.clients) as pool:
        return [answer for some in pool.map(client, range(chosen.clients)) for answer in some]


def ping(port: int, path: str) -> Answer:
    run, begun = str(uuid.uuid4()), time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", f"{path}?rid={run}", BODY)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return Answer(run, status, 1000 * (time.perf_counter() - begun))


def restart(stack: ExitStack, server: psutil.Process, env: dict[str, str], port: int) -> None:
    for process in [*server.children(recursive=True), server]:
        process.send_signal(signal.SIGKILL)
    stack.enter_context(web(env, port=port))


def report(name: str, at_work: list[psutil.Process], work: Callable[[], list[Answer]]) -> None:
    from heartbeats.models import Ping

    before, began = sum(map(cpu_s, at_work)), time.monotonic()
    answers = work()
    took_s = time.monotonic() - began
    acked = [answer for answer in answers if answer.status == 200]
    kept: set[Any] = {str(run) for run in Ping.objects.values_list("run", flat=True)}
    lost = sum(answer.run not in kept for answer in acked)
    times = sorted(answer.took_ms for answer in acked)
    cpu_ms = f"{1000 * (sum(map(cpu_s, at_work)) - before) / len(acked):.1f}" if at_work else "-"
    p50, p95 = statistics.median(times), times[int(0.95 * (len(times) - 1))]
    figures = f"{len(acked) / took_s:>9.1f}{p50:>8.1f}{p95:>8.1f}{cpu_ms:>8}"
    print(f"{name:<34}{figures}{len(answers) - len(acked):>9}{lost:>6}", flush=True)


if __name__ == "__main__":
    main()
