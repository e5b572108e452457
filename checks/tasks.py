"""Doorbells: each task rings for one service. Nothing is returned, nothing is scheduled for later; what is lost comes
round again with the next tick or the sweep."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Any

from celery import shared_task
from celery.exceptions import Reject
from django.conf import settings
from django.db import InterfaceError, OperationalError
from structlog.contextvars import bound_contextvars

from checks.services import breaker, ledger, stats, storage
from checks.services import dispatch as dispatching
from checks.services import ingest as ingesting
from common.clock import database_now
from monitors.doorbell import DISPATCH_WANTED
from probes import names

DATABASE_PAUSE_S = 1.0
DATABASE_PATIENCE_S = 4.0
"""How long a report waits in the worker's hand for a database that is away; a worker is given 5 s to stop."""


@shared_task(name="checks.dispatch", ignore_result=True)
def dispatch() -> None:
    dispatching.dispatch()


@shared_task(name=DISPATCH_WANTED, ignore_result=True)
def dispatch_wanted() -> None:
    dispatching.dispatch_wanted()


@shared_task(name="checks.sweep", ignore_result=True)
def sweep() -> None:
    ledger.sweep()


@shared_task(name="checks.refresh_stats", ignore_result=True)
def refresh_stats() -> None:
    stats.refresh(now=database_now())


@shared_task(name="checks.housekeeping", ignore_result=True, soft_time_limit=7_200, time_limit=7_260)
def housekeeping() -> None:
    now = database_now()
    storage.make_ahead(now=now)
    storage.drop_old(now=now, retention_days=settings.RETENTION_DAYS)
    ledger.forget_old(now=now)
    ingesting.forget_workers(now=now)


@shared_task(name=names.INGEST, ignore_result=True, acks_late=True)
def ingest(report: dict[str, Any]) -> None:
    """Results are the one thing that may not be dropped: without the database they go back to the queue."""
    try:
        with bound_contextvars(batch=report.get("batch") if isinstance(report, dict) else None):
            breaker.run(partial(ingesting.ingest, report), patience_s=DATABASE_PATIENCE_S)
    except breaker.Open as error:
        raise Reject(error, requeue=True) from error
    except (OperationalError, InterfaceError) as error:
        time.sleep(DATABASE_PAUSE_S)
        raise Reject(error, requeue=True) from error


@shared_task(name=names.LIFE_SIGN, ignore_result=True)
def life_sign(sign: dict[str, Any]) -> None:
    """One that cannot be noted is dropped: the next one comes within seconds."""
    with suppress(breaker.Open):
        breaker.run(partial(ingesting.life_sign, sign), patience_s=0)
