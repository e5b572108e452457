"""Killing workers in the middle of their work, and telling everything three times."""

from __future__ import annotations

import random
import signal
import time
from functools import partial

import pytest

from bench.stage import invariants
from tests.road.box import Box, Program, site, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

MONITORS = 30


def test_whatever_is_killed_or_sent_three_times_every_slot_counts_once(box: Box) -> None:
    program = Program(box, "survivor@example.com")
    with site(delay_s=0.4) as url:
        monitors = [program.watch(url, name=f"site {number}") for number in range(MONITORS)]
        wait_until("every region has seen every monitor", lambda: box.seen(monitors) == 2 * MONITORS, seconds=40)
        began = box.one("SELECT now()")

        chance = random.Random(20261122)
        for _ in range(4):
            in_the_middle(box, chance.choice(["usa", "india"]))
            repeat_everything(box, "central", "results")
            repeat_everything(box, "usa", "region.usa")
            box.kill("central")  # with reports in its hands
        ended = box.one("SELECT now()")

        lost = partial(box.rows, invariants.LOST_OR_UNRECORDED, began, ended)
        wait_until("every slot has a result or is in a recorded gap", lambda: not lost(), seconds=60)
        open_still = partial(box.rows, invariants.OPEN_TOO_LONG, ended)
        wait_until("every batch has come home", lambda: not open_still(), seconds=60)
        assert box.rows(invariants.ROLLUPS_DIFFER) == []
        assert box.rows(invariants.MORE_THAN_ONE_OPEN_INCIDENT) == []
        outcomes = "SELECT DISTINCT outcome FROM checks_checkresult WHERE monitor_id = ANY (%s::uuid[])"
        assert {row["outcome"] for row in box.rows(outcomes, monitors)} <= {"up", "unknown"}
        assert box.one("SELECT count(*) FROM incidents_incident WHERE monitor_id = ANY (%s::uuid[])", monitors) == 0
        attempts = box.one("SELECT max(attempt) FROM checks_checkbatch WHERE created_at > %s", began)
        assert 2 <= attempts <= 5, "the campaign lost nothing that had to be sent again, so it proves little"
        for monitor in monitors:
            program.call("delete", f"monitor/{monitor}")


def in_the_middle(box: Box, region: str) -> None:
    """Kill a region's worker while it has some results of a batch and owes others."""
    box.kill_when(region, "is at work", partial(box.broker().hlen, f"unacked.{region}"))


def repeat_everything(box: Box, reader: str, queue: str) -> None:
    """Hold a queue's reader still until messages wait, and put each of them there twice more."""
    broker = box.broker()
    box.signal(reader, signal.SIGSTOP)
    try:
        wait_until(f"messages wait in {queue}", lambda: broker.llen(queue), seconds=25)
        time.sleep(0.3)
        for message in broker.lrange(queue, 0, -1):
            broker.lpush(queue, message, message)
    finally:
        box.signal(reader, signal.SIGCONT)
