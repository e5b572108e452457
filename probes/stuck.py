"""Notices that a worker has stopped asking for messages, and has it connect anew.

kombu (5.7, Redis and every other transport it emulates queues for) counts a message as held until the broker has been
told that it is done. When the broker goes away while a worker holds as many as it may, the worker is not listening, so
nothing tells it that its connection is gone; telling the broker fails, is logged and is forgotten. The messages count
as held for ever, and the worker, alive and idle, never asks for another one.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from celery.worker import state

log = logging.getLogger("probes.worker")

LOOK_EVERY_SECONDS = 3.0


class ConnectAnew(bootsteps.StartStopStep):
    """Breaks the connection when messages are held that no task of this worker knows any more.

    Connecting anew gives them back to their queues. They may be run twice then, which is harmless; a region with a key
    counts them as refused.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._timer: Any = None
        self._forgotten: set[str] = set()

    def start(self, consumer: Any) -> None:
        self._forgotten = set()
        self._timer = consumer.timer.call_repeatedly(LOOK_EVERY_SECONDS, self._look, (consumer,))

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, consumer: Any) -> None:
        """Raises ``ConnectionError``, which the worker takes for what it is, when the same is found twice running."""
        forgotten = _held(consumer) - {request.message.delivery_tag for request in tuple(state.reserved_requests)}
        if forgotten & self._forgotten:
            raise ConnectionError(f"{len(forgotten)} messages are done, and the broker was never told")
        self._forgotten = forgotten


def _held(consumer: Any) -> set[str]:
    """Delivery tags of the messages that count as held; none where the broker itself keeps count."""
    qos = getattr(consumer.task_consumer.channel, "qos", None)
    return set(getattr(qos, "_delivered", ())) - set(getattr(qos, "_dirty", ()))
