"""Doorbells, on the queue of the alerts: their worker carries messages, and nothing else."""

from __future__ import annotations

import logging

from celery import current_app, shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from probes.names import ALERTS_QUEUE
from statuspages.services import sending, subscribers

logger = logging.getLogger(__name__)

MOST_SENDERS = 3
"""Of the worker's 16 threads, beside those of the alerts."""
SEND_FOR_S = 20.0


@shared_task(name="statuspages.tick", ignore_result=True)
def tick() -> None:
    """Look after lost senders, and ring for others when something is due."""
    now = timezone.now()
    sending.sweep(now=now)
    for _ in range(sending.senders_wanted(now=now, most=MOST_SENDERS)):
        try:
            current_app.send_task("statuspages.send", queue=ALERTS_QUEUE, expires=5, retry=False)
        except OperationalError:
            logger.warning("The broker is away; notices wait for the next tick")


@shared_task(name="statuspages.send", ignore_result=True)
def send() -> None:
    sending.send_due(seconds=SEND_FOR_S)


@shared_task(name="statuspages.housekeeping", ignore_result=True)
def housekeeping() -> None:
    subscribers.forget_old(now=timezone.now())
