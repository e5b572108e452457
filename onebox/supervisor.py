"""Keeps the processes of one box running, shows what they say, and leaves none behind.

One thread, one loop: Linux ties a child's life to the *thread* that started it, and a fork from a program
with threads may hang.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from onebox.log import Log, Pipes
from onebox.process import Command, StartError, group_is_alive, signal_group, spawn
from onebox.undertaker import Undertaker

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0
STOP_WITHIN_SECONDS = 9.5
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Service:
    """A program that is to run until we stop it."""

    name: str
    command: Callable[[], Command]
    """Called before every start, so that it can make good what a crash left."""
    stop_rank: int = 0
    """The lowest rank is stopped first; a rank waits until the one before is gone."""
    grace_seconds: float = 3.0


@dataclass
class _Child:
    """A service and its present process, or the time at which it is to start again."""

    service: Service
    pause_seconds: float = FIRST_PAUSE_SECONDS
    process: subprocess.Popen[bytes] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    started_at: float = 0.0
    due_at: float = 0.0

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Start services, watch them, stop them; use it as a context, from the main thread."""

    def __init__(self, log: Log, *, undertaker_grace_seconds: float = 8.0) -> None:
        """Nothing is started before the context is entered."""
        self.stopping = False
        self._impatient = False
        self._log = log
        self._pipes = Pipes(log)
        self._children: dict[str, _Child] = {}
        self._undertaker = Undertaker(grace_seconds=undertaker_grace_seconds)

    def __enter__(self) -> Self:
        """Take over Ctrl-C and start the undertaker."""
        self._undertaker.start()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ask_to_stop())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop whatever runs, also when something went wrong."""
        self.stop()
        self._undertaker.dismiss()

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self._log.line("onebox", text)

    def start(self, service: Service) -> None:
        """Start a service and keep it running."""
        child = self._children[service.name] = _Child(service)
        self._start(child)

    def running_pid(self, name: str) -> int | None:
        """The process id of a service, when it runs."""
        child = self._children[name]
        return child.process.pid if child.process and child.is_running() else None

    def run_once(self, command: Command) -> bool:
        """Run a program to its end; true when it succeeded."""
        process = self._spawn(command)
        self.run_until(lambda: process.poll() is not None)
        status = process.poll()
        self._clear_away(process)
        return status == 0

    def run_until(self, condition: Callable[[], bool], *, seconds: float = float("inf")) -> bool:
        """Watch over everything until the condition holds; false when the time is up or we are to stop."""
        deadline = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < deadline:
            if condition():
                return True
            self._pipes.pump(POLL_SECONDS)
            for child in self._children.values():
                self._look_after(child)
        return False

    def run(self) -> None:
        """Watch over everything until somebody asks us to stop."""
        self.run_until(lambda: False)

    def stop(self) -> None:
        """Stop rank after rank, within `STOP_WITHIN_SECONDS` in all."""
        self.stopping = True
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        for rank in sorted({child.service.stop_rank for child in self._children.values()}):
            children = [child for child in self._children.values() if child.service.stop_rank == rank]
            self._stop_rank(children, deadline)
        self._children.clear()

    def _ask_to_stop(self) -> None:
        self._impatient = self.stopping
        self.stopping = True

    def _stop_rank(self, children: Sequence[_Child], deadline: float) -> None:
        for child in children:
            if child.process and child.is_running():
                child.process.send_signal(child.stop_signal)
        deadline = min(deadline, time.monotonic() + max(child.service.grace_seconds for child in children))
        while any(child.is_running() for child in children):
            if self._impatient or time.monotonic() > deadline:
                break
            self._pipes.pump(POLL_SECONDS)
        for child in children:
            if child.is_running():
                self.say(f"{child.service.name} did not stop in time and is killed")
            if child.process:
                self._clear_away(child.process)

    def _look_after(self, child: _Child) -> None:
        """Start what is due to start, and notice what has ended."""
        if child.process is None:
            if time.monotonic() >= child.due_at:
                self._start(child)
        elif child.process.poll() is not None:
            self._plan_restart(child, _how_it_ended(child.process.returncode))

    def _start(self, child: _Child) -> None:
        """A service that cannot even be started is treated like one that ended at once."""
        child.started_at = time.monotonic()
        try:
            command = child.service.command()
            child.process = self._spawn(command)
        except (OSError, StartError) as error:
            self._plan_restart(child, f"cannot be started: {error}")
        else:
            child.stop_signal = command.stop_signal
            self._log.line(command.name, f"started as process {child.process.pid}")

    def _plan_restart(self, child: _Child, what_happened: str) -> None:
        now = time.monotonic()
        if now - child.started_at > STEADY_AFTER_SECONDS:
            child.pause_seconds = FIRST_PAUSE_SECONDS
        self.say(f"{child.service.name} {what_happened}; starting it again in {child.pause_seconds:g} s")
        if child.process:
            self._clear_away(child.process)
        child.process = None
        child.due_at = now + child.pause_seconds
        child.pause_seconds = min(child.pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def _spawn(self, command: Command) -> subprocess.Popen[bytes]:
        output = self._pipes.open(command.name)
        try:
            process = spawn(command, output=output)
        finally:
            os.close(output)
        self._undertaker.watch(process.pid)
        return process

    def _clear_away(self, process: subprocess.Popen[bytes]) -> None:
        """Whatever the program started goes with it; then read its last words."""
        if group_is_alive(process.pid):
            signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self._undertaker.forget(process.pid)
        self._pipes.pump(0)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
