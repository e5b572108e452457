"""The doorbell of the dead man's switch."""

from __future__ import annotations

from celery import shared_task

from operations import services


@shared_task(name="operations.dead_mans_switch", ignore_result=True)
def dead_mans_switch() -> None:
    services.say_all_is_well()
