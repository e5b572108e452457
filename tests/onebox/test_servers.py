"""The embedded servers are real: they start, they die, and they keep what they were given."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from onebox.servers import Postgres, Valkey, wait_for

pytestmark = pytest.mark.processes


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory like root's own: nobody else may enter it."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o700)
        yield Path(directory)


@pytest.fixture
def postgres(home: Path) -> Iterator[Postgres]:
    server = Postgres(home / "postgres")
    yield server
    server.stop()


@pytest.fixture
def valkey(home: Path) -> Iterator[Valkey]:
    server = Valkey(home / "valkey")
    yield server
    server.stop()


def test_postgres_keeps_its_data_over_a_crash_and_a_restart(postgres: Postgres) -> None:
    url = postgres.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    crash(postgres.process)
    assert postgres.start() == url
    postgres.stop()
    assert postgres.start() == url

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_postgres_knows_the_capitals_of_all_letters(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT upper('größe, mañana, жук')").fetchone() == ("GRÖßE, MAÑANA, ЖУК",)


def test_postgres_leaves_neither_process_nor_socket(postgres: Postgres) -> None:
    postgres.start()
    process = postgres.process
    assert process is not None
    assert postgres.socket_dir.stat().st_mode & 0o777 == 0o700
    postgres.stop()
    assert process.poll() is not None
    assert not postgres.socket_dir.exists()


def test_postgres_starts_although_its_old_number_is_taken(postgres: Postgres) -> None:
    """After a reboot the pid in postmaster.pid may belong to anybody, for example to us."""
    postgres.start()
    pid_file = postgres.data_dir / "postmaster.pid"
    before = pid_file.read_text()
    postgres.stop()
    with subprocess.Popen(["sleep", "60"], user=postgres.data_dir.stat().st_uid) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *before.splitlines()[1:]]))
        try:
            postgres.start()
        finally:
            stranger.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give data to another account")
def test_data_keeps_its_owner(home: Path) -> None:
    """Whoever ran the box before, root included, finds the data as it was."""
    nobody = pwd.getpwnam("nobody")
    data = home / "valkey"
    data.mkdir()
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    server = Valkey(data)
    try:
        redis.Redis.from_url(server.start()).bgrewriteaof()
        assert {path.stat().st_uid for path in data.rglob("*")} == {nobody.pw_uid}
    finally:
        server.stop()


def test_an_interrupted_first_start_is_made_good(postgres: Postgres) -> None:
    unfinished = postgres.data_dir.with_name("postgres.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert not unfinished.exists()


def test_valkey_keeps_its_data_port_and_password_over_a_restart(valkey: Valkey) -> None:
    url = valkey.start()
    redis.Redis.from_url(url).set("kept", "yes")
    valkey.stop()

    assert valkey.start() == url
    client = redis.Redis.from_url(url)
    assert client.get("kept") == b"yes"
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_valkey_keeps_what_it_synced_when_it_is_killed(valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.start())
    client.set("kept", "yes")
    assert wait_for(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0, seconds=5)
    crash(valkey.process)
    assert redis.Redis.from_url(valkey.start()).get("kept") == b"yes"


def test_valkey_refuses_strangers(valkey: Valkey) -> None:
    valkey.start()
    for password in (None, "wrong"):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=valkey.port, password=password, retry=Retry(NoBackoff(), 0)).ping()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_the_password_is_not_in_the_list_of_processes(valkey: Valkey) -> None:
    valkey.start()
    assert valkey.process is not None
    shown = Path(f"/proc/{valkey.process.pid}/cmdline").read_text()
    assert "valkey" in shown
    assert valkey.password not in shown


def crash(process: subprocess.Popen[bytes] | None) -> None:
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
