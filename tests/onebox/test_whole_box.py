"""`make run`, whole: everything starts from nothing, is told only what it may know, and stops."""

import http.client
import os
import re
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from onebox.servers import free_port, wait_for
from tests.onebox.test_supervisor import Running, is_alive, running

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]


def box(var_dir: Path, port: int) -> AbstractContextManager[Running]:
    environment = {
        "HOME": str(var_dir),
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "REGIONS": "usa,india",
        "VAR_DIR": str(var_dir),
    }
    return running("onebox", env=environment)


def test_everything_on_one_box(tmp_path: Path) -> None:
    port = free_port()
    for seconds in (60, 30):  # from nothing, and again
        with box(tmp_path, port) as whole:
            [address] = whole.says(r"^  Uptime runs at +(\S+)$", seconds=seconds)
            assert address == f"http://127.0.0.1:{port}"
            assert status_of(port, "/healthz") == 200
            check_region(whole, "usa")
            check_region(whole, "india")
            check_stop(whole)


def check_region(whole: Running, region: str) -> None:
    [pid] = whole.says(rf"^{region} +\| started as process (\d+)$")
    text = Path(f"/proc/{pid}/environ").read_text()
    environment = dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
    assert environment["REGION"] == region
    assert environment["CELERY_BROKER_URL"].startswith("redis://")
    assert not {"DATABASE_URL", "SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS"} & set(environment)


def check_stop(whole: Running) -> None:
    """Valkey, PostgreSQL, web, beat, central, two regions and the demo site."""
    children = [int(pid) for pid in whole.says(r"started as process (\d+)$", times=8)]
    asked_at = time.monotonic()
    whole.process.send_signal(signal.SIGINT)
    assert whole.process.wait(15) == 0
    assert time.monotonic() - asked_at < 10
    assert wait_for(lambda: not any(map(is_alive, children)), seconds=1)
    assert not [line for line in whole.lines if re.search(r"^onebox .*(killed|starting it again)", line)]


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
