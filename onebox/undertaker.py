"""A second process that outlives a killed supervisor just long enough to bury what it left.

Linux tells our direct children when we die. Their own children hear nothing, a child may be deaf to the
signal, and macOS tells nobody. The undertaker notices by a pipe that ends, whatever killed us.
"""

import contextlib
import os
import signal
import sys
import time

from onebox.process import group_is_alive, signal_group

POLL_SECONDS = 0.05


class Undertaker:
    """Is told about every process group that starts and ends; acts when it hears no more from us."""

    def __init__(self, *, grace_seconds: float) -> None:
        """So long may the orphans take to stop by themselves."""
        self._grace_seconds = grace_seconds
        self._writer = -1
        self._pid = 0

    def start(self) -> None:
        """Fork it, before there is anything to inherit but open locks: they hold until it is done."""
        reader, self._writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._writer)
            try:
                _leave_terminal()
                _bury(_listen(reader), self._grace_seconds)
            finally:
                os._exit(0)
        os.close(reader)

    def watch(self, pid: int) -> None:
        """A process group has started."""
        self._tell(pid)

    def forget(self, pid: int) -> None:
        """A process group has ended; its number may soon belong to somebody else."""
        self._tell(-pid)

    def dismiss(self) -> None:
        """All is well: end."""
        os.close(self._writer)
        os.waitpid(self._pid, 0)

    def _tell(self, number: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody killed it; Linux still tells our children
            os.write(self._writer, f"{number}\n".encode())


def _leave_terminal() -> None:
    """Out of reach of Ctrl-C, and of whoever waits for the supervisor's output to end."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(silence, descriptor)


def _listen(reader: int) -> set[int]:
    """The groups that are left when the supervisor is gone."""
    groups: set[int] = set()
    with os.fdopen(reader) as messages:
        for message in messages:
            number = int(message)
            if number > 0:
                groups.add(number)
            else:
                groups.discard(-number)
    return groups


def _bury(groups: set[int], grace_seconds: float) -> None:
    if sys.platform != "linux":  # there the kernel has told them already
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(map(group_is_alive, groups)):
        time.sleep(POLL_SECONDS)
    for group in groups:
        signal_group(group, signal.SIGKILL)
