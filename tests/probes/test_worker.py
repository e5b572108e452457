"""A real region worker on a real broker, in an environment where Django cannot be imported."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from onebox.servers import Valkey
from probes import names
from probes.contract import Outcome, Reason
from tests.probes.conftest import MakeSite
from tests.probes.lab import OK, says
from tests.probes.region import ROOT, Region, a_check, batch, command, wait_until, worker_environment

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("broker") / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> dict[str, str]:
    return worker_environment(tmp_path_factory.mktemp("blocker"), valkey.url)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the worker's words go."""
    return tmp_path_factory.mktemp("worker") / "log"


@pytest.fixture(scope="module")
def region(log: Path, valkey: Valkey, environment: dict[str, str]) -> Iterator[Region]:
    """One for all tests; the last of them stops it."""
    with log.open("wb") as words:
        process = subprocess.Popen(command(), env=environment, cwd=log.parent, stdout=words, stderr=words)
    broker = redis.Redis.from_url(valkey.url)
    yield Region(broker, valkey.url, environment, process)
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=40)
    broker.close()
    assert "Traceback" not in log.read_text()


def test_django_cannot_be_imported_there(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import probes.worker, probes.__main__\nimport django"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stderr.strip().endswith("ModuleNotFoundError: No module named 'django'")
    assert done.stderr.count("Traceback") == 1
    assert "line 2" in done.stderr


def test_it_says_that_it_lives_as_soon_as_it_does(region: Region) -> None:
    sign = region.next_message(names.LIFE_SIGN, seconds=15)

    assert (sign["region"], sign["worker"]) == ("usa", "w1")
    assert sign["sent_at"] == pytest.approx(time.time(), abs=5)
    assert sign["expires"]


def test_a_batch_comes_home(region: Region, site: MakeSite) -> None:
    url = site(says(OK)).url()
    wire = batch(*(a_check(f"c{n}", url) for n in range(120))).to_wire()
    wire["checks"] += [{"id": "bad", "kind": "http", "timeout_ms": -1, "spec": {}}, "nonsense"]
    region.send(wire)
    results = {result.id: result for result in region.results(122)}

    assert results["c0"].outcome is Outcome.UP
    assert sum(result.outcome is Outcome.UP for result in results.values()) == 120
    assert (results["bad"].outcome, results["bad"].reason) == (Outcome.UNKNOWN, Reason.INVALID_SPEC)
    assert results[""].reason is Reason.INVALID_SPEC


def test_one_slow_site_delays_nobody(region: Region, site: MakeSite) -> None:
    may_end = threading.Event()
    slow = site(says(may_end, OK)).url()
    quick = site(says(OK)).url()
    region.send(batch(a_check("slow", slow, timeout_ms=60_000), *(a_check(f"c{n}", quick) for n in range(20))))

    assert all(result.id != "slow" for result in region.results(20))
    may_end.set()
    assert region.results(1)[0].id == "slow"


def test_a_batch_for_another_region_is_dropped(region: Region, site: MakeSite) -> None:
    diary = site(says(OK))
    region.send(batch(a_check("theirs", diary.url()), region="india"))
    region.send({"nonsense": True})
    region.send(batch(a_check("ours", diary.url())))

    assert [result.id for result in region.results(1)] == ["ours"]


def test_results_are_kept_while_the_broker_is_away(region: Region, log: Path, valkey: Valkey, site: MakeSite) -> None:
    may_end = threading.Event()
    quick, slow = site(says(OK)), site(says(may_end, OK))
    region.send(batch(a_check("first", quick.url()), a_check("late", slow.url(), timeout_ms=60_000)))
    assert [result.id for result in region.results(1)] == ["first"]

    valkey.stop()
    may_end.set()
    wait_until(lambda: "The broker does not take results" in log.read_text())
    valkey.start()

    assert [result.id for result in region.results(1)] == ["late"]


def test_it_stops_in_time_and_leaves_the_batch_to_others(region: Region, site: MakeSite) -> None:
    region.send(batch(a_check("endless", site(says(60.0, OK)).url(), timeout_ms=60_000)))
    wait_until(lambda: region.broker.hlen("unacked.usa") == 1)
    began = time.monotonic()
    region.process.send_signal(signal.SIGTERM)
    region.process.wait(timeout=15)

    assert time.monotonic() - began < 10
    assert region.broker.llen(names.region_queue("usa")) == 1


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("REGION", ""),
        ("REGION", "United States"),
        ("CELERY_BROKER_URL", ""),
        ("CELERY_BROKER_URL", "localhost"),
        ("PROBE_ALLOWED_NETWORKS", "everything"),
        ("PROBE_NAMESERVERS", "dns.example.org"),
        ("PROBE_NAMESERVERS", "127.0.0.1:99999"),
        ("PROBE_CA_FILE", "/no/such/file"),
        ("PROBE_CONCURRENCY", "0"),
        ("PROBE_DOMAIN_RATE", "fast"),
        ("PROBE_DOMAIN_CONCURRENCY", "1.5"),
        ("REGION_FILE", "/no/such/file"),
    ],
)
def test_a_bad_environment_stops_the_start_with_one_sentence(
    name: str, wrong: str, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {name: wrong}
    if name == "REGION_FILE":
        del environment["REGION"]
    done = subprocess.run(
        command(),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode != 0
    assert done.stderr.startswith(name)
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_settings_may_stand_in_files(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broker").write_text(environment["CELERY_BROKER_URL"] + "\n")
    environment = environment | {"CELERY_BROKER_URL": "", "CELERY_BROKER_URL_FILE": str(tmp_path / "broker")}
    done = subprocess.run(
        [sys.executable, "-c", "from probes.worker import read_broker_url; print(read_broker_url())"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.startswith("redis://")


def test_the_server_keeps_its_own_app() -> None:
    code = (
        "from celery import Celery, current_app\napp = Celery('server')\nimport probes.worker\nprint(current_app.main)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "server"
