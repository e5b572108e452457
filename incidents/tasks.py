"""Doorbells for deciding when no result comes to do it."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from incidents import services
from incidents.handling import outages
from monitors.selectors import region_codes


@shared_task(name="incidents.notice_silence", ignore_result=True)
def notice_silence() -> None:
    now = timezone.now()
    regions = set(region_codes())
    services.watch_regions(regions=regions, now=now)
    services.notice_silence(regions=regions, now=now)
    services.close_paused(now=now)
    outages.calm_down(now=now)
