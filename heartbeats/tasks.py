"""The doorbells of heartbeats."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from common.clock import database_now
from heartbeats import services


@shared_task(name="heartbeats.turn", ignore_result=True)
def turn() -> None:
    services.turn()


@shared_task(name="heartbeats.housekeeping", ignore_result=True)
def housekeeping() -> None:
    services.forget_old(now=database_now(), retention_days=settings.RETENTION_DAYS)
