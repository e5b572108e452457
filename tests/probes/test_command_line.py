"""The command line, as a person and as a program use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onebox.servers import free_port
from tests.probes.conftest import MakeSite
from tests.probes.lab import OK, Authority, hold, redirect, says

ROOT = Path(__file__).parents[2]
FIELDS = {"id", "kind", "outcome", "reason", "phase", "message", "http_status", "remote_ip", "timings_ms",
          "redirects", "certificate", "attempts"}  # fmt: skip
PHASES = {"dns", "connect", "tls", "first_byte", "download", "total"}


def run(*arguments: str, lines: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "probes", *arguments],
        input=lines,
        env={"PATH": os.environ["PATH"], "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8"} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answers(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_person_reads_a_verdict(site: MakeSite, authority: Authority, tmp_path: Path) -> None:
    home = site(says(OK), tls=authority.context())
    door = site(says(redirect(home.url(host="localhost"))))
    done = run(door.url(), PROBE_CA_FILE=authority.write(tmp_path / "root.pem"))

    assert done.returncode == 0
    assert done.stdout.startswith("UP  ")
    assert "HTTP 200" in done.stdout
    assert "302 " in done.stdout
    assert "days left" in done.stdout
    assert "tls " in done.stdout
    assert "[" in done.stdout


def test_exit_status(site: MakeSite) -> None:
    assert run(site(says(OK)).url()).returncode == 0
    assert run(f"http://127.0.0.1:{free_port()}/").returncode == 1
    assert run("http://10.0.0.1/").returncode == 2
    assert run("ftp://example.org/").returncode == 2
    assert run().returncode == 2


def test_one_result_as_json(site: MakeSite) -> None:
    result = json.loads(run("--json", site(says(OK)).url()).stdout)

    assert set(result) >= FIELDS
    assert set(result["timings_ms"]) == PHASES
    assert (result["outcome"], result["reason"], result["attempts"]) == ("up", None, 1)
    assert isinstance(result["timings_ms"]["total"], float)


def test_a_bad_environment_is_one_sentence() -> None:
    done = run("http://example.org/", PROBE_NAMESERVERS="dns.example.org")

    assert done.returncode == 2
    assert done.stderr.startswith("PROBE_NAMESERVERS")
    assert "Traceback" not in done.stderr


def test_proxies_of_the_environment_are_ignored(site: MakeSite) -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    url = site(says(OK)).url()

    assert run(url, HTTP_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy).returncode == 0


BAD_LINES = [
    "nonsense",
    "[]",
    "7",
    "null",
    '{"id": "x"}',
    '{"id": "x", "kind": "http"}',
    '{"id": "x", "kind": "http", "spec": {}}',
    '{"id": "x", "kind": "http", "spec": {"url": "ftp://example.org"}}',
    '{"id": "x", "kind": "smoke", "spec": {}}',
    '{"id": "x", "kind": ["http"], "spec": {}}',
    '{"id": "x", "kind": "http", "spec": {"url": "http://example.org"}, "timeout_ms": "soon"}',
    '{"id": "x", "kind": "http", "spec": {"url": "http://example.org"}, "timeout_ms": NaN}',
    '{"id": "x", "kind": "http", "spec": {"url": "http://example.org"}, "retries": 99}',
    '{"id": {"a": 1}, "kind": "http", "spec": {"url": "http://example.org", "more": 1}}',
    '{"id": "x", "kind": "http", "spec": {"url": "http://example.org", "body_matches": "\\ud800"}}',
    '{"id": "x", "kind": "http", "spec": {"url": "http://example.org", "body": "\\ud800"}}',
    '{"id": "x", "kind": "dns", "spec": {"name": "example.org", "nameserver": ""}}',
    '{"id": "x", "kind": "dns", "spec": {"name": "example.org", "nameserver": "\\n"}}',
    "[" * 100_000,
    '{"id": "\\ud800", "kind": "http", "spec": {}}',
    "\x00\x01",
]


def test_a_bad_line_gives_a_result_and_never_a_crash(site: MakeSite) -> None:
    good = json.dumps({"id": "good", "kind": "http", "spec": {"url": site(says(OK)).url()}})
    found = answers(run("--jsonl", lines="\n".join([*BAD_LINES, "", good]) + "\n"))

    assert len(found) == len(BAD_LINES) + 1
    assert all(set(result) >= FIELDS for result in found)
    by_outcome = {result["outcome"]: result for result in found}
    assert by_outcome["up"]["id"] == "good"
    assert all((result["reason"] == "invalid_spec") == (result["outcome"] == "unknown") for result in found)


def test_an_id_comes_back_as_it_was_given(site: MakeSite) -> None:
    url = site(says(OK)).url()
    lines = [json.dumps({"id": name, "kind": "http", "spec": {"url": url}}) for name in (7, "7", None, 1.5)]
    lines.append('{"id": 8, "kind": "http"}')

    assert sorted((result["id"] for result in answers(run("--jsonl", lines="\n".join(lines)))), key=repr) == [
        "7",
        1.5,
        7,
        8,
        None,
    ]


def test_it_ends_when_nobody_reads_its_answers(site: MakeSite) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "probes", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8"},
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.write(json.dumps({"id": "x", "kind": "http", "spec": {"url": site(says(OK)).url()}}).encode())
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait(timeout=10) == 1


@pytest.mark.parametrize("seconds", ["nan", "inf", "soon"])
def test_a_timeout_that_is_no_number(seconds: str) -> None:
    done = run("--timeout", seconds, "http://127.0.0.1/")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_results_stream_while_requests_still_come(site: MakeSite) -> None:
    """The next request is written only after the first answer has been read."""
    may_end = threading.Event()
    url, slow = site(says(OK)).url(), site(says(may_end, OK)).url()
    with subprocess.Popen(
        [sys.executable, "-m", "probes", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8"},
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(name: str, target: str) -> None:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"id": name, "kind": "http", "spec": {"url": target}}).encode() + b"\n")
            process.stdin.flush()

        ask("slow", slow)
        for name in ("a", "b"):
            ask(name, url)
            assert json.loads(process.stdout.readline())["id"] == name
        may_end.set()
        process.stdin.close()
        assert json.loads(process.stdout.readline())["id"] == "slow"
        assert process.wait(timeout=5) == 0


def test_our_own_standstill_is_never_the_sites(site: MakeSite) -> None:
    """The process is stopped while it waits for an answer, as a paused virtual machine is."""
    stopped = threading.Event()
    silent, quick = site(hold), site(says(stopped, OK))
    with subprocess.Popen(
        [sys.executable, "-m", "probes", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8"},
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for url, more in ((silent.url(), {}), (quick.url(), {"max_response_ms": 1_000})):
            line = {"id": url, "kind": "http", "timeout_ms": 3_000, "spec": {"url": url} | more}
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
        wait_until(lambda: silent.connections and quick.connections)
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: states_of(process.pid) == {"T"})
        stopped.set()
        time.sleep(2.5)
        process.send_signal(signal.SIGCONT)
        results = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()

    assert [(result["outcome"], result["reason"]) for result in results] == [("unknown", "late")] * 2


def states_of(pid: int) -> set[str]:
    """Of a process's threads: a signal to stop has not stopped them yet when it is sent."""
    stats = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return {stat.rpartition(")")[2].split()[0] for stat in stats}


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_domain_limits_do_not_hold_here(site: MakeSite) -> None:
    url = site(says(OK)).url()
    lines = [json.dumps({"id": str(n), "kind": "http", "spec": {"url": url}}) for n in range(300)]
    began = time.monotonic()
    found = answers(run("--jsonl", lines="\n".join(lines), PROBE_DOMAIN_RATE="1", PROBE_DOMAIN_CONCURRENCY="1"))

    assert {result["id"] for result in found} == {str(n) for n in range(300)}
    assert all(result["outcome"] == "up" for result in found)  # otherwise most would have been told to wait
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("colour", ["\x1b[31m", "\u202e", "\r\n"])
def test_a_terminal_is_not_driven_by_strangers(colour: str, site: MakeSite) -> None:
    page = f"HTTP/1.1 302 Found\r\nLocation: /a{colour}b\r\nContent-Length: 0\r\n\r\n".encode()

    assert colour not in run(site(says(page)).url()).stdout.replace("\n", "")
