"""When this process last did what it is there for, for the container's health check (``scripts/talks_to_broker.py``).

A process may talk to its broker and be stuck all the same. So whoever finishes a piece of work touches a file, and its
age is looked at. Without ``WORK_FILE`` nothing is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic

EVERY_SECONDS = 1.0

_noted_at = float("-inf")


def note() -> None:
    """Some work is done. Never raises: a full disk must not stop a check."""
    global _noted_at
    if monotonic() - _noted_at < EVERY_SECONDS or not (path := os.environ.get("WORK_FILE")):
        return
    _noted_at = monotonic()
    try:
        Path(path).touch()
    except OSError:
        return
