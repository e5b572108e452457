"""How fast the engine checks, and what that takes."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from probes.contract import CheckRequest, CheckResult, Outcome
from probes.engine import Engine
from probes.guard import Policy
from probes.settings import Settings

LOOPBACK = Policy.of(["127.0.0.0/8"])
TIMEOUT_MS = 10_000
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run over so many sites. Milliseconds of the whole check; memory of this process, in bytes."""

    sites: int
    up: int
    seconds: float
    p50_ms: float
    p95_ms: float
    cpu_s: float
    memory: int
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.sites / self.seconds

    @property
    def passed(self) -> bool:
        return self.up == self.sites


def measure(engine: Engine, address: str, sites: int, *, step: Callable[[int], None] = lambda _: None) -> Run:
    """Check so many sites once, as a worker would: every check over a connection of its own."""
    results: list[CheckResult] = []

    def take(result: CheckResult) -> None:
        results.append(result)
        step(1)

    requests = [
        CheckRequest(str(number), "http", {"url": f"{address}/?site={number}"}, TIMEOUT_MS) for number in range(sites)
    ]
    begun, cpu = time.monotonic(), time.process_time()
    engine.run(requests, take)
    seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    times = sorted(result.timings_ms.total or 0.0 for result in results)
    reasons: dict[str, int] = {}
    for result in results:
        if result.outcome is not Outcome.UP:
            reasons[str(result.reason)] = reasons.get(str(result.reason), 0) + 1
    return Run(
        sites=sites,
        up=sum(result.outcome is Outcome.UP for result in results),
        seconds=round(seconds, 3),
        p50_ms=round(statistics.median(times), 1),
        p95_ms=round(times[int(0.95 * (len(times) - 1))], 1),
        cpu_s=round(cpu_s, 3),
        memory=memory(),
        reasons=reasons,
    )


def loopback_engine(policy: Policy = LOOPBACK) -> Engine:
    """The engine that workers have, at their pace; ``close`` it. It does not give up on what waits for its turn."""
    return Engine(Settings(region="here", worker_id="proving", policy=policy))


def memory() -> int:
    """What this process holds at present; where the system does not say, the most that it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1_024
    return pages * resource.getpagesize()
