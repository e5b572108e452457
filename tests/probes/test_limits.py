"""Politeness, pace and bounds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probes.contract import CheckRequest, CheckResult, Outcome, Reason
from probes.engine import Engine
from probes.loop import Loop, start_thread
from probes.pace import DomainLimits, Pace
from probes.settings import Nameserver, Settings
from tests.probes.conftest import LOOPBACK, Check, MakeSite
from tests.probes.lab import OK, NameServer, Zone, answer, drip, request, says, zone

MEGABYTE = 1_048_576


# -- per domain


class Crowd:
    """A site that counts how many are inside at once, and when they came."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.inside = self.most = 0
        self.came: list[float] = []
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.came.append(time.monotonic())
        request(connection)
        threading.Event().wait(self._seconds)
        with self._lock:
            self.inside -= 1
        connection.sendall(OK)


@pytest.fixture
def worker_engine(name_server: NameServer) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(**settings: object) -> Engine:
        nameservers = (Nameserver("127.0.0.1", name_server.port),)
        engines.append(Engine(Settings(policy=LOOPBACK, nameservers=nameservers, **settings), worker=True))  # type: ignore[arg-type]
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def run_all(engine: Engine, urls: list[str]) -> list[CheckResult]:
    results: list[CheckResult] = []
    requests = [CheckRequest(str(n), "http", {"url": url}, timeout_ms=5_000) for n, url in enumerate(urls)]
    engine.run(requests, results.append)
    return results


def test_two_at_a_time_and_five_a_second_per_domain(
    worker_engine: Callable[..., Engine], site: MakeSite, names: Callable[[Zone], NameServer]
) -> None:
    names(zone(www__site__test={"A": ["127.0.0.1"]}, api__site__test={"A": ["127.0.0.1"]}))
    crowd = Crowd(seconds=0.5)
    server = site(crowd)
    urls = [server.url(host=f"{name}.site.test") for name in ("www", "api") * 4]
    results = run_all(worker_engine(), urls)

    assert all(result.outcome is Outcome.UP for result in results)
    assert crowd.most <= 2
    assert crowd.came[5] - crowd.came[0] >= 0.9


def test_one_busy_domain_does_not_hold_up_another(
    worker_engine: Callable[..., Engine], site: MakeSite, names: Callable[[Zone], NameServer]
) -> None:
    """The busy one's answers wait until the other one was asked."""
    names(zone(busy__test={"A": ["127.0.0.1"]}, free__test={"A": ["127.0.0.1"]}))
    asked, in_time = threading.Event(), list[bool]()

    def behave(connection: socket.socket) -> None:
        if b"free.test" in request(connection):
            asked.set()
        in_time.append(asked.wait(4))
        connection.sendall(OK)

    server = site(behave)
    run_all(worker_engine(), [server.url(host="busy.test")] * 6 + [server.url(host="free.test")])

    assert in_time == [True] * 7


def test_what_the_operator_opened_by_hand_is_not_limited_unless_he_says_so(
    worker_engine: Callable[..., Engine], site: MakeSite
) -> None:
    crowd = Crowd(seconds=0.3)
    run_all(worker_engine(), [site(crowd).url()] * 20)
    assert crowd.most > 2

    crowd = Crowd(seconds=0.05)
    run_all(worker_engine(domain_limits_chosen=True, domain_rate=100), [site(crowd).url()] * 8)
    assert crowd.most <= 2


def test_addresses_count_per_port() -> None:
    limits = DomainLimits(Loop(), Settings())

    assert limits.key("www.example.co.uk", 443) == limits.key("example.co.uk", 80) == "example.co.uk"
    assert limits.key("a.github.io", 443) != limits.key("b.github.io", 443)
    assert limits.key("192.0.2.1", 80) != limits.key("192.0.2.1", 81)
    assert limits.key("localhost", 80) == "localhost:80"
    assert limits.key("2001:db8::1", 80) == "[2001:db8::1]:80"


def test_waiting_too_long_is_rate_limited_and_not_down() -> None:
    loop = Loop()
    limits = DomainLimits(loop, Settings(domain_concurrency=1, domain_rate=0), patience_s=0.2)
    admitted: list[bool] = []
    all_decided = threading.Event()

    def decide(go: bool) -> None:
        admitted.append(go)
        if len(admitted) == 3:
            all_decided.set()

    def enter_three_times() -> None:
        for _ in range(3):
            limits.enter("site.test", decide)

    thread = start_thread(loop, "limits")
    loop.call_from_thread(enter_three_times)
    assert all_decided.wait(30)
    loop.stop()
    thread.join(30)
    assert admitted == [True, False, False]


def test_a_rate_limited_check_is_unknown(
    worker_engine: Callable[..., Engine], site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = worker_engine(domain_limits_chosen=True, domain_concurrency=1, domain_rate=0.0)
    engine._limits._patience_s = 0.2  # type: ignore[union-attr]
    results, one_is_told = list[CheckResult](), threading.Event()

    def tell(result: CheckResult) -> None:
        results.append(result)
        one_is_told.set()

    url = site(says(one_is_told, OK)).url()
    engine.run([CheckRequest(str(n), "http", {"url": url}) for n in range(2)], tell)

    assert [(result.outcome, result.reason) for result in results] == [
        (Outcome.UNKNOWN, Reason.RATE_LIMITED),
        (Outcome.UP, None),
    ]


# -- pace


def test_the_harder_the_work_the_slower_the_starts() -> None:
    pace = Pace()
    before = time.monotonic()
    pace.started(1)
    after = time.monotonic()
    assert pace.next_start() - after < 0.002
    pace.worked(0.07)
    assert before + 0.09 < pace.next_start() < after + 0.11


def test_only_cheap_checks_start_in_groups() -> None:
    pace = Pace()
    for cost_s in [0.0002] * 100:
        pace.started(1)
        pace.worked(cost_s)
    assert pace.group() > 1
    for cost_s in [0.002] * 100:
        pace.started(1)
        pace.worked(cost_s)
    assert pace.group() == 1


def test_checks_that_end_at_once_do_not_pile_up_on_the_stack(engine: Engine) -> None:
    results: list[CheckResult] = []
    engine.run([CheckRequest(str(n), "http", {"url": "http://10.0.0.1/"}) for n in range(3_000)], results.append)

    assert {result.reason for result in results} == {Reason.ADDRESS_BLOCKED}


# -- bodies and memory


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def bomb(size: int, encoding: str) -> bytes:
    squeeze = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    zeros = bytes(MEGABYTE)
    body = b"".join(squeeze.compress(zeros) for _ in range(size // MEGABYTE)) + squeeze.flush()
    return answer(body, headers=f"Content-Encoding: {encoding}\r\n")


def endless(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_costs_little(encoding: str, check: Check, site: MakeSite) -> None:
    server = site(says(bomb(300 * MEGABYTE, encoding)))
    check(server.url())
    before = resident_bytes()
    result = check(server.url())

    assert result.body_bytes == MEGABYTE
    assert resident_bytes() - before < 10 * MEGABYTE


def test_an_endless_body_is_read_for_a_mebibyte(check: Check, site: MakeSite) -> None:
    server = site(endless)
    before = resident_bytes()
    result = check(server.url())

    assert (result.outcome, result.body_bytes) == (Outcome.UP, MEGABYTE)
    assert "first 1,048,576 bytes" in result.message
    assert resident_bytes() - before < 20 * MEGABYTE

    result = check(server.url(), body_contains="no such text")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.BODY_TOO_LARGE)


def test_a_body_of_exactly_the_limit_is_whole(check: Check, site: MakeSite) -> None:
    result = check(site(says(answer(b"x" * MEGABYTE))).url(), body_contains="xxx")

    assert (result.outcome, result.message) == (Outcome.UP, "")


def test_the_deadline_is_for_all_tries_and_hops_together(check: Check, site: MakeSite) -> None:
    dripping = site(drip(b"x" * 500, first=b"HTTP/1.1 200 OK\r\n\r\n", every=0.05))
    result = check(dripping.url(), timeout_ms=1_000, retries=5)

    assert (result.reason, result.attempts) == (Reason.BODY_TIMEOUT, 1)
    assert result.timings_ms.total is not None
    assert result.timings_ms.total < 1_500


def test_running_out_of_descriptors_is_our_fault(site: MakeSite) -> None:
    """In a process of its own, which may open only a few files."""
    url = site(says(1.0, OK)).url()
    lines = "".join(json.dumps({"id": str(n), "kind": "http", "spec": {"url": url}}) + "\n" for n in range(100))
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -n 40; exec {sys.executable} -m probes --jsonl"],
        input=lines,
        env={"PATH": os.environ["PATH"], "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    outcomes = {(result["outcome"], result["reason"]) for result in map(json.loads, done.stdout.splitlines())}

    assert outcomes == {("up", None), ("unknown", "internal_error")}


@pytest.mark.parametrize(("early_s", "waits_s"), [(-60.0, 0.0), (0.7, 0.7), (1_000.0, 3.0)])
def test_a_check_waits_for_its_second_but_not_for_a_clock_that_is_wrong(
    worker_engine: Callable[..., Engine], site: MakeSite, early_s: float, waits_s: float
) -> None:
    crowd = Crowd(seconds=0.0)
    url, began, now = site(crowd).url(), time.monotonic(), time.time()
    requests = [CheckRequest(str(n), "http", {"url": url}, not_before=now + early_s) for n in range(3)]
    results: list[CheckResult] = []
    worker_engine().run(requests, results.append)
    assert [result.outcome for result in results] == [Outcome.UP] * 3
    assert min(crowd.came) - began >= waits_s
    assert all(result.started_at and result.started_at - now >= waits_s for result in results)
    assert time.monotonic() - began < 10
