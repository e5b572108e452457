"""The server's Celery app. A region may also be served by
``celery -A uptime worker -Q region.<code>``; the engine is loaded there and in no other worker."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
from typing import Any

from celery import Celery, Task, platforms
from celery.signals import (
    after_task_publish,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_before_create_process,
    worker_ready,
)
from django.apps import apps
from django.db import InterfaceError, OperationalError, close_old_connections
from structlog.contextvars import bind_contextvars, clear_contextvars

from probes import worked
from probes.broker import broker_settings
from probes.names import ALERTS_QUEUE, CENTRAL_QUEUE, regions_of
from uptime import tracing
from uptime.broker import publisher_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
# Celery would run Django's checks in each worker and throw their words away; they load every page and form. What they
# have to say is said by `migrate` and `doctor`.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1


class PatientTask(Task):  # type: ignore[type-arg]
    """A tick without a database has nothing to do but say so: the next one does its work as well."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s waits for the database: %s", self.name, str(error).partition("\n")[0])


app = Celery("uptime", task_cls=PatientTask)
app.conf.update(publisher_settings())
app.conf.update(
    worker_consumer="probes.quiet:QuietConsumer",
    task_soft_time_limit=35,
    task_time_limit=45,
    worker_max_tasks_per_child=20_000,
    worker_max_memory_per_child=400_000,
)
app.steps["consumer"].add("probes.stuck:ConnectAnew")  # by name: web and beat have no need of it
# Celery would close the database's connection before and after every task, and opening one costs more than most tasks.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize
MESSENGERS = ("alerts", "statuspages")
"""The apps whose tasks all come by the queue of the alerts; other workers need not load how messages are made."""

app.autodiscover_tasks(lambda: [one.name for one in apps.get_app_configs() if one.name not in MESSENGERS])


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
def _load_what_queues_need(instance: Any, options: dict[str, Any], **_: Any) -> None:
    """Beside the tasks that every worker has."""
    if instance.app is not app:
        return
    queues = options.get("queues") or ()
    queues = queues.split(",") if isinstance(queues, str) else queues
    if ALERTS_QUEUE in queues:
        for name in MESSENGERS:
            app.loader.import_task_module(f"{name}.tasks")
    if regions_of(queues):
        app.loader.import_task_module("probes.worker")


@celeryd_init.connect
def _trace_work(instance: Any, **_: Any) -> None:
    if instance.app is app:
        tracing.start("uptime-worker")


def _end_with_the_parent(_signal: str) -> None:
    """What Celery has each process of a pool ask of the kernel. billiard would load a parser of C to ask it, 7 MB in
    every process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


platforms.set_pdeathsig = _end_with_the_parent  # type: ignore[attr-defined]  # of which the stubs do not know


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
