"""The server's Celery app: its queues and what beat rings for. A region may also be served by
``celery -A uptime worker -Q region.<code>``; the engine is loaded there and in no other worker."""

from __future__ import annotations

import gc
import logging
import os
import sys
from functools import cached_property
from typing import Any

from celery import Celery, Task
from celery.apps import beat
from celery.signals import (
    after_task_publish,
    beat_init,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_before_create_process,
    worker_ready,
)
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils.log import configure_logging
from structlog.contextvars import bind_contextvars, clear_contextvars

from probes import worked
from probes.broker import broker_settings
from probes.names import ALERTS_QUEUE, CENTRAL_QUEUE, regions_of
from uptime import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
# Celery would run Django's checks in each worker and throw their words away; they load every page and form. What they
# have to say is said by `migrate` and `doctor`.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")


def _tick(task: str, every_s: float, queue: str = CENTRAL_QUEUE) -> dict[str, Any]:
    """A beat entry. A tick that waited too long is worthless: the next one does its work as well."""
    return {"task": task, "schedule": every_s, "options": {"queue": queue, "expires": max(5.0, every_s)}}


logger = logging.getLogger(__name__)


class PatientTask(Task):  # type: ignore[type-arg]
    """A tick without a database has nothing to do but say so: the next one does its work as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s waits for the database: %s", self.name, str(error).partition("\n")[0])


class Beat(beat.Beat):
    """Rings by name, so it needs none of what it rings for: no tasks, no models, and of Django the settings alone."""

    def init_loader(self) -> None:
        configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)  # where tasks are loaded, django.setup() does it
        app.finalize()


class Server(Celery):
    @cached_property
    def Beat(self) -> type[beat.Beat]:  # noqa: N802  # Celery's name for what `celery beat` runs
        return self.subclass_with_self(Beat)


IMPATIENT = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
"""How publishers connect: a page must not wait for a broker that is away, and what it rings for is written down."""

app = Server("uptime", task_cls=PatientTask)
app.conf.update(broker_settings())
app.conf.broker_transport_options |= IMPATIENT
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    worker_consumer="probes.quiet:QuietConsumer",
    task_default_queue=CENTRAL_QUEUE,
    task_soft_time_limit=35,
    task_time_limit=45,
    worker_max_tasks_per_child=20_000,
    worker_max_memory_per_child=400_000,
    beat_max_loop_interval=1,
    beat_schedule={
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
    },
)
app.steps["consumer"].add("probes.stuck:ConnectAnew")  # by name: web and beat have no need of it
# Celery would close the database's connection before and after every task, and opening one costs more than most tasks.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize
app.autodiscover_tasks()


@task_prerun.connect
def _say_whose_lines(task_id: str, task: Any, **_: Any) -> None:
    """Every line that a task writes carries its name and id."""
    bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def _say_nothing_more(**_: Any) -> None:
    clear_contextvars()


@task_prerun.connect
@task_postrun.connect
def _keep_connections(**_: Any) -> None:
    """As Django does it between two requests: by ``CONN_MAX_AGE``, and after a look at their health."""
    close_old_connections()


@task_postrun.connect
@after_task_publish.connect
def _note_work(**_: Any) -> None:
    """A worker's work is to end tasks, beat's is to publish them; both have one every second."""
    worked.note()


@celeryd_init.connect
def _be_patient_in_workers(instance: Any, **_: Any) -> None:
    """A worker listens for longer than a publisher may speak."""
    if instance.app is app:
        app.conf.broker_transport_options = broker_settings()["broker_transport_options"]


@celeryd_init.connect
def _load_what_regions_need(instance: Any, options: dict[str, Any], **_: Any) -> None:
    queues = options.get("queues") or ()
    if instance.app is app and regions_of(queues.split(",") if isinstance(queues, str) else queues):
        app.loader.import_task_module("probes.worker")


@celeryd_init.connect
def _trace_work(instance: Any, **_: Any) -> None:
    if instance.app is app:
        tracing.start("uptime-worker")


@beat_init.connect
def _trace_ticks(**_: Any) -> None:
    tracing.start("uptime-beat")


@worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """A new process shares what this one has loaded, page by page until one of them writes there; the garbage
    collector would write to every object that it looks at."""
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _keep_house_at_once(sender: Any, **_: Any) -> None:
    """Partitions for the coming days must not wait for beat's first ten minutes."""
    if sender.app is app:
        app.send_task("checks.housekeeping", queue=CENTRAL_QUEUE, expires=60)


@setup_logging.connect
def _keep_django_logging(**_: Any) -> None:
    """Celery would replace the log that the settings describe."""
