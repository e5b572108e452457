"""A supervisor over small stand-ins, for tests that kill things: `python -m tests.onebox.small_box`.

Every process says its pid, so that a test can look for it afterwards.
"""

import sys
from pathlib import Path

from onebox.log import Log
from onebox.process import Command
from onebox.supervisor import Service, Supervisor

STEADY = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
FLAKY = "import sys; sys.exit(3)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STEADY}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); {STEADY}"
PROGRAMS = {"steady": STEADY, "flaky": FLAKY, "deaf": DEAF, "parent": PARENT}


def service(name: str, rank: int) -> Service:
    """One of the stand-ins."""
    command = Command(name, (sys.executable, "-c", PROGRAMS[name]), cwd=Path.cwd(), env={})
    return Service(name, lambda: command, stop_rank=rank, grace_seconds=0.5)


def main(names: list[str]) -> None:
    """Run the named stand-ins until told to stop; they stop in the order given."""
    with Supervisor(Log(sys.stdout, width=6), undertaker_grace_seconds=0.5) as supervisor:
        for rank, name in enumerate(names):
            supervisor.start(service(name, rank))
        supervisor.run()
        supervisor.say("stopping")


if __name__ == "__main__":
    main(sys.argv[1:])
