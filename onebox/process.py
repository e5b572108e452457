"""One program to run, and how it is started so that it never outlives us."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """Something cannot be started; the message is for the person in front of the terminal."""


@dataclass(frozen=True)
class Account:
    """The account a server runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """A program with everything it needs to start again in the same way."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    account: Account | None = None
    stdin: str | None = field(default=None, repr=False)
    stop_signal: signal.Signals = signal.SIGTERM
    inherits: tuple[int, ...] = ()
    """Open files, by number, that it finds open as well."""


def spawn(command: Command, *, output: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches only whoever watches it.

    Call it from the main thread: Linux sends the death signal when the *thread* that started the child ends.
    """
    account = command.account
    with _stdin(command.stdin) as stdin:
        return subprocess.Popen(  # noqa: S603 - our own argv, no shell
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=stdin,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            pass_fds=command.inherits,
            start_new_session=True,
            preexec_fn=_die_with_parent(command.stop_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal everything in the session that `spawn` opened; the leader may be gone while others remain."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says "permission" when only zombies are left
        return


def group_is_alive(pid: int) -> bool:
    """Whether any process of the session that `spawn` opened still runs."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return sys.platform != "darwin"
    return True


@contextlib.contextmanager
def _stdin(text: str | None) -> Iterator[int | IO[bytes]]:
    """Standard input as a file without a name: a secret in it is in no argument list and on no path."""
    if text is None:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Loaded here and not in the child: between fork and exec a child must not take the loader's locks.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask_for_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_for_death_signal
