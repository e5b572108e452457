"""Reading pings and jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from heartbeats import rules
from heartbeats.models import Ear, Heartbeat, Ping
from heartbeats.rules import Beat, Hearing, State
from monitors.heartbeat import HeartbeatSpec
from monitors.models import Monitor
from monitors.rules import Status

SHOWN_AS_EVIDENCE = 2_048
WEB, SCHEDULER = "web", "scheduler"

WAITING = """
SELECT monitor_id FROM (
    SELECT DISTINCT monitor_id FROM heartbeats_ping WHERE NOT heard
    UNION
    SELECT beat.monitor_id FROM heartbeats_heartbeat AS beat
    JOIN monitors_monitor AS monitor ON monitor.id = beat.monitor_id
    WHERE (beat.deadline < %(until)s OR beat.config_version <> monitor.config_version)
        AND NOT monitor.paused AND NOT monitor.maintenance_pauses
) AS waiting
JOIN monitors_monitor AS monitor ON monitor.id = waiting.monitor_id
ORDER BY monitor_id LIMIT %(limit)s
"""
"""Monitors with pings that nobody has taken in, whose time is up, or of which somebody has changed the schedule."""


def waiting(*, settled: datetime, limit: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"until": settled, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


UNHEARD = """
SELECT monitor_id, id, at, word, exit_code, run, CASE WHEN word = 'fail' THEN left(body, %(shown)s) ELSE '' END
FROM heartbeats_ping WHERE NOT heard AND monitor_id = ANY (%(ids)s::uuid[]) ORDER BY at, id
"""


def unheard(monitors: Sequence[UUID]) -> dict[UUID, list[Ping]]:
    """The pings that are still to be taken in, in the order of their times; a failure comes with what it sent along."""
    found: dict[UUID, list[Ping]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(UNHEARD, {"ids": list(monitors), "shown": SHOWN_AS_EVIDENCE})
        for monitor, pk, at, word, exit_code, run, body in cursor.fetchall():
            ping = Ping(id=pk, monitor_id=monitor, at=at, word=word, exit_code=exit_code, run=run, body=body)
            found[monitor].append(ping)
    return found


def beats(monitors: Iterable[UUID]) -> dict[UUID, Heartbeat]:
    return Heartbeat.objects.in_bulk(list(monitors))


def hearing(*, now: datetime) -> Hearing:
    """When a ping would have been heard. Where web servers stamp the table, they know; the scheduler else."""
    ears = {ear.name: (ear.since, ear.last) for ear in Ear.objects.all()}
    return rules.hearing(ears.get(WEB) or ears.get(SCHEDULER), now=now)


def pings_of(monitor: Monitor) -> QuerySet[Ping]:
    """A monitor's pings, newest first."""
    return Ping.objects.filter(monitor=monitor).order_by("-at", "-id")


def runs_of(monitor: Monitor, *, limit: int) -> list[Ping]:
    """The last runs whose start and end were both reported, oldest first: the pings that ended them."""
    ended = Ping.objects.filter(monitor=monitor, duration_s__isnull=False).order_by("-at", "-id")[:limit]
    return list(ended)[::-1]


def job(monitor: Monitor, *, now: datetime) -> dict[str, Any]:
    """How a heartbeat's job does: its state, when a ping is due and missed, and the runs under way."""
    schedule = HeartbeatSpec.parse(monitor.spec)
    stored = beats([monitor.pk]).get(monitor.pk)
    beat = stored.as_rule() if stored else Beat()
    if monitor.status == Status.PENDING:
        beat = rules.begin_anew(beat, at=monitor.status_since)
    state = rules.state(beat, schedule, status=Status(monitor.status), now=now)
    deadline = None if state is State.PAUSED else rules.next_deadline(beat, schedule)
    last = pings_of(monitor).values_list("at", flat=True).first()
    return {
        "state": state,
        "ping_url": monitor.ping_url,
        "last_ping": last,
        "due": deadline.due if deadline else None,
        "deadline": deadline.at if deadline else None,
        "runs": [{"run": UUID(run.id) if run.id else None, "began": run.began} for run in beat.runs],
    }
