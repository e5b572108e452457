"""Hearing pings, and drawing the conclusions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from checks.services import store
from common.clock import database_now
from heartbeats import rules, selectors
from heartbeats.models import Heartbeat, Ping
from heartbeats.rules import Beat, Hearing, Said, Told, Word
from heartbeats.selectors import SCHEDULER
from monitors import secrets
from monitors.heartbeat import HeartbeatSpec
from monitors.kinds import HEARTBEAT
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import InvalidSpec, Reason

PINGS_A_MINUTE = 60
"""Of one job; a job that says more says nothing new, and its pings would push each other out of the list."""

PINGS_KEPT = 100
AT_ONCE = 500
TURN_S = 5.0

logger = logging.getLogger(__name__)


# --- hearing ---


class Heard(Enum):
    """What became of a ping."""

    KEPT = "kept"
    UNKNOWN = "unknown"
    TOO_MANY = "too many"


HEAR = """
WITH known AS MATERIALIZED (
    SELECT monitor.id, %(most)s <= (
        SELECT count(*) FROM (
            SELECT FROM heartbeats_ping
            WHERE monitor_id = monitor.id AND at > clock_timestamp() - interval '1 minute' LIMIT %(most)s
        ) AS lately
    ) AS too_many
    FROM monitors_monitor AS monitor WHERE ping_key = %(key)s
),
kept AS (
    INSERT INTO heartbeats_ping (monitor_id, at, word, exit_code, run, body, heard)
    SELECT id, clock_timestamp(), %(word)s, %(exit_code)s::smallint, %(run)s::uuid, %(body)s, false
    FROM known WHERE NOT too_many
)
SELECT too_many FROM known
"""
"""One statement, and so one transaction, that waits for nobody: it takes no lock that an editor or a reader holds."""


def hear(token: str, word: Word, *, exit_code: int | None = None, run: UUID | None = None, body: str = "") -> Heard:
    """Write a ping down; when this returns ``KEPT`` it is safe."""
    asked: dict[str, Any] = {"key": secrets.key_of(token), "most": PINGS_A_MINUTE}
    said = {
        "word": word.value,
        "exit_code": exit_code,
        "run": run,
        "body": body.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
    }
    with connection.cursor() as cursor:
        cursor.execute(HEAR, asked | said)
        found = cursor.fetchone()
    if found is None:
        return Heard.UNKNOWN
    return Heard.TOO_MANY if found[0] else Heard.KEPT


LISTEN = """
INSERT INTO heartbeats_ear AS ear (name, since, last) VALUES (%(name)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (name) DO UPDATE SET
    since = CASE
        WHEN %(missed)s
            OR clock_timestamp() - ear.last NOT BETWEEN interval '-1 second' AND make_interval(secs => %(most_s)s)
        THEN clock_timestamp() ELSE ear.since
    END,
    last = clock_timestamp()
"""


def listen(name: str, *, missed: bool = False) -> None:
    """Say that we are there. A break since the last time, a clock set back, or ``missed`` (a ping that we had to
    refuse) begin the listening anew."""
    with connection.cursor() as cursor:
        cursor.execute(LISTEN, {"name": name, "missed": missed, "most_s": rules.BREAK.total_seconds()})


# --- drawing conclusions ---


def turn(*, now: datetime | None = None) -> int:
    """Take in new pings and decide the deadlines that have passed; says how many monitors had something to tell.

    Doing it twice, or several at once, changes nothing: each monitor is locked while its story is told.
    """
    listen(SCHEDULER)
    enough, done = monotonic() + TURN_S, 0
    while monotonic() < enough:
        moment = now or database_now()
        hearing = selectors.hearing(now=moment)
        ids = selectors.waiting(settled=hearing.settled(moment), limit=AT_ONCE)
        if ids:
            _turn(ids, now=moment, hearing=hearing)
            done += len(ids)
        if len(ids) < AT_ONCE:
            break
    return done


@transaction.atomic
def _turn(ids: Sequence[UUID], *, now: datetime, hearing: Hearing) -> None:
    """1. Lock the monitors, in the order that all writers use. 2. Tell each one's story. 3. Store what it comes to."""
    locked = store.lock_monitors(ids)
    monitors = Monitor.objects.in_bulk(list(locked))
    stored, pings = selectors.beats(locked), selectors.unheard(ids)
    results: list[store.NewResult] = []
    known: list[Heartbeat] = []
    heard: list[tuple[int, float | None]] = []
    for pk, monitor in sorted(monitors.items()):
        mine, schedule = pings.get(pk, []), _schedule(monitor)
        beat = _beat(monitor, stored.get(pk), now=now)
        if monitor.paused or monitor.maintenance_pauses:
            heard += [(ping.pk, None) for ping in mine]
        elif schedule is None:
            heard += [(ping.pk, None) for ping in mine]
            known.append(Heartbeat.of(monitor, beat, deadline=None))
        else:
            told = rules.tell(beat, schedule, [ping.as_rule() for ping in mine], now=now, hearing=hearing)
            results += _results(pk, told, mine, now=now)
            heard += [(ping.pk, _seconds(took)) for ping, took in zip(mine, told.took, strict=False)]
            deadline = rules.next_deadline(told.beat, schedule)
            known.append(Heartbeat.of(monitor, told.beat, deadline=deadline.at if deadline else None))
    store.record(results, monitors=locked, now=now)
    _save(known)
    _mark_heard(heard)
    _forget_beyond_the_newest(list(pings))


def _schedule(monitor: Monitor) -> HeartbeatSpec | None:
    """None where it cannot be read any more (a time zone that was abolished): that must not stop the others."""
    if monitor.kind != HEARTBEAT:
        return None
    try:
        return HeartbeatSpec.parse(monitor.spec)
    except InvalidSpec as error:
        logger.error("The schedule of monitor %s cannot be read: %s", monitor.pk, error)
        return None


def _beat(monitor: Monitor, stored: Heartbeat | None, *, now: datetime) -> Beat:
    if stored is None:
        return Beat()
    beat = stored.as_rule()
    if stored.config_version != monitor.config_version:
        beat = rules.begin_anew(beat, at=now)
    if monitor.status == Status.PENDING:
        beat = rules.begin_anew(beat, at=monitor.status_since)
    return beat


def _seconds(took: timedelta | None) -> float | None:
    return None if took is None else took.total_seconds()


def _results(monitor: UUID, told: Told, pings: Sequence[Ping], *, now: datetime) -> list[store.NewResult]:
    bodies = {ping.at: ping.body for ping in pings}
    return [_result(monitor, said, bodies, now=now) for said in told.said]


def _result(monitor: UUID, said: Said, bodies: dict[datetime, str], *, now: datetime) -> store.NewResult:
    """Nothing was tried where nothing was heard, so such a row has no attempts."""
    return store.NewResult(
        monitor=monitor,
        region=HEARTBEAT,
        slot=said.at,
        checked_at=said.ping.at if said.ping else now,
        outcome=said.outcome,
        reason=said.reason,
        message=said.message,
        slots=said.slots,
        attempts=1 if said.ping else 0,
        evidence=_evidence(said, bodies),
    )


def _evidence(said: Said, bodies: dict[datetime, str]) -> dict[str, object] | None:
    if said.ping is None or said.reason is not Reason.HEARTBEAT_FAILED:
        return None
    return {"seen": {"exit_code": said.ping.exit_code, "body": bodies.get(said.ping.at, "")}}


def _save(known: Sequence[Heartbeat]) -> None:
    fields = ["anchor", "deadline", "word", "told_at", "runs", "config_version"]
    Heartbeat.objects.bulk_create(known, update_conflicts=True, unique_fields=["monitor"], update_fields=fields)


MARK_HEARD = """
UPDATE heartbeats_ping AS ping SET heard = true, duration_s = heard.duration_s
FROM unnest(%s::bigint[], %s::float8[]) AS heard (id, duration_s) WHERE ping.id = heard.id
"""

FORGET = """
DELETE FROM heartbeats_ping WHERE id IN (
    SELECT old.id FROM unnest(%(ids)s::uuid[]) AS chosen (monitor_id)
    CROSS JOIN LATERAL (
        SELECT id, heard FROM heartbeats_ping WHERE monitor_id = chosen.monitor_id
        ORDER BY at DESC, id DESC OFFSET %(kept)s
    ) AS old
    WHERE old.heard
)
"""


def _mark_heard(heard: Sequence[tuple[int, float | None]]) -> None:
    if heard:
        ids, durations = zip(*heard, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(MARK_HEARD, [list(ids), list(durations)])


def _forget_beyond_the_newest(monitors: Sequence[UUID]) -> None:
    if monitors:
        with connection.cursor() as cursor:
            cursor.execute(FORGET, {"ids": list(monitors), "kept": PINGS_KEPT})


def forget_old(*, now: datetime, retention_days: int) -> int:
    """Remove pings past the retention; says how many went."""
    deleted, _ = Ping.objects.filter(at__lt=now - timedelta(days=retention_days)).delete()
    return deleted
