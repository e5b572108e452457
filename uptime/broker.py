"""Where the broker is, and what everybody who publishes tells it. Beat reads this without Django."""

from __future__ import annotations

from typing import Any

from probes.broker import BROKERS, broker_settings, verified
from probes.names import ALERTS_QUEUE, CENTRAL_QUEUE
from uptime import env

REDIS_URL = verified(env.text("REDIS_URL") and env.url("REDIS_URL", schemes=("redis", "rediss")))
if not (REDIS_URL or env.text("CELERY_BROKER_URL")):
    env.stop(
        "neither REDIS_URL nor CELERY_BROKER_URL is set; set the first to redis://host/0, or, to do without Redis, "
        "the second to sqla+postgresql+psycopg://user:password@host/name, the database of DATABASE_URL."
    )
CELERY_BROKER_URL = verified(env.url("CELERY_BROKER_URL", schemes=BROKERS, default=REDIS_URL))

IMPATIENT = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
"""How publishers connect: a page must not wait for a broker that is away, and what it rings for is written down."""


def _tick(task: str, every_s: float, queue: str = CENTRAL_QUEUE) -> dict[str, Any]:
    """A beat entry. A tick that waited too long is worthless: the next one does its work as well."""
    return {"task": task, "schedule": every_s, "options": {"queue": queue, "expires": max(5.0, every_s)}}


TICKS = {
    "dispatch": _tick("checks.dispatch", 1),
    "dispatch-wanted": _tick("checks.dispatch_wanted", 1),
    "sweep": _tick("checks.sweep", 2),
    "refresh-stats": _tick("checks.refresh_stats", 2),
    "notice-silence": _tick("incidents.notice_silence", 5),
    "maintenance": _tick("maintenance.turn", 5),
    "heartbeats": _tick("heartbeats.turn", 1),
    "drills": _tick("drills.turn", 1),
    "alerts": _tick("alerts.tick", 1, ALERTS_QUEUE),
    "statuspages": _tick("statuspages.tick", 2, ALERTS_QUEUE),
    "dead-mans-switch": _tick("operations.dead_mans_switch", 60),
    "housekeeping": _tick("checks.housekeeping", 600),
    "heartbeats-housekeeping": _tick("heartbeats.housekeeping", 3600),
    "alerts-housekeeping": _tick("alerts.housekeeping", 3600, ALERTS_QUEUE),
    "statuspages-housekeeping": _tick("statuspages.housekeeping", 3600, ALERTS_QUEUE),
    "letters": _tick("accounts.post_letters", 2, ALERTS_QUEUE),
    "forget-old-sessions": _tick("accounts.forget_old_sessions", 3600),
    "forget-old-audit": _tick("accounts.forget_old_audit", 3600),
    "forget-old-answers": _tick("api.forget_old_answers", 3600),
    "invitations": _tick("accounts.send_invitations", 60, ALERTS_QUEUE),
}


def publisher_settings() -> dict[str, Any]:
    """What Celery must be told by whoever rings: pages, the centre and beat."""
    shared = broker_settings()
    return shared | {
        "broker_url": CELERY_BROKER_URL,
        "broker_transport_options": shared["broker_transport_options"] | IMPATIENT,
        "task_default_queue": CENTRAL_QUEUE,
        # Beat writes it into its schedule file, and throws a file of another zone away, with a warning.
        "timezone": "UTC",
        "beat_max_loop_interval": 1,
        "beat_schedule": TICKS,
    }
