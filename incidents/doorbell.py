"""Rings for those who tell people, when something has happened that may not wait; what happened is a row."""

from __future__ import annotations

from common import doorbell
from probes.names import ALERTS_QUEUE

TELL = "alerts.tick"


def ring() -> None:
    """After commit, ask for a look at what is to be told."""
    doorbell.ring(TELL, queue=ALERTS_QUEUE)
