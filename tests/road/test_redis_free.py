"""No Redis anywhere: PostgreSQL is broker and cache as well, and every promise holds there too."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from bench.stage import invariants
from tests.road.box import Box, Program, site, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

MONITORS = 20


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("redis-free"), with_redis=False)
    try:
        box.start()
        yield box
    finally:
        box.stop()
        print("\n".join(box.lines[-200:]))


def test_a_site_is_seen_goes_down_and_comes_back_with_one_incident(box: Box) -> None:
    assert not box.said("valkey")
    program = Program(box, "plain@example.com")
    with site() as url:
        monitor = program.watch(url)
        wait_until("both regions have seen it", lambda: program.latest(monitor).keys() == {"usa", "india"}, seconds=15)
        assert {result["outcome"] for result in program.latest(monitor).values()} == {"up"}
        tried = program.call("post", "monitoring/test", {"url": url}).json()["results"]  # by way of the cache
        assert {result["region"]: result["outcome"] for result in tried} == {"usa": "up", "india": "up"}
        ready = requests.get(box.url("/readyz"), timeout=20)
        assert (ready.status_code, ready.json()["parts"]["broker"]) == (200, "ok")
        assert talks_to_broker(box) == 0
    port = int(url.rstrip("/").rpartition(":")[2])
    wait_until("it is down", lambda: program.monitor(monitor)["status"] == "down", seconds=40)
    with site(port=port):
        wait_until("it is up again", lambda: program.monitor(monitor)["status"] == "up", seconds=40)
    [incident] = program.call("get", "incidents").json()["results"]
    assert incident["resolved_at"] is not None
    assert program.call("post", f"monitor/{monitor}/pause").status_code == 200


def test_whatever_is_killed_or_sent_three_times_every_slot_counts_once(box: Box) -> None:
    program = Program(box, "survivor@example.com")
    with site(delay_s=0.4) as url:
        monitors = [program.watch(url, name=f"site {number}") for number in range(MONITORS)]
        wait_until("every region has seen every monitor", lambda: box.seen(monitors) == 2 * MONITORS, seconds=40)
        began = box.one("SELECT now()")

        chance = random.Random(20261122)
        for _ in range(2):
            in_the_middle(box, chance.choice(["usa", "india"]))
            repeat_everything(box, "central", "results")
            box.kill("central")  # with reports in its hands: here nobody gives them back
        ended = box.one("SELECT now()")

        lost = partial(box.rows, invariants.LOST_OR_UNRECORDED, began, ended)
        wait_until("every slot has a result or is in a recorded gap", lambda: not lost(), seconds=60)
        open_still = partial(box.rows, invariants.OPEN_TOO_LONG, ended)
        wait_until("every batch has come home", lambda: not open_still(), seconds=60)
        for broken in (invariants.ROLLUPS_DIFFER, invariants.MORE_THAN_ONE_OPEN_INCIDENT):
            assert box.rows(broken) == []
        outcomes = "SELECT DISTINCT outcome FROM checks_checkresult WHERE monitor_id = ANY (%s::uuid[])"
        assert {row["outcome"] for row in box.rows(outcomes, monitors)} <= {"up", "unknown"}
        attempts = box.one("SELECT max(attempt) FROM checks_checkbatch WHERE created_at > %s", began)
        assert 2 <= attempts <= 5, "the campaign lost nothing that had to be sent again, so it proves little"
        for monitor in monitors:
            program.call("delete", f"monitor/{monitor}")
    assert box.one("SELECT count(*) FROM kombu_message WHERE NOT visible") == 0  # what was taken is gone


def talks_to_broker(box: Box) -> int:
    """What the containers' health check says, with all of the box in one container."""
    url = "sqla+postgresql+psycopg" + box.postgres.url[box.postgres.url.index("://") :]
    script = [sys.executable, "scripts/talks_to_broker.py"]
    return subprocess.run(script, env={"CELERY_BROKER_URL": url}, check=False).returncode


WAITING = """
SELECT message.id FROM kombu_message AS message JOIN kombu_queue AS queue ON queue.id = queue_id WHERE name = %s
"""
NOT_BEGUN = """
SELECT id FROM checks_checkbatch
WHERE state = 'open' AND lane = 'slots' AND region = %s AND sent_at IS NOT NULL AND created_at > now() - interval '1 s'
"""
"""Handed out, for slots that are ahead still (``dispatch.AHEAD_S``): no result of it can be on its way."""
REPEAT = """
INSERT INTO kombu_message (id, visible, payload, version, queue_id)
SELECT nextval('message_id_sequence'), true, payload, 1, queue_id FROM kombu_message, generate_series(1, 2)
WHERE queue_id = (SELECT id FROM kombu_queue WHERE name = %s) RETURNING id
"""


def in_the_middle(box: Box, region: str) -> None:
    """Kill a region's worker while it has a batch in its hands."""

    def has_taken_one() -> Any:
        return box.rows(NOT_BEGUN, region) and not box.rows(WAITING, f"region.{region}")

    box.kill_when(region, "is at work", has_taken_one)


def repeat_everything(box: Box, reader: str, queue: str) -> None:
    """Hold a queue's reader still until messages wait, and put each of them there twice more."""
    box.signal(reader, signal.SIGSTOP)
    try:
        wait_until(f"messages wait in {queue}", lambda: box.rows(WAITING, queue), seconds=25)
        assert box.rows(REPEAT, queue)
    finally:
        box.signal(reader, signal.SIGCONT)
