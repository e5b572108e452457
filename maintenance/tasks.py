"""The doorbell of planned work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from maintenance import services


@shared_task(name="maintenance.turn", ignore_result=True)
def turn() -> None:
    now = timezone.now()
    services.advance(now=now)
    services.turn(now=now)
