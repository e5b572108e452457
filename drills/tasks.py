"""The doorbell of drills."""

from __future__ import annotations

from celery import shared_task

from drills import services


@shared_task(name="drills.turn", ignore_result=True)
def turn() -> None:
    services.turn()
