"""The few things we ask of the broker."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from probes import names

logger = logging.getLogger(__name__)


def send_batch(batch: dict[str, Any], *, region: str, now_lane: bool, expires: datetime) -> bool:
    """Put a batch on its region's queue. False when the broker is away: the sweep will send it again."""
    queue = names.region_queue(region, now=now_lane)
    try:
        current_app.send_task(names.RUN_BATCH, args=[batch], queue=queue, expires=expires, retry=False)
    except OperationalError as error:
        logger.warning("The broker is away: %s", error)
        return False
    return True


def queue_lengths(queues: list[str]) -> dict[str, int | None]:
    """Messages waiting in each queue; None for all when the broker does not answer."""
    try:
        with current_app.connection_for_read(connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
            channel: Any = connection.default_channel
            return {queue: channel.queue_declare(queue=queue).message_count for queue in queues}
    except (OperationalError, OSError):
        return dict.fromkeys(queues)
