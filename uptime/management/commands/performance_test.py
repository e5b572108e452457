"""``manage.py performance_test``: how fast this machine checks sites, and what that takes."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from common.commands import Progress, SpeakingCommand
from uptime.proving import performance, site
from uptime.proving.performance import MEGABYTE, Run

SITES = (5, 25, 100)
MORE_SITES = (1_000, 10_000)


class Command(SpeakingCommand):
    help = (
        "Check 5, 25 and 100 sites, with --full also 1,000 and 10,000, and show time, rate, response times, CPU and "
        "memory. Every check goes through the engine as a worker's does, to a site on loopback that is started for "
        "it; nothing is stored. A worker starts 1,300 checks a second or so. Exits with 1 when a site was not up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--full", action="store_true", help="also 1,000 and 10,000 sites, up to half a minute")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = SITES + (MORE_SITES if options["full"] else ())
        progress = Progress(sys.stderr, "sites checked", sum(sizes))
        before = performance.memory()
        with site.running() as address, closing(performance.loopback_engine()) as engine:
            runs = [performance.measure(engine, address, size, step=progress.step) for size in sizes]
        progress.end()
        if options["json"]:
            shown = [{**asdict(run), "per_second": round(run.per_second, 1), "passed": run.passed} for run in runs]
            self.say_json({"memory_before": before, "runs": shown})
        else:
            self._say(runs, before)
        if not all(run.passed for run in runs):
            sys.exit(1)

    def _say(self, runs: list[Run], before: int) -> None:
        self.say_table(
            ("sites", "up", "seconds", "a second", "p50 ms", "p95 ms", "CPU s", "memory MB", ""),
            [
                (
                    run.sites,
                    run.up,
                    run.seconds,
                    run.per_second,
                    run.p50_ms,
                    run.p95_ms,
                    run.cpu_s,
                    run.memory / MEGABYTE,
                    "pass" if run.passed else f"FAIL {run.reasons}",
                )
                for run in runs
            ],
        )
        self.stdout.write(f"Memory before the first run: {before / MEGABYTE:.1f} MB.")
