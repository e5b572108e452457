"""One scenario from beginning to end: break something, wait until calm, look whether everything still holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg

from bench.stage import invariants
from tests.chaos.faults import Fault
from tests.chaos.sites import ANSWERS, FAILS
from tests.chaos.world import ROOT, TIMEOUT_S, World
from tests.road.box import wait_until

USUALLY_STORED_WITHIN_S = 5
"""A slot without a row so long after its second is late; a site that drips takes its timeout longer."""

CALM_FOR_S = 10
"""So long nothing may be late before we call it repaired; the shortest interval is as long."""

CALM_WITHIN_S = 150
TOLD_WITHIN_S = 90
OPEN_AT_MOST_S = 30

OVERDUE = """
SELECT id FROM checks_checkbatch
WHERE state = 'open' AND created_at < now()
    - make_interval(secs => CASE WHEN created_at < %s THEN %s ELSE patience_s + 4 END)
"""
"""The sweep comes every 2 s; it also closes batches whose last result came by another road. A batch from before the end
of the fault may be one that the fault has taken: until it is home, nothing is repaired. Parameters: the end, and the
seconds that a batch usually takes."""
LAST_UNKNOWN = """
SELECT max(slot) FROM checks_checkresult JOIN monitors_monitor AS monitor ON monitor.id = monitor_id
WHERE slot > %s AND outcome = 'unknown' AND NOT paused
"""
UNKNOWNS = """
SELECT reason, sum(slots)::int AS slots FROM checks_checkresult WHERE slot BETWEEN %s AND %s AND outcome = 'unknown'
GROUP BY 1 ORDER BY 2 DESC
"""
STORED = "SELECT coalesce(sum(slots), 0)::int FROM checks_checkresult WHERE slot BETWEEN %s AND %s"
ATTEMPTS = "SELECT coalesce(max(attempt), 0) FROM checks_checkbatch WHERE created_at BETWEEN %s AND %s"
TOLD = """
SELECT name, incidents, open, count(*)::int AS monitors FROM monitors_monitor AS monitor
CROSS JOIN LATERAL (
    SELECT count(*)::int AS incidents, (count(*) FILTER (WHERE resolved_at IS NULL))::int AS open
    FROM incidents_incident WHERE monitor_id = monitor.id
) AS counted
WHERE NOT paused GROUP BY 1, 2, 3
"""


@dataclass
class Outcome:
    """What became of a scenario. Seconds from the end of its last fault."""

    scenario: str
    what: str
    began: str
    lasted_s: float = 0
    load: float = 0
    """Of the machine in the last minute, by all that ran there."""
    repair_s: float | None = None
    told_s: float | None = None
    late: dict[int, str] = field(default_factory=dict)
    """What was not as usual so many seconds after the end."""
    slots: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    """How many rows break each invariant."""


@dataclass
class Campaign:
    world: World
    seed: str
    outcomes: list[Outcome] = field(default_factory=list)
    failing: str = "even"
    """The group whose sites fail at present: the two take turns, so that each fault meets an outage that begins and
    one that ends."""
    judged_until: datetime | None = None

    def run(self, scenario: str, what: str, strike: Callable[[Random], None]) -> None:
        """Break something, and see that it all comes back."""
        chance = Random(f"{self.seed}/{scenario}")
        began = datetime.now(UTC)
        outcome = Outcome(scenario, what, began.isoformat(timespec="seconds"))
        self.outcomes.append(outcome)
        try:
            turning = self.world.hands.submit(self._turn_tables, chance.uniform(1, 10))
            strike(chance)
            ended = datetime.now(UTC)
            turning.result()
            outcome.lasted_s = round((ended - began).total_seconds(), 1)
            outcome.repair_s = self._wait_until_calm(ended, outcome.late)
            self._wait_until_told()
            outcome.told_s = round((datetime.now(UTC) - ended).total_seconds(), 1)
            self._judge(outcome, began)
        finally:
            outcome.load = os.getloadavg()[0]
            print(f"\n{' | '.join(_line(outcome))}", flush=True)

    def strike(self, blows: Sequence[tuple[Fault, float]], chance: Random) -> None:
        hands = self.world.hands
        under_way = [hands.submit(fault.act, self.world, seconds, Random(chance.random())) for fault, seconds in blows]
        wait(under_way)
        for blow in under_way:
            blow.result()

    def _turn_tables(self, after_s: float) -> None:
        time.sleep(after_s)
        self.world.change(self.failing, ANSWERS)
        self.failing = {"even": "odd", "odd": "even"}[self.failing]
        self.world.change(self.failing, FAILS)

    def _wait_until_calm(self, ended: datetime, story: dict[int, str]) -> float:
        """How long after the end something was still late, lost or shed, in seconds."""
        repaired = ended
        while True:
            now = datetime.now(UTC)
            if problem := self._problem(ended, now):
                repaired = now
                late_s = int((now - ended).total_seconds())
                story[late_s] = problem
                assert late_s < CALM_WITHIN_S, f"{late_s} s after the fault: {problem}"
            elif (now - repaired).total_seconds() >= CALM_FOR_S + USUALLY_STORED_WITHIN_S:
                break
            time.sleep(0.5)
        last_unknown = self.world.box.one(LAST_UNKNOWN, ended)
        return round((max(repaired, last_unknown or ended) - ended).total_seconds(), 1)

    def _problem(self, ended: datetime, now: datetime) -> str | None:
        """What is not as usual at this moment."""
        try:
            late = self.world.box.rows(
                invariants.LOST_OR_UNRECORDED, ended, now - timedelta(seconds=USUALLY_STORED_WITHIN_S)
            )
            overdue = self.world.box.rows(OVERDUE, ended, USUALLY_STORED_WITHIN_S + TIMEOUT_S)
        except psycopg.OperationalError as error:
            return str(error)
        slow = now - timedelta(seconds=USUALLY_STORED_WITHIN_S + TIMEOUT_S)
        late = [slot for slot in late if slot["name"] != "drips" or slot["slot"] < slow]
        if not late and not overdue:
            return None
        regions = sorted({slot["region"] for slot in late})
        return f"{len(late)} slots are late {regions}, {len(overdue)} batches overdue"

    def _wait_until_told(self) -> None:
        """Every outage has its one incident, and it is open as long as the outage lasts; the others have none."""
        wait_until("each outage is told once", lambda: not self._told_wrongly(), seconds=TOLD_WITHIN_S)

    def _told_wrongly(self) -> list[dict[str, Any]]:
        outages, moods = self.world.outages, self.world.moods
        return [
            row
            for row in self.world.box.rows(TOLD)
            if (row["incidents"], row["open"])
            != (outages.get(row["name"], 0), int(moods.get(row["name"], ANSWERS) != ANSWERS))
        ]

    def _judge(self, outcome: Outcome, began: datetime) -> None:
        box, now = self.world.box, datetime.now(UTC)
        counted = (self.judged_until or began, now - timedelta(seconds=USUALLY_STORED_WITHIN_S + TIMEOUT_S))
        self.judged_until = counted[1]
        outcome.slots = box.one(STORED, *counted)
        outcome.unknown = {row["reason"]: row["slots"] for row in box.rows(UNKNOWNS, *counted)}
        outcome.attempts = box.one(ATTEMPTS, *counted)
        outcome.broken = {
            "I1 one row or recorded gap per due slot": len(box.rows(invariants.LOST_OR_UNRECORDED, *counted)),
            "I2 rollups equal a recount": len(box.rows(invariants.ROLLUPS_DIFFER)),
            "I2 rollups equal the product's own recount": self._rollups_differ(),
            "I3 no incident built from unknowns": len(box.rows(invariants.BUILT_FROM_UNKNOWNS)),
            "I3 each outage told once, nothing else": sum(row["monitors"] for row in self._told_wrongly()),
            "I4 at most one open incident per monitor": len(box.rows(invariants.MORE_THAN_ONE_OPEN_INCIDENT)),
            "I4 each incident announced once": len(box.rows(invariants.TOLD_WRONGLY)),
            "I5 no batch open for more than 30 s": len(
                box.rows(invariants.OPEN_TOO_LONG, now - timedelta(seconds=OPEN_AT_MOST_S))
            ),
            "I6 at most 5 attempts": len(box.rows(invariants.TOO_MANY_ATTEMPTS)),
        }
        broken = {name: count for name, count in outcome.broken.items() if count}
        assert not broken, broken

    def _rollups_differ(self) -> int:
        """By ``manage.py rollups verify``."""
        verify = [sys.executable, "manage.py", "rollups", "verify", "--json", "--limit", "5"]
        said = subprocess.run(
            verify, cwd=ROOT, env=self.world.server_environment(), capture_output=True, text=True, check=False
        )
        assert said.stdout, said.stderr
        return int(json.loads(said.stdout)["differing"])

    # -- the report

    def as_dict(self) -> dict[str, Any]:
        repairs = [outcome.repair_s for outcome in self.outcomes if outcome.repair_s is not None]
        return {
            "monitors": self.world.number,
            "checks_per_second": round(self.world.checks_per_second),
            "seed": self.seed,
            "load_average": os.getloadavg(),
            "longest_repair_s": max(repairs, default=None),
            "outcomes": [vars(outcome) for outcome in self.outcomes],
        }

    def table(self) -> str:
        heads = ("scenario", "load", "lasted s", "repair s", "told s", "slots", "unknown", "attempts", "broken")
        lines = [heads, *(_line(outcome) for outcome in self.outcomes)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        return "\n".join(
            " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        )


def _line(outcome: Outcome) -> tuple[str, ...]:
    unknown = ", ".join(f"{reason} {count}" for reason, count in outcome.unknown.items())
    broken = ", ".join(f"{name[:2]} {count}" for name, count in outcome.broken.items() if count)
    never = "never"
    return (
        outcome.scenario,
        f"{outcome.load:.1f}",
        f"{outcome.lasted_s:.0f}",
        never if outcome.repair_s is None else f"{outcome.repair_s:.1f}",
        never if outcome.told_s is None else f"{outcome.told_s:.0f}",
        str(outcome.slots),
        unknown or "-",
        str(outcome.attempts),
        broken or ("-" if outcome.broken else "?"),
    )
