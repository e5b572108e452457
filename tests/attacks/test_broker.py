"""Row 48: what the broker itself lets a region do, with the users of deploy/redis, and over TLS."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from onebox.servers import Valkey
from probes import names, signing
from probes.broker import verified
from probes.contract import CheckRequest
from tests.probes.conftest import MakeSite, site  # noqa: F401
from tests.probes.lab import OK, Authority, Diary, says
from tests.probes.region import ROOT, Region, a_check, batch, command, wait_until, worker_environment

pytestmark = pytest.mark.processes

USERS = ROOT / "deploy" / "redis" / "regions.acl"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """With the example's users, word for word."""
    server = Valkey(tmp_path_factory.mktemp("acl") / "valkey", durable=False)
    server.start()
    with redis.Redis.from_url(server.url) as master:
        for line in USERS.read_text().splitlines():
            if line.startswith("user "):
                master.execute_command("ACL", "SETUSER", *line.split()[1:])
    yield server
    server.stop()


def url_of(broker: Valkey, region: str) -> str:
    return f"redis://region_{region}:change-me-{region}@127.0.0.1:{broker.port}/0"


Act = Callable[[Any], object]

FORBIDDEN: dict[str, Act] = {
    "read-another-regions-queue": lambda r: r.lrange("region.india", 0, -1),
    "take-from-another-regions-queue": lambda r: r.brpop(["region.india"], timeout=1),
    "read-what-another-region-has-in-hand": lambda r: r.hget("unacked.india", "x"),
    "read-what-the-centre-has-in-hand": lambda r: r.hget("unacked", "x"),
    "write-to-another-region": lambda r: r.lpush("region.india", "x"),
    "write-to-the-centre": lambda r: r.lpush("central", "x"),
    "write-to-the-alerts": lambda r: r.lpush("alerts", "x"),
    "read-the-cache": lambda r: r.get("uptime:1:x"),
    "read-the-reports-of-others": lambda r: r.lrange("results", 0, -1),
    "list-all-keys": lambda r: r.keys("*"),
    "scan": lambda r: list(r.scan_iter()),
    "flush-everything": lambda r: r.flushall(),
    "flush-the-database": lambda r: r.flushdb(),
    "listen-to-everybody": lambda r: r.execute_command("MONITOR"),
    "change-the-configuration": lambda r: r.config_set("maxclients", "1"),
    "read-the-configuration": lambda r: r.config_get("requirepass"),
    "read-by-a-script": lambda r: r.eval("return redis.call('LRANGE', 'region.india', 0, -1)", 0),
    "flush-by-a-script": lambda r: r.eval("return redis.call('FLUSHALL')", 0),
    "make-a-user": lambda r: r.execute_command("ACL", "SETUSER", "me", "on"),
    "cut-others-off": lambda r: r.execute_command("CLIENT", "KILL", "TYPE", "normal"),
    "stop-the-broker": lambda r: r.execute_command("SHUTDOWN", "NOSAVE"),
    "copy-it-elsewhere": lambda r: r.execute_command("REPLICAOF", "127.0.0.1", "1"),
    "talk-to-everybody": lambda r: r.publish("x", "y"),
}


@pytest.mark.parametrize("act", [pytest.param(act, id=f"row48-{name}") for name, act in FORBIDDEN.items()])
def test_a_region_may_not(broker: Valkey, act: Act) -> None:
    with redis.Redis.from_url(url_of(broker, "usa")) as usa, pytest.raises(redis.ResponseError, match="permission"):
        act(usa)


OBJECT_OF_KOMBU = {"__type__": "no such type", "__value__": "x"}
"""Two headers that anybody may give a monitor. Kombu's own JSON looks for such a type and loses the batch."""


def _marked(wire: dict[str, Any], key: signing.Key) -> dict[str, Any]:
    return wire | {"marks": [key.mark(signing.text_of(wire)).decode()]}


def _forgeries(plain: dict[str, Any], key: signing.Key) -> list[dict[str, Any]]:
    """What somebody sends who can write to the region's queue: unmarked, by a key of their own, changed, odd."""
    return [
        plain,
        _marked(plain, signing.Key(signing.new_key())),
        _marked(plain, key) | {"checks": []},
        plain | {"marks": {"0": ["x", None]}},
    ]


def test_row48_with_so_few_rights_and_a_key_a_worker_works(
    broker: Valkey,
    site: MakeSite,  # noqa: F811
    tmp_path: Path,
) -> None:
    text = signing.new_key()
    keys = tmp_path / "usa.key"
    keys.write_text(text)
    environment = worker_environment(tmp_path, url_of(broker, "usa")) | {"REGION_KEY_FILE": str(keys)}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command(), env=environment, cwd=tmp_path, stdout=output, stderr=output)
    try:
        with redis.Redis.from_url(broker.url) as master:
            region = Region(master, broker.url, environment, process)
            wait_until(lambda: "Ready to check" in log.read_text() or process.poll() is not None, seconds=30)
            diary, plain = Diary(OK), batch(a_check("one", site(says(OK)).url())).to_wire()
            for forged in _forgeries(plain, signing.Key(text)):
                region.send(forged)
            check = CheckRequest("one", "http", {"url": site(diary).url(), "headers": OBJECT_OF_KOMBU})
            overheard = _marked(batch(check, name="b2").to_wire(), signing.Key(text))
            region.send(overheard)
            body = _next_body(master, names.INGEST)
            for again in (overheard, overheard | {"marks": ["x", *overheard["marks"]]}):
                region.send(again)
            late = batch(check, name="b3").to_wire() | {"expires_at": time() - 300}
            region.send(_marked(late, signing.Key(text)))
        [[report], _, _] = signing.read(body)
        assert (report["batch"], report["results"][0]["outcome"]) == ("b2", "up")
        wait_until(lambda: log.read_text().count("carries no mark of this region's key") == 4)
        wait_until(lambda: log.read_text().count("Dropped batch b2: it was taken before") == 2)
        wait_until(lambda: log.read_text().count("Dropped batch b3: its time is over") == 1)
        assert len(diary.heads) == 1, "it was dialled once"
        assert signing.Key(text).made(report.mark, report.text)
        process.terminate()
        process.wait(timeout=40)
    finally:
        process.kill()
        process.wait()
    assert "NOPERM" not in log.read_text().upper()
    assert "Traceback" not in log.read_text()
    assert text not in log.read_text()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def encrypted(broker: Valkey, authority: Authority) -> Iterator[int]:
    """A port that speaks TLS before the broker, as the embedded one cannot: it was built without."""
    context = authority.context("localhost")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_tunnel, args=[listener, context, broker.port], daemon=True).start()
        yield listener.getsockname()[1]


def _tunnel(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            plain = listener.accept()[0]
        except OSError:
            return
        try:
            outer, inner = context.wrap_socket(plain, server_side=True), socket.create_connection(("127.0.0.1", port))
        except (OSError, ssl.SSLError):
            continue
        for a, b in ((outer, inner), (inner, outer)):
            threading.Thread(target=_copy, args=[a, b], daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    target.close()


CERTIFICATES = {
    "an-authority-of-ours": ("localhost", "?ssl_ca_certs={ca}", True),
    "an-unknown-authority": ("localhost", "", False),
    "another-name": ("127.0.0.1", "?ssl_ca_certs={ca}", False),
    "switched-off-in-so-many-words": ("127.0.0.1", "?ssl_cert_reqs=none&ssl_check_hostname=false", True),
}


@pytest.mark.parametrize(
    ("host", "query", "works"), [pytest.param(*case, id=f"v48d-{name}") for name, case in CERTIFICATES.items()]
)
def test_a_broker_shows_a_certificate(
    encrypted: int, authority: Authority, broker: Valkey, tmp_path: Path, host: str, query: str, works: bool
) -> None:
    """By kombu, as workers and the centre connect, and by redis-py, as the cache does."""
    ca = authority.write(tmp_path / "ca.pem")
    url = verified(f"rediss://:{broker.password}@{host}:{encrypted}/0{query.format(ca=ca)}")
    ways: list[Callable[[], object]] = [
        lambda: _channel(url).client.ping(),
        lambda: redis.Redis.from_url(url.replace("ssl_check_hostname=false", "ssl_check_hostname=False")).ping(),
    ]
    for way in ways:
        if works:
            assert way()
        else:
            with pytest.raises((OperationalError, redis.exceptions.ConnectionError), match="certificate"):
                way()


def _channel(url: str) -> Any:
    return Connection(url).ensure_connection(max_retries=1, interval_start=0).channel()


def _next_body(master: redis.Redis, task: str) -> bytes:
    for _ in range(20):
        found = master.brpop([names.RESULTS_QUEUE], timeout=2)
        message: dict[str, Any] = json.loads(found[1]) if found else {}
        if message and message["headers"]["task"] == task:
            assert message["content-type"] == signing.CONTENT_TYPE
            return base64.b64decode(message["body"])
    raise AssertionError("no report came")
