"""Rings for the scheduler when somebody waits for a check; the wish itself is a row (``Monitor.wanted_at``)."""

from __future__ import annotations

from common import doorbell
from probes.names import CENTRAL_QUEUE

DISPATCH_WANTED = "checks.dispatch_wanted"


def ring() -> None:
    """After commit, ask the scheduler to look at the monitors that are waited for."""
    doorbell.ring(DISPATCH_WANTED, queue=CENTRAL_QUEUE)
