"""Whatever dies is started again, and whoever stops us leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest

from onebox.process import Command, spawn
from onebox.servers import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]


@dataclass
class Running:
    """A program under test and what it has said so far."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.decode().rstrip("\n") for line in self.process.stdout)

    def says(self, pattern: str, *, times: int = 1, seconds: float = 20) -> list[str]:
        """Wait until so many lines match, and return what the pattern caught."""

        def caught() -> list[str]:
            return [match[match.lastindex or 0] for line in list(self.lines) if (match := re.search(pattern, line))]

        assert wait_for(lambda: len(caught()) >= times, seconds=seconds), "\n".join(self.lines)
        return caught()

    def pids(self, count: int) -> list[int]:
        return [int(pid) for pid in self.says(r"\| pid (\d+)", times=count)]


@contextmanager
def running(*module: str, env: Mapping[str, str]) -> Iterator[Running]:
    """Run a module, listen to it, and end it whatever the test finds, even when the tests are killed."""
    command = Command(module[0], (sys.executable, "-m", *module), cwd=Path.cwd(), env=env)
    with spawn(command, output=subprocess.PIPE) as process:
        box = Running(process)
        listener = Thread(target=box.listen)
        listener.start()
        try:
            yield box
        finally:
            process.terminate()
            process.wait(15)
            listener.join(15)


def small_box(*names: str) -> AbstractContextManager[Running]:
    return running("tests.onebox.small_box", *names, env=os.environ)


def is_alive(pid: int) -> bool:
    """A zombie is not alive: it waits for whoever adopted it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def all_gone(pids: list[int], *, seconds: float) -> bool:
    return wait_for(lambda: not any(map(is_alive, pids)), seconds=seconds)


def test_a_killed_process_is_started_again() -> None:
    with small_box("steady") as box:
        [first] = box.pids(1)
        os.kill(first, signal.SIGKILL)
        assert box.says(r"^onebox \| steady was killed by SIGKILL; starting it again in 0.5 s$")
        second = box.pids(2)[1]
        assert second != first
        assert is_alive(second)


def test_the_pause_grows_while_a_process_keeps_failing() -> None:
    with small_box("flaky") as box:
        pauses = box.says(r"^onebox \| flaky ended with exit status 3; starting it again in (\S+) s$", times=3)
        assert pauses[:3] == ["0.5", "1", "2"]


def test_every_line_carries_the_name_of_who_said_it() -> None:
    with small_box("steady", "deaf") as box:
        box.pids(2)
        assert {line.partition("|")[0] for line in box.lines} == {"steady ", "deaf   "}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_everything_when_asked(number: signal.Signals) -> None:
    with small_box("steady", "parent") as box:
        pids = box.pids(3)
        box.process.send_signal(number)
        assert box.process.wait(10) == 0
        assert not any(map(is_alive, pids))


def test_a_deaf_process_does_not_hold_up_the_stop() -> None:
    with small_box("deaf", "steady") as box:
        pids = box.pids(2)
        asked_at = time.monotonic()
        box.process.send_signal(signal.SIGTERM)
        assert box.process.wait(10) == 0
        assert time.monotonic() - asked_at < 5
        assert not any(map(is_alive, pids))
        box.says(r"^onebox \| deaf did not stop in time and is killed$")


def test_no_orphan_survives_the_kill_of_the_supervisor() -> None:
    """Neither a child, nor a child's child that is deaf to every polite signal."""
    with small_box("steady", "deaf", "parent") as box:
        pids = box.pids(4)
        box.process.kill()
        box.process.wait(5)
        assert all_gone(pids, seconds=5)


def test_what_a_crashed_process_started_goes_with_it() -> None:
    with small_box("parent") as box:
        pids = box.pids(2)
        [parent] = [pid for pid in pids if os.getpgid(pid) == pid]
        os.kill(parent, signal.SIGKILL)
        assert all_gone(pids, seconds=5)
        box.pids(4)
