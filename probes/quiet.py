"""What the workers of region and centre leave unsaid; loaded with ``worker_consumer``, so in workers alone."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer import Consumer


class QuietConsumer(Consumer):
    """Does not gossip, mingle or send heartbeats: our workers have nothing to say to each other."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        silent = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        options["worker_options"] = {**(options.get("worker_options") or {}), **silent}
        super().__init__(*arguments, **options)
        # At each lost connection, of a setting that we have set; any earlier, Celery's set-up of the log would undo it.
        warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


def _in_one_line(record: logging.LogRecord) -> bool:
    """No line of ours is at fault when a broker that is away cannot be told of a batch ("Couldn't ack")."""
    if str(record.msg).startswith("Couldn't "):
        record.exc_info = None
    return True


def _as_it_should_be(record: logging.LogRecord) -> bool:
    """A worker that stops puts back what still reached it ("Requeuing undeliverable"): nobody need be warned."""
    if str(record.msg).startswith("Requeuing "):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg = "Put back a message of queue %r, which came while this process stops"
    return True


logging.getLogger("celery.worker.request").addFilter(_in_one_line)
logging.getLogger("kombu.transport.virtual.base").addFilter(_as_it_should_be)
