"""Doorbells, all on the queue ``alerts``. A ring that is lost costs a second: the next tick does its work as well."""

from __future__ import annotations

import logging

from celery import current_app, shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from alerts.services import planning, sending, upkeep
from probes.names import ALERTS_QUEUE

logger = logging.getLogger(__name__)

MOST_SENDERS = 12
"""Of the worker's 16 threads; the others are for the ticks."""

SEND_FOR_S = 20.0


@shared_task(name="alerts.tick", ignore_result=True)
def tick() -> None:
    """Plan what happened, look after what is held or lost, and ring for senders when something is due."""
    now = timezone.now()
    while planning.plan(now=now) == planning.EVENTS_AT_ONCE:
        pass
    upkeep.sweep(now=now)
    for _ in range(sending.senders_wanted(now=now, most=MOST_SENDERS)):
        _ring()


def _ring() -> None:
    try:
        current_app.send_task("alerts.send", queue=ALERTS_QUEUE, expires=5, retry=False)
    except OperationalError:
        logger.warning("The broker is away; messages wait for the next tick")


@shared_task(name="alerts.send", ignore_result=True)
def send() -> None:
    sending.send_due(seconds=SEND_FOR_S)


@shared_task(name="alerts.housekeeping", ignore_result=True)
def housekeeping() -> None:
    upkeep.forget_old(now=timezone.now())
