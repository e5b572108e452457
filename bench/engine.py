"""What a check costs, how fast checks go, and whether the times they report are true.

    .venv/bin/python bench/engine.py [--rounds N] [--quick]

Sites are processes on loopback, every check is a new connection. CPU is user + system of this process alone. Each
figure is the median of interleaved rounds, so that a busy minute of the machine falls on every client alike.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import psutil
import pycurl
import requests

from bench.stage.sites import black_hole, certificates, serve_plain, serve_tls, site
from onebox.servers import free_port
from probes import pace
from probes.contract import CheckRequest, CheckResult, Outcome
from probes.engine import Engine
from probes.guard import Policy
from probes.settings import Settings

POLICY = Policy.of(["127.0.0.0/8"])


# -- clients


def require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise SystemExit(f"The measurement is worthless: {otherwise}.")


@dataclass(frozen=True)
class Cost:
    cpu_ms: float
    per_second: float


def measured(run: Callable[[], int]) -> Cost:
    cpu, began = time.process_time(), time.monotonic()
    count = run()
    return Cost((time.process_time() - cpu) * 1000 / count, count / (time.monotonic() - began))


def by_engine(url: str, count: int, concurrency: int, ca_file: str | None) -> Cost:
    engine = Engine(Settings(policy=POLICY, concurrency=concurrency, ca_file=ca_file))
    checks = [CheckRequest(str(n), "http", {"url": url, "body_contains": "xxx"}) for n in range(count)]

    def run() -> int:
        lines: list[str] = []
        engine.run(checks, lambda result: lines.append(json.dumps(result.to_wire())))
        require(all('"up"' in line for line in lines), "a check of the engine failed")
        return len(lines)

    engine.run(checks[:50], lambda _: None)
    cost = measured(run)
    engine.close()
    return cost


def by_unpaced_engine(url: str, count: int, concurrency: int, ca_file: str | None) -> Cost:
    """All at once, as the others do it: the difference is what true times cost."""
    with mock.patch.multiple(
        pace, STARTS_PER_SECOND=10**9, BUSY_SHARE=10.0**9, GROUP_COST_SECONDS=1.0, LARGEST_GROUP=100
    ):
        return by_engine(url, count, concurrency, ca_file)


def by_requests(url: str, count: int, concurrency: int, ca_file: str | None) -> Cost:
    def fetch(_: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            require("xxx" in session.get(url, timeout=30, verify=ca_file or True).text, "requests failed")

    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(fetch, range(min(50, count))))
        return measured(lambda: len(list(pool.map(fetch, range(count)))))


def by_bare_pycurl(url: str, count: int, concurrency: int, ca_file: str | None) -> Cost:
    """A loop that does nothing else: no pace, no guard, no look at the answer."""
    multi = pycurl.CurlMulti()

    def start() -> None:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
        if ca_file is not None:
            curl.setopt(pycurl.CAINFO, ca_file)
        multi.add_handle(curl)

    def run() -> int:
        waiting, under_way, done = count, 0, 0
        while done < count:
            while waiting and under_way < concurrency:
                start()
                waiting, under_way = waiting - 1, under_way + 1
            multi.select(1.0)
            multi.perform()
            left = 1
            while left:
                left, finished, failed = multi.info_read()
                require(not failed, "bare pycurl failed")
                for curl in finished:
                    multi.remove_handle(curl)
                    curl.close()
                    under_way, done = under_way - 1, done + 1
        return done

    return measured(run)


BLACKBOX = "prometheus-blackbox-exporter"
BLACKBOX_MODULE = """
modules:
  page:
    prober: http
    http:
      fail_if_body_not_matches_regexp: [xxx]
      tls_config:
        ca_file: %s
"""


def by_blackbox(url: str, count: int, concurrency: int, ca_file: str | None) -> Cost:
    """Its own CPU, without ours: we only ask it to check."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write(BLACKBOX_MODULE % (ca_file or "''"))
        config.flush()
        address = f"127.0.0.1:{free_port()}"
        command = [BLACKBOX, f"--config.file={config.name}", f"--web.listen-address={address}", "--log.level=error"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            return _ask_blackbox(psutil.Process(process.pid), f"http://{address}", url, count, concurrency)
        finally:
            process.kill()
            process.wait()


def _ask_blackbox(process: psutil.Process, address: str, url: str, count: int, concurrency: int) -> Cost:
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + 10
    while True:
        try:
            session.get(f"{address}/-/healthy", timeout=1)
            break
        except requests.ConnectionError:
            require(time.monotonic() < deadline, "the blackbox exporter does not start")
            time.sleep(0.05)

    def ask(_: int) -> None:
        page = session.get(f"{address}/probe", params={"target": url, "module": "page"}, timeout=30).text
        require("probe_success 1" in page, "a check of the blackbox exporter failed")

    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, range(min(50, count))))
        before, began = process.cpu_times(), time.monotonic()
        list(pool.map(ask, range(count)))
        after, spent = process.cpu_times(), time.monotonic() - began
    return Cost((after.user + after.system - before.user - before.system) * 1000 / count, count / spent)


CLIENTS: dict[str, Callable[[str, int, int, str | None], Cost]] = {
    "engine": by_engine,
    "engine unpaced": by_unpaced_engine,
    "bare pycurl": by_bare_pycurl,
    "requests": by_requests,
}
if shutil.which(BLACKBOX):
    CLIENTS["blackbox exporter"] = by_blackbox


# -- tables


def costs(title: str, url: str, ca_file: str | None, counts: dict[int, int], rounds: int) -> None:
    print(f"\n### {title}: CPU ms per check (checks per second of wall time)\n")
    print("| concurrency | " + " | ".join(CLIENTS) + " | requests : engine | requests : unpaced | unpaced : bare |")
    print("|---" * (len(CLIENTS) + 4) + "|")
    for concurrency, count in counts.items():
        found: dict[str, list[Cost]] = {name: [] for name in CLIENTS}
        for _ in range(rounds):
            for name, client in CLIENTS.items():
                found[name].append(client(url, count, concurrency, ca_file))
        cpu = {name: statistics.median(cost.cpu_ms for cost in costs) for name, costs in found.items()}
        speed = {name: statistics.median(cost.per_second for cost in costs) for name, costs in found.items()}
        cells = " | ".join(f"{cpu[name]:.2f} ({speed[name]:.0f}/s)" for name in CLIENTS)
        ours = cpu["engine unpaced"]
        shipped, unpaced = cpu["requests"] / cpu["engine"], cpu["requests"] / ours
        ratios = f"{shipped:.1f} | {unpaced:.1f} | {ours / cpu['bare pycurl']:.1f}"
        print(f"| {concurrency} | {cells} | {ratios} |", flush=True)


def checked(engine: Engine, requests_: list[CheckRequest]) -> list[CheckResult]:
    results: list[CheckResult] = []
    engine.run(requests_, results.append)
    return results


def truth(quick: int, slow: int, rounds: int) -> None:
    print("\n### Truth: reported total against what the site really took\n")
    print("| load | median off by | p99 off by | worst lag of the loop |")
    print("|---|---|---|---|")
    many = 1_000 if rounds > 1 else 500
    for title, port, count, delay_ms in (
        ("checks as fast as the engine lets them, a site of exactly 50 ms", quick, many, 50.0),
        ("500 in flight, a site of exactly 2 s", slow, 500, 2_000.0),
    ):
        medians, tails, lags = [], [], []
        for _ in range(rounds):
            engine = Engine(Settings(policy=POLICY, concurrency=500))
            checks = [CheckRequest(str(n), "http", {"url": f"http://127.0.0.1:{port}/"}) for n in range(count)]
            totals = sorted((result.timings_ms.total or 0.0) for result in checked(engine, checks))
            medians.append(totals[len(totals) // 2] - delay_ms)
            tails.append(totals[int(len(totals) * 0.99)] - delay_ms)
            lags.append(engine.health().lag_ms)
            engine.close()
        row = (statistics.median(values) for values in (medians, tails, lags))
        print(f"| {title} | " + " | ".join(f"{value:.1f} ms" for value in row) + " |", flush=True)


def mix(quick: int, slow: int, hole: int) -> None:
    engine = Engine(Settings(policy=POLICY, concurrency=500))
    ports = ([quick] * 8 + [slow] + [hole]) * 60
    checks = [CheckRequest(f"{port}", "http", {"url": f"http://127.0.0.1:{port}/"}, timeout_ms=3_000) for port in ports]
    began, finished = time.monotonic(), dict[str, float]()
    results: list[CheckResult] = []

    def note(result: CheckResult) -> None:
        results.append(result)
        finished[result.id] = time.monotonic() - began

    engine.run(checks, note)
    engine.close()
    up = sum(result.outcome is Outcome.UP for result in results)
    quick_ms = statistics.median(result.timings_ms.total or 0 for result in results if result.id == str(quick))
    print("\n### A mix: 80 % quick, 10 % slow (2 s), 10 % black holes (3 s timeout)\n")
    print(f"{len(results)} checks, {up} up, in {max(finished.values()):.1f} s; quick ones were done after")
    print(f"{finished[str(quick)]:.1f} s and took {quick_ms:.1f} ms (the site: 50 ms).")


def resident_kb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024


def memory(plain: int, slow: int) -> None:
    engine = Engine(Settings(policy=POLICY, concurrency=500))
    check = CheckRequest("x", "http", {"url": f"http://127.0.0.1:{plain}/"})
    checked(engine, [check] * 500)
    before, peak = resident_kb(), 0.0
    slow_check = replace(check, spec={"url": f"http://127.0.0.1:{slow}/"})
    waiter = threading.Thread(target=checked, args=(engine, [slow_check] * 500))
    waiter.start()
    while waiter.is_alive():
        peak = max(peak, resident_kb())
        waiter.join(0.02)
    start = resident_kb()
    for _ in range(10):
        checked(engine, [check] * 1_000)
    print("\n### Memory\n")
    print(f"{(peak - before) / 500:.0f} kB per check in flight (500 at a time);")
    print(f"after 10,000 more checks the process holds {resident_kb() - start:+.0f} kB.")
    engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, fewer checks")
    options = parser.parse_args()
    rounds, scale = (1, 4) if options.quick else (options.rounds, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8_192)), hard))
    with tempfile.TemporaryDirectory() as folder:
        ca_file, certificate = certificates(folder)
        with (
            site(serve_plain, 0.0) as plain,
            site(serve_plain, 0.05) as quick,
            site(serve_plain, 2.0) as slow,
            site(serve_tls, certificate) as secure,
            black_hole() as hole,
        ):
            counts = {1: 400 // scale, 10: 800 // scale, 100: 1_200 // scale, 500: 1_200 // scale}
            costs("HTTP", f"http://127.0.0.1:{plain}/", None, counts, rounds)
            fewer = {concurrency: count // 2 for concurrency, count in counts.items()}
            costs("HTTPS (P-256, verified)", f"https://127.0.0.1:{secure}/", ca_file, fewer, rounds)
            truth(quick, slow, rounds)
            mix(quick, slow, hole)
            memory(plain, slow)


if __name__ == "__main__":
    main()
