"""What the processes may know, and what is refused before anything starts."""

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onebox.__main__ import ensure_free, only_one, open_demo_door
from onebox.box import Box, schema_fingerprint
from onebox.process import StartError, spawn
from onebox.servers import Postgres
from onebox.settings import SECRETS, read_settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def box(tmp_path: Path, **environment: str) -> Box:
    own = {"DATABASE_URL": "postgresql://db/uptime", "REDIS_URL": "redis://broker/0"}
    settings = read_settings(own | environment, directory=tmp_path)
    return Box(settings, dict.fromkeys(SECRETS, "made for this box"), demo_port=8001)


def test_a_region_knows_neither_the_database_nor_a_secret(tmp_path: Path) -> None:
    person = {"SECRET_KEY": "k", "PATH": "/bin", "PROBE_CONCURRENCY": "9", "EMAIL_URL": "smtp://mail"}
    person["OTEL_SERVICE_NAME"] = "mine"
    environment = box(tmp_path, **person).region_environment("india")
    assert environment["REGION"] == "india"
    assert environment["CELERY_BROKER_URL"] == "redis://broker/0"
    assert (environment["PROBE_CONCURRENCY"], environment["OTEL_SERVICE_NAME"]) == ("9", "mine")
    assert environment["PROBE_SPOOL_DIR"] == str(tmp_path / "var" / "spool")
    assert environment["PATH"] == "/bin"
    assert not {"DATABASE_URL", "REDIS_URL", "EMAIL_URL", *SECRETS} & set(environment)


def test_without_redis_the_database_is_the_broker_and_nothing_is_named_for_redis(tmp_path: Path) -> None:
    environment = box(tmp_path, REDIS_URL="", BROKER="postgres").our_environment()
    assert environment["CELERY_BROKER_URL"] == "sqla+postgresql+psycopg://db/uptime"
    assert environment["REDIS_URL"] == ""


def test_what_the_person_chose_wins(tmp_path: Path) -> None:
    chosen = {"SECRET_KEY": "mine", "SITE_URL": "https://box.lan", "PROBE_ALLOWED_NETWORKS": "10.0.0.0/8"}
    environment = box(tmp_path, **chosen).our_environment()
    assert environment | chosen == environment
    assert environment["METRICS_TOKEN"] == "made for this box"


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", "localhost,127.0.0.1,[::1]"),
        ("192.168.1.7", "localhost,127.0.0.1,[::1],192.168.1.7"),
        ("::1", "localhost,127.0.0.1,[::1]"),
        ("fd00::7", "localhost,127.0.0.1,[::1],[fd00::7]"),
    ],
)
def test_it_answers_to_its_own_names_each_said_once(tmp_path: Path, host: str, names: str) -> None:
    assert box(tmp_path, HOST=host).our_environment()["ALLOWED_HOSTS"] == names


def test_every_region_has_a_worker_with_its_name(tmp_path: Path) -> None:
    services = {service.name: service.command() for service in box(tmp_path, REGIONS="eu,us-west").programs()}
    assert set(services) == {"web", "beat", "central", "alerts", "eu", "us-west", "demo"}
    assert "region.us-west,region.us-west.now" in services["us-west"].argv


def test_programs_stop_first_and_the_database_last(tmp_path: Path) -> None:
    whole = box(tmp_path)
    whole.postgres = Postgres(tmp_path / "postgres")
    ranks = {service.name: service.stop_rank for service in [*whole.programs(), *whole.servers()]}
    assert ranks["central"] == ranks["usa"] == ranks["beat"] == ranks["web"] < ranks["postgres"]


def test_the_schema_is_looked_at_again_when_anything_that_matters_changes(tmp_path: Path) -> None:
    def fingerprint(**environment: str) -> str:
        whole = box(tmp_path, **environment)
        whole.postgres = Postgres(tmp_path)
        return schema_fingerprint(whole)

    (tmp_path / "PG_VERSION").write_text("18")
    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(REGIONS="eu") != first
    (tmp_path / "PG_VERSION").rename(tmp_path / "old")
    (tmp_path / "PG_VERSION").write_text("18")
    assert fingerprint() != first
    assert schema_fingerprint(box(tmp_path)) == ""


def test_a_port_in_use_is_one_sentence(taken_port: int) -> None:
    with pytest.raises(StartError, match=rf"^Port {taken_port} on 127.0.0.1 is in use: [^\n]+ PORT=\d+ make run$"):
        ensure_free("127.0.0.1", taken_port)


def test_a_host_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(StartError, match=r"^HOST=192.0.2.1 is not an address of this machine"):
        ensure_free("192.0.2.1", 8000)


def test_the_demo_site_evades_unless_its_port_was_asked_for(tmp_path: Path, taken_port: int) -> None:
    def chosen(**environment: str) -> int:
        with open_demo_door(read_settings(environment, directory=tmp_path)) as door:
            port: int = door.getsockname()[1]
            return port

    assert chosen() >= 8001
    assert chosen(PORT="8001") > 8001
    with pytest.raises(StartError, match="DEMO_PORT"):
        chosen(DEMO_PORT=str(taken_port))


@pytest.mark.processes
def test_the_port_of_the_demo_site_is_its_own_before_it_starts(tmp_path: Path) -> None:
    settings = read_settings({"DATABASE_URL": "postgresql://db/uptime", "VAR_DIR": str(tmp_path)}, directory=tmp_path)
    with open_demo_door(settings) as door, open_demo_door(settings) as of_another_box:
        port = door.getsockname()[1]
        assert of_another_box.getsockname()[1] > port
        programs = Box(settings, {}, demo_port=port, demo_door=door.fileno()).programs()
        [command] = [service.command() for service in programs if service.name == "demo"]
        with spawn(command) as process:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
                connection.close()
            finally:
                process.terminate()


@pytest.mark.processes
def test_a_second_run_on_the_same_data_is_one_sentence(tmp_path: Path, taken_port: int) -> None:
    with only_one(tmp_path):
        environment = {"VAR_DIR": str(tmp_path), "PORT": str(taken_port)}
        second = subprocess.run(
            [sys.executable, "-m", "onebox"], env=environment, capture_output=True, text=True, timeout=20
        )
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.endswith(f"already runs on {tmp_path}: stop it, or choose another VAR_DIR.\n")
    assert second.stderr.count("\n") == 1


@pytest.mark.processes
def test_the_refusal_of_a_port_leaves_nothing_running(tmp_path: Path, taken_port: int) -> None:
    environment = {"VAR_DIR": str(tmp_path), "PORT": str(taken_port)}
    refused = subprocess.run(
        [sys.executable, "-m", "onebox"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port {taken_port} on 127.0.0.1 is in use")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
