"""Rings for a task when there is something to do for it.

The wish itself is a row, which the task's next tick would find by itself; the ring only saves the time until then. So
a broker that is away costs nothing but that.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def ring(task: str, *, queue: str) -> None:
    """After commit, have a task look at what waits for it."""
    transaction.on_commit(partial(_ring, task, queue), robust=True)


def _ring(task: str, queue: str) -> None:
    try:
        current_app.send_task(task, queue=queue, expires=5, retry=False)
    except OperationalError:
        logger.warning("The broker is away; %s waits for its next tick", task)
