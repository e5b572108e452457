"""Real workers with a spool, and a real broker that goes away and comes back."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from onebox.servers import Valkey
from probes import names
from probes.contract import Batch, CheckResult, Outcome, Report
from probes.spool import Spool
from tests.probes.conftest import MakeSite
from tests.probes.lab import OK, says
from tests.probes.region import Region, a_check, batch, command, wait_until, worker_environment

pytestmark = pytest.mark.processes


class House:
    """One machine with workers that share a spool, and their broker."""

    def __init__(self, valkey: Valkey, directory: Path) -> None:
        self.valkey = valkey
        self.broker = redis.Redis.from_url(valkey.url)
        self.directory = directory
        self.spool = Spool(directory / "spool", "usa", 10_000_000)
        self.environment = worker_environment(directory, valkey.url) | {"PROBE_SPOOL_DIR": str(directory / "spool")}
        self.workers: list[Region] = []

    def worker(self, *options: str, queues: str = "region.usa,region.usa.now", **more: str) -> Region:
        """A worker that is ready."""
        log = self.directory / f"log-{len(self.workers)}"
        environment = self.environment | more
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(*options, queues=queues), env=environment, cwd=self.directory, stdout=output, stderr=output
            )
        worker = Region(self.broker, self.valkey.url, environment, process)
        self.workers.append(worker)
        wait_until(lambda: "Ready to check" in log.read_text())
        return worker

    def log(self, worker: Region) -> str:
        return (self.directory / f"log-{self.workers.index(worker)}").read_text()

    def under_way(self) -> int:
        return int(self.broker.hlen("unacked.usa"))

    def reports(self, count: int) -> list[dict[str, Any]]:
        """Reports with so many results together."""
        reports: list[dict[str, Any]] = []
        while sum(len(report["results"]) for report in reports) < count:
            reports.append(self.workers[0].next_message(names.INGEST))
        return reports

    def close(self) -> None:
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
        self.broker.close()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("broker") / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def house(valkey: Valkey, tmp_path: Path) -> Iterator[House]:
    if valkey.process is None:  # the test before this one has left it so
        valkey.start()
    house = House(valkey, tmp_path)
    house.broker.flushdb()
    yield house
    house.close()


def checks(reports: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((report["batch"], result["id"]) for report in reports for result in report["results"])


def slow_batch(name: str, url: str, count: int = 3) -> Batch:
    return batch(*(a_check(f"c{number}", url, timeout_ms=60_000) for number in range(count)), name=name)


def test_a_killed_workers_results_are_sent_once_by_the_next(house: House, site: MakeSite) -> None:
    house.spool.path.parent.mkdir()
    house.spool.path.write_bytes(b"no database at all" * 100)
    first = house.worker()
    may_end = threading.Event()
    first.send(slow_batch("b1", site(says(may_end, OK)).url()))
    wait_until(lambda: house.under_way() == 1)
    house.valkey.stop()
    may_end.set()
    wait_until(lambda: house.spool.count() == 3)
    first.process.kill()
    house.valkey.start()
    house.worker(WORKER_ID="w2")
    reports = house.reports(3)
    wait_until(lambda: house.spool.count() == 0)

    assert checks(reports) == {("b1", "c0"): 1, ("b1", "c1"): 1, ("b1", "c2"): 1}
    assert {report["worker"] for report in reports} == {"w1"}
    assert house.spool.path.with_suffix(".broken").exists()


@pytest.mark.parametrize("options", [(), ("--pool", "prefork", "--concurrency", "1")], ids=["threads", "processes"])
def test_two_workers_with_one_spool_send_everything_once(
    options: tuple[str, ...], house: House, site: MakeSite
) -> None:
    may_end = threading.Event()
    url = site(says(may_end, OK)).url()
    scheduled = house.worker(*options, "-n", "w1", queues="region.usa")
    urgent = house.worker(*options, "-n", "w2", queues="region.usa.now", WORKER_ID="w2")
    scheduled.send(slow_batch("b1", url))
    urgent.send(slow_batch("b2", url), now=True)
    wait_until(lambda: house.under_way() == 2)
    house.valkey.stop()
    may_end.set()
    wait_until(lambda: house.spool.count() == 6)
    house.valkey.start()
    reports = house.reports(6)
    wait_until(lambda: house.spool.count() == 0)

    assert set(checks(reports).values()) == {1}
    assert {(report["batch"], report["worker"]) for report in reports} == {("b1", "w1"), ("b2", "w2")}


def test_a_worker_stops_in_time_while_the_broker_is_away(house: House, site: MakeSite) -> None:
    may_end = threading.Event()
    quick, endless = site(says(may_end, OK)), site(says(60.0, OK))
    worker = house.worker()
    worker.send(batch(a_check("done", quick.url()), a_check("endless", endless.url(), timeout_ms=60_000)))
    wait_until(lambda: quick.connections and endless.connections)
    house.valkey.stop()
    may_end.set()
    wait_until(lambda: house.spool.count() == 1)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=10)

    assert house.spool.count() == 1
    assert "Batch b1 goes back to its queue" in house.log(worker)
    assert "Traceback" not in house.log(worker)


def test_the_life_sign_tells_how_much_waits(house: House) -> None:
    results = [CheckResult(str(number), "http", Outcome.UP) for number in range(5)]
    house.spool.add(Report("b1", "usa", "w0", results))
    with house.spool.sending() as ours:
        assert ours
        worker = house.worker()
        assert worker.next_message(names.LIFE_SIGN)["spooled"] == 5

    assert len(checks(house.reports(5))) == 5


def test_where_nothing_can_be_written_results_wait_in_memory(house: House, site: MakeSite) -> None:
    (house.directory / "file").touch()
    worker = house.worker(PROBE_SPOOL_DIR=str(house.directory / "file"))
    may_end = threading.Event()
    worker.send(slow_batch("b1", site(says(may_end, OK)).url()))
    wait_until(lambda: house.under_way() == 1)
    house.valkey.stop()
    may_end.set()
    wait_until(lambda: "The broker does not take results" in house.log(worker))
    house.valkey.start()

    assert set(checks(house.reports(3)).values()) == {1}
    assert house.log(worker).count("The spool cannot be used") == 1
