"""No doorbell of its own: after whatever task was done, what was counted meanwhile is written down."""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun

from meters import services


@task_postrun.connect
def write_counts_down(**_: Any) -> None:
    services.flush_if_due()
