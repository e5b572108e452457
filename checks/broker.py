"""The few things we ask of the broker."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from monitors.services import regionkeys
from probes import names

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A batch on its way to a region."""

    batch: dict[str, Any]
    region: str
    now_lane: bool
    expires: datetime


def send_batches(messages: Iterable[Message]) -> bool:
    """Put batches on their regions' queues, in one go. False when the broker is away: the sweep sends them again."""
    marked = _marked(list(messages))
    try:
        producers: Any = current_app.producer_pool
        with producers.acquire(block=True) as producer, producer.batch():
            for message in marked:
                current_app.send_task(
                    names.RUN_BATCH,
                    args=[message.batch],
                    argsrepr="",  # celery would write the batch out a second time, for a log that nobody keeps
                    queue=names.region_queue(message.region, now=message.now_lane),
                    expires=message.expires,
                    retry=False,
                    producer=producer,
                )
    except _errors() as error:
        logger.warning("The broker is away: %s", error)
        return False
    return True


def _marked(messages: Sequence[Message]) -> list[Message]:
    """The same with the marks of the regions' keys, by which their workers know that we have sent them."""
    sealed = regionkeys.sealed_of({message.region for message in messages})
    now = timezone.now()
    return [
        replace(message, batch=message.batch | {"marks": marks})
        if (marks := regionkeys.marks(sealed.get(message.region, ""), message.batch, now=now))
        else message
        for message in messages
    ]


def send_batch(batch: dict[str, Any], *, region: str, now_lane: bool, expires: datetime) -> bool:
    """Put one batch on its region's queue."""
    return send_batches([Message(batch, region, now_lane, expires)])


def queue_lengths(queues: Collection[str]) -> dict[str, int | None]:
    """Messages waiting in each queue; None for all when the broker does not answer."""
    try:
        pool: Any = current_app.pool
        with pool.acquire(block=True) as connection:
            channel = connection.default_channel
            return {queue: channel.queue_declare(queue=queue).message_count for queue in queues}
    except _errors():
        return dict.fromkeys(queues)


def purge(queues: Collection[str]) -> dict[str, int]:
    """Throw away what waits in each queue; says how many messages. What workers hold they keep. Raises ``OSError`` or
    kombu's ``OperationalError`` when the broker does not answer."""
    pool: Any = current_app.pool
    with pool.acquire(block=True) as connection:
        channel = connection.default_channel
        return {queue: channel.queue_purge(queue) or 0 for queue in queues}


def _errors() -> tuple[type[BaseException], ...]:
    """What a broker that is away may raise, by way of Celery or by its own driver."""
    connection = current_app.connection_for_write()
    return (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors)
