"""What people and programs read of a large past, as rows of a table."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.stage.people import YEAR_MONITORS, Past
from bench.stage.programs import environment, manage, running, servers
from onebox.servers import Valkey

LIMIT_MS = 100
"""An answer should not take longer: 19 of 20 of a row."""


@dataclass
class Row:
    """One line of the table. ``{}`` in the address stands for what is different each time."""

    name: str
    address: str
    choices: Sequence[str] = field(default_factory=lambda: [""])
    known: bool = False
    """Ask a second time with the ETag of the first, and measure that."""

    def address_of(self, number: int) -> str:
        """What the request of that number asks for."""
        return self.address.replace("{}", self.choices[number % len(self.choices)])


def usual_rows(past: Past) -> list[Row]:
    """What is asked for most, by people and by programs."""
    words = [f"{number:02}" for number in range(100)]
    return [
        Row("list, searched", "/monitors/?q={}", words),
        Row("a monitor's page", "/monitors/{}/", [str(monitor) for monitor in past.monitors]),
        Row("API monitor (100)", "/api/monitor"),
        Row("API monitor, searched", "/api/monitor?search={}", words),
    ]


def middle_and_slow(times_ms: Sequence[float]) -> tuple[float, float]:
    """p50 and p95."""
    return statistics.median(times_ms), sorted(times_ms)[int(0.95 * (len(times_ms) - 1))]


@contextmanager
def with_a_past(monitors: int, days: int) -> Iterator[dict[str, str]]:
    """The environment of the programs, with a past in the database."""
    if given := os.environ.get("DATABASE_URL"):
        with tempfile.TemporaryDirectory() as home, running(Valkey(Path(home) / "valkey", durable=False)) as valkey:
            yield environment(given, valkey.url) | {"ONEBOX": "true"}
        return
    with servers(valkey_log=False) as env:
        print(f"making {monitors} monitors with {days} days; this takes a while", flush=True)
        manage(env, "seed_demo", "--monitors", str(monitors), "--days", str(days))
        manage(env, "seed_demo", "--monitors", str(YEAR_MONITORS), "--days", "365", "--seed", "2")
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield env
