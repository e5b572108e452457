"""A box under load: thousands of monitors of sites on loopback, some of which really fail."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from onebox.servers import Postgres, Valkey
from onebox.settings import read_env_file
from tests.chaos.sites import ANSWERS
from tests.road.box import Box, wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REGIONS = ("usa", "india")
INTERVALS_S = (10, 15, 20, 30)
TIMEOUT_S = 5
SWITCHES = struct.Struct("3d")
"""As in hooks/sitecustomize.py: seconds by which the clocks of usa and india are off, copies of each message."""

GROUPS = {"odd": 40, "even": 40, "drips": 100}
"""One monitor in so many belongs to a group whose sites change their mood; the others are always well."""


@dataclass
class World:
    home: Path
    number: int
    """Of monitors."""
    box: Box = field(init=False)
    moods: dict[str, str] = field(default_factory=lambda: dict.fromkeys(GROUPS, ANSWERS))
    outages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    """How often the sites of a group have stopped to be well."""
    turned: dict[str, float] = field(default_factory=lambda: {"usa_clock_s": 0, "india_clock_s": 0, "copies": 1})

    def __post_init__(self) -> None:
        self.switches = self.home / "switches"
        hooks = HERE / "hooks"
        self.box = Box(
            self.home,
            durable=True,
            program=(str(hooks / "onebox_with_hooks.py"),),
            more_environment={"PYTHONPATH": str(hooks), "CHAOS_SWITCHES": str(self.switches)},
        )
        # Linux ends a server with the thread that started it, so faults run on threads that stay.
        self.hands = ThreadPoolExecutor(max_workers=4)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.turn()
        self.sites = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.sites"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.sites.stdout
        self.port = int(self.sites.stdout.readline())
        try:
            self.hands.submit(self.box.start).result()
            self._make_monitors()
            yield
        finally:
            self.box.stop()
            self.sites.communicate()
            self.hands.shutdown()

    # -- the sites

    def change(self, group: str, mood: str) -> None:
        assert self.sites.stdin
        if self.moods[group] == ANSWERS and mood != ANSWERS:
            self.outages[group] += 1
        self.moods[group] = mood
        self.sites.stdin.write(f"{group} {mood}\n")
        self.sites.stdin.flush()

    # -- the processes

    def signal(self, who: str, number: signal.Signals) -> None:
        """To every process of a part: a worker by its name, beat, ``child`` of the central worker, a server."""
        for process in self.processes(who):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def processes(self, who: str) -> list[psutil.Process]:
        if who == "child":
            children: list[psutil.Process] = wait_until("there is a pool", self._pool_children, seconds=40)
            return children[:1]
        servers: dict[str, Postgres | Valkey] = {"postgres": self.box.postgres, "valkey": self.box.valkey}
        if who in servers:
            server = servers[who].process
            assert server
            leader = psutil.Process(server.pid)
        else:
            leader = psutil.Process(wait_until(f"{who} runs", lambda: self.box.pid(who), seconds=40))
        return [leader, *leader.children(recursive=True)]

    def _pool_children(self) -> list[psutil.Process]:
        central = self.box.pid("central")
        return psutil.Process(central).children() if central else []

    def server_environment(self) -> dict[str, str]:
        """What the box's own programs know, for one more of them."""
        return {**os.environ, **read_env_file(self.home / "var" / "box.env"), **self.box.more_environment}

    # -- the hooks

    def turn(self, **switches: float) -> None:
        """Set some of ``usa_clock_s``, ``india_clock_s`` and ``copies``."""
        self.turned |= switches
        with self.switches.open("r+b" if self.switches.exists() else "wb") as file:
            file.write(SWITCHES.pack(*self.turned.values()))

    # -- the monitors

    def _make_monitors(self) -> None:
        numbers = range(self.number)
        self.add_monitors(*(monitor(_group(number), INTERVALS_S[number % 4], _regions(number)) for number in numbers))

    def add_monitors(self, *wanted: dict[str, Any]) -> list[str]:
        made = subprocess.run(
            [sys.executable, "-m", "tests.chaos.monitors"],
            cwd=ROOT,
            env=self.server_environment(),
            input=json.dumps([{**each, "url": f"http://127.0.0.1:{self.port}/{each['name']}/"} for each in wanted]),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        ids: list[str] = json.loads(made.stdout)
        return ids

    @property
    def checks_per_second(self) -> float:
        return sum(len(_regions(number)) / INTERVALS_S[number % 4] for number in range(self.number))


def monitor(group: str, interval: int, regions: tuple[str, ...], **more: Any) -> dict[str, Any]:
    others = [region for region in REGIONS if region not in regions]
    about = {"name": group, "interval": interval, "timeout": TIMEOUT_S, "regions": list(regions)}
    return {**about, "fallback_regions": others, **more}


def _group(number: int) -> str:
    for place, (name, one_in) in enumerate(GROUPS.items()):
        if number % one_in == place:
            return name
    return "well"


def _regions(number: int) -> tuple[str, ...]:
    """Mostly both. The others have one region, and the other one to stand in for it."""
    return {0: ("usa",), 1: ("india",)}.get(number // 4 % 10, REGIONS)
