"""Rings for the scheduler when somebody waits for a check.

The wish itself is a row (``Monitor.wanted_at``), which the scheduler's next tick would find by itself; the ring only
saves up to a second. So a broker that is away costs nothing but that second.
"""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from probes.names import CENTRAL_QUEUE

DISPATCH_WANTED = "checks.dispatch_wanted"

logger = logging.getLogger(__name__)


def ring() -> None:
    """After commit, ask the scheduler to look at the monitors that are waited for."""
    transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    try:
        current_app.send_task(DISPATCH_WANTED, queue=CENTRAL_QUEUE, expires=5, retry=False)
    except OperationalError:
        logger.warning("The broker is away; the first check waits for the scheduler's next tick")
