"""A sender that is killed at a named moment: ``python -m tests.alerts.dying MOMENT``.

It does what the worker does, in a process of its own, on the database that ``DATABASE_URL`` names. The product knows
nothing of this: the moments are made here, by putting a ``kill -9`` before or after one of its functions.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

MOMENTS = {
    "before planning is committed": ("alerts.services.planning", "_write", "after"),
    "after planning": ("alerts.services.planning", "plan", "after"),
    "before claiming is committed": ("alerts.services.sending", "_take", "after"),
    "after claiming": ("alerts.services.sending", "claim", "after"),
    "before handing over": ("alerts.transport", "hand_over", "before"),
    "after handing over": ("alerts.transport", "hand_over", "after"),
    "before writing down is committed": ("alerts.services.sending", "_note_health", "after"),
    "after writing down": ("alerts.services.sending", "record", "after"),
}
ARRIVES_TWICE = {"after handing over", "before writing down is committed"}
"""Accepted, and the word of it was lost: nobody can know, so it is sent again with the same key."""


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def put_death(module: Any, name: str, when: str) -> None:
    really: Callable[..., Any] = getattr(module, name)

    def deadly(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            die()
        result = really(*arguments, **options)
        if result is not None or name != "claim":
            die()
        return result

    setattr(module, name, deadly)


def main(moment: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
    django.setup()
    from importlib import import_module

    from django.utils import timezone

    from alerts.services import planning, sending, upkeep

    module, name, when = MOMENTS[moment]
    put_death(import_module(module), name, when)
    planning.plan(now=timezone.now())
    upkeep.sweep(now=timezone.now())
    sending.send_due(seconds=20)


if __name__ == "__main__":
    main(sys.argv[1])
