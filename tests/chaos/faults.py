"""What is done to the box. Each fault goes on for so many seconds and has mended everything when it returns."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import psutil
import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from probes import names
from probes.broker import broker_settings
from probes.contract import CheckResult, Outcome, Reason, Report
from tests.chaos.sites import ANSWERS, DRIPS
from tests.chaos.world import ROOT, World, monitor
from tests.road.box import wait_until

Act = Callable[[World, float, Random], None]

DIED_OF_POISON = 66
"""As in hooks/sitecustomize.py."""

AWAY = (redis.RedisError, psycopg.OperationalError, OperationalError)
"""What a server says that another fault has taken away."""

POISON_TURN_S = 1800
"""India is the second of two regions, so that its turn is in the middle of the hour."""

LATE_BY_S = 3600
LATE_RESULTS = 200


@dataclass(frozen=True)
class Fault:
    name: str
    what: str
    act: Act
    seconds: float = 30
    alone: bool = False
    """Too long, or too particular, for the mix."""

    @property
    def part(self) -> str:
        """What it breaks: two faults of one part do not go together."""
        return self.name.rpartition("-")[2]


def kill(who: str, *, every_s: float = 8) -> Act:
    """kill -9, again and again."""

    def act(world: World, seconds: float, chance: Random) -> None:
        until = time.monotonic() + seconds
        while True:
            world.signal(who, signal.SIGKILL)
            pause = every_s * chance.uniform(0.5, 1.5)
            if time.monotonic() + pause >= until:
                return
            time.sleep(pause)

    return act


def stop(who: str) -> Act:
    """SIGSTOP: there, but not answering."""

    def act(world: World, seconds: float, chance: Random) -> None:
        stopped = world.processes(who)
        try:
            for process in stopped:
                process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    return act


def lose_region(world: World, seconds: float, chance: Random) -> None:
    """A region's machine loses its network and then its power; afterwards there is a new one."""
    stop("india")(world, seconds, chance)
    world.signal("india", signal.SIGKILL)


def flush(world: World, seconds: float, chance: Random) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(redis.RedisError):
            world.box.broker().flushall()
        time.sleep(chance.uniform(3, 8))


def cut_connections(world: World, seconds: float, chance: Random) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(redis.RedisError):
            world.box.broker().client_kill_filter(_type="normal")
        time.sleep(4)


def crash_valkey(world: World, seconds: float, chance: Random) -> None:
    """kill -9: what its log had not on disk, up to a second, is gone."""
    server = world.box.valkey
    assert server.process
    server.process.kill()
    time.sleep(seconds)
    server.stop()
    server.start()


def restart_valkey(world: World, seconds: float, chance: Random) -> None:
    world.box.valkey.stop()
    time.sleep(seconds)
    world.box.valkey.start()


def crash_postgres(world: World, seconds: float, chance: Random) -> None:
    """An immediate shutdown: no farewells, no checkpoint, the log is replayed at the start."""
    server = world.box.postgres
    assert server.process
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(20)
    time.sleep(seconds)
    server.stop()
    server.start()


def send_thrice(world: World, seconds: float, chance: Random) -> None:
    world.turn(copies=3)
    try:
        time.sleep(seconds)
    finally:
        world.turn(copies=1)


def disorder(world: World, seconds: float, chance: Random) -> None:
    """Hold back reports, give them back shuffled, the last ones first; and tell of an outage an hour ago."""
    until, held = time.monotonic() + seconds, list[bytes]()
    with suppress(*AWAY):
        _tell_of_the_past(world)
    while time.monotonic() < until:
        reports: list[bytes] = []
        world.signal("central", signal.SIGSTOP)
        try:
            time.sleep(2)
            with suppress(redis.RedisError):
                reports = _take_all(world)
        finally:
            world.signal("central", signal.SIGCONT)
        _give_back(world, held, chance)
        held = reports
        time.sleep(2)
    _give_back(world, held, chance)


def _take_all(world: World) -> list[bytes]:
    with world.box.broker().pipeline() as together:
        together.lrange(names.RESULTS_QUEUE, 0, -1)
        together.delete(names.RESULTS_QUEUE)
        reports: list[bytes] = together.execute()[0]
    return reports


def _give_back(world: World, reports: list[bytes], chance: Random) -> None:
    chance.shuffle(reports)
    if reports:
        with suppress(redis.RedisError):
            world.box.broker().lpush(names.RESULTS_QUEUE, *reports)


def _tell_of_the_past(world: World) -> None:
    """Reports of failures in a batch of an hour ago, of sites that are well."""
    broker = world.box.broker()
    batch = f"india/an-hour-ago/{time.time_ns()}"
    slot = int(time.time()) - LATE_BY_S
    chosen = "SELECT id FROM monitors_monitor WHERE name = 'well' AND 'india' = ANY (regions) LIMIT %s"
    ids = [f"{row['id']}/{slot}/1" for row in world.box.rows(chosen, LATE_RESULTS)]
    opened = """
        INSERT INTO checks_checkbatch
            (id, region, lane, check_ids, state, attempt, stored, patience_s, created_at, expires_at, sent_at)
        VALUES (%s, 'india', 'slots', %s, 'dead', 5, 0, 20, to_timestamp(%s), to_timestamp(%s), to_timestamp(%s))
        RETURNING id
    """
    world.box.rows(opened, batch, ids, slot, slot + 120, slot)
    results = [CheckResult(each, "http", Outcome.DOWN, Reason.CONNECT_REFUSED, message="an hour ago") for each in ids]
    celery = Celery("chaos", broker=world.box.valkey.url, set_as_current=False)
    celery.conf.update(broker_settings())
    report = Report(batch, "india", "india-1", results).to_wire()
    celery.send_task(names.INGEST, args=[report], queue=names.RESULTS_QUEUE, retry=False)
    broker.close()


def second_scheduler(world: World, seconds: float, chance: Random) -> None:
    schedule = str(world.home / "second-beat-schedule")
    beat = subprocess.Popen(
        [sys.executable, "-m", "probes.serve", "--quiet", "-A", "uptime.beat", "beat", "--schedule", schedule],
        cwd=ROOT,
        env=world.server_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(min(seconds, 4))
        assert beat.poll() is None, "the second scheduler did not run"
        time.sleep(max(0, seconds - 4))
    finally:
        beat.terminate()
        beat.wait(20)


def wrong_clock(by_s: float) -> Act:
    def act(world: World, seconds: float, chance: Random) -> None:
        world.turn(india_clock_s=by_s)
        try:
            time.sleep(seconds)
        finally:
            world.turn(india_clock_s=0)

    return act


def poison(world: World, seconds: float, chance: Random) -> None:
    """A check that kills its worker whenever it is tried, until the ledger has given it up."""
    before = len(world.box.said(rf"india ended with exit status {DIED_OF_POISON}"))
    due_at = int(time.time()) + 10
    poisonous = monitor("poison", 3600, ("india",), fallback_regions=[], phase=(due_at - POISON_TURN_S) % 3600)
    [made] = world.add_monitors(poisonous)
    given_up = "SELECT 1 FROM checks_checkresult WHERE monitor_id = %s AND reason = 'dead_letter'"
    wait_until("the poison is given up", lambda: world.box.rows(given_up, made), seconds=seconds)
    deaths = len(world.box.said(rf"india ended with exit status {DIED_OF_POISON}")) - before
    assert deaths >= 3, f"the poison killed its worker {deaths} times only"
    world.box.rows("UPDATE monitors_monitor SET paused = true, status = 'paused' WHERE id = %s RETURNING id", made)


def drip(world: World, seconds: float, chance: Random) -> None:
    """Answers that begin and never end."""
    world.change("drips", DRIPS)
    time.sleep(seconds)
    wait_until("they are called down", lambda: _open_incidents(world, "drips") == _members(world, "drips"), seconds=60)
    world.change("drips", ANSWERS)


def _open_incidents(world: World, group: str) -> int:
    query = """
        SELECT count(*) FROM incidents_incident AS incident JOIN monitors_monitor AS monitor
            ON monitor.id = monitor_id WHERE resolved_at IS NULL AND name = %s
    """
    return int(world.box.one(query, group))


def _members(world: World, group: str) -> int:
    return int(world.box.one("SELECT count(*) FROM monitors_monitor WHERE name = %s", group))


FAULTS = [
    Fault("kill-worker", "kill -9 of a region's worker, three times or more", kill("india")),
    Fault("kill-child", "kill -9 of a child of the central worker, five times or more", kill("child", every_s=4)),
    Fault("kill-scheduler", "kill -9 of beat, three times or more", kill("beat")),
    Fault("kill-ingester", "kill -9 of the central worker with all its children, three times or more", kill("central")),
    Fault("stop-worker", "SIGSTOP of a region's worker", stop("india")),
    Fault("stop-child", "SIGSTOP of a child of the central worker's pool", stop("child")),
    Fault("stop-scheduler", "SIGSTOP of beat", stop("beat")),
    Fault("stop-ingester", "SIGSTOP of the central worker with all its children", stop("central")),
    Fault("stop-valkey", "SIGSTOP of Valkey", stop("valkey")),
    Fault("stop-postgres", "SIGSTOP of all processes of PostgreSQL", stop("postgres")),
    Fault("flush", "FLUSHALL every few seconds", flush, seconds=20),
    Fault("crash-valkey", "kill -9 of Valkey, started again after 5 s", crash_valkey, seconds=5),
    Fault("restart-valkey", "an orderly restart of Valkey, 5 s gone", restart_valkey, seconds=5),
    Fault("cut-connections", "CLIENT KILL of all connections every 4 s", cut_connections),
    Fault("crash-postgres", "immediate shutdown of PostgreSQL, started again after 5 s", crash_postgres, seconds=5),
    Fault("send-thrice", "every message is sent three times", send_thrice, seconds=20),
    Fault("disorder", "reports shuffled and held back; false reports of an outage an hour ago", disorder),
    Fault("two-schedulers", "a second beat", second_scheduler, seconds=20),
    Fault("clock-ahead", "a worker's clock jumps 2 minutes ahead, and back", wrong_clock(120)),
    Fault("clock-behind", "a worker's clock jumps 2 minutes back, and ahead", wrong_clock(-120)),
    Fault("drip", "sites whose answers never end", drip, alone=True),
    Fault("poison", "a check that kills its worker, until it is given up", poison, seconds=240, alone=True),
    Fault("lose-region", "a region's worker gone for 5 minutes", lose_region, seconds=300, alone=True),
]
