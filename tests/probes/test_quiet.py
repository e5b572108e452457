"""What workers leave unsaid, and what is done all the same."""

from __future__ import annotations

import logging
import os

import pytest
from kombu import Connection, Queue

import probes.quiet  # noqa: F401  # its filters are what is tested


def test_what_comes_too_late_goes_back_and_nobody_is_warned(caplog: pytest.LogCaptureFixture) -> None:
    waits = {"polling_interval": 60}  # seconds for which the broker is asked; one is too short on a busy machine
    with (
        Connection(os.environ["REDIS_URL"], transport_options=waits) as worker,
        Connection(os.environ["REDIS_URL"]) as others,
    ):
        consumer = worker.Consumer([Queue("too-late", routing_key="too-late")], callbacks=[])
        consumer.consume()
        with pytest.raises(TimeoutError):
            worker.drain_events(timeout=0.1)
        consumer.cancel()  # but the broker has been asked already
        queue = others.SimpleQueue("too-late")
        queue.put("work")
        with caplog.at_level(logging.INFO, "kombu"):
            worker.drain_events(timeout=5)
        message = queue.get(timeout=5)
        message.ack()
    assert [(line.levelname, line.message[:8]) for line in caplog.records] == [("INFO", "Put back")]
    assert message.payload == "work"
