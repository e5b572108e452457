"""Tells a monitor's past in strips: ``tell(monitor, usa="...xx", india="....x")``, one check a minute, newest last."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from checks.models import RegionWorker, Watermark
from checks.services import stats, store
from monitors.models import Monitor
from probes.contract import Outcome, Reason, Timings

SIGNS: dict[str, dict[str, Any]] = {
    ".": {"outcome": Outcome.UP, "http_status": 200},
    "~": {"outcome": Outcome.DEGRADED, "reason": Reason.SLOW_RESPONSE, "http_status": 200},
    "x": {"outcome": Outcome.DOWN, "reason": Reason.CONNECT_REFUSED, "message": "connection refused"},
    "!": {
        "outcome": Outcome.DOWN,
        "reason": Reason.UNEXPECTED_STATUS,
        "http_status": 503,
        "message": "Expected a status in 200-399, got 503",
    },
    "?": {"outcome": Outcome.UNKNOWN, "reason": Reason.LATE, "attempts": 0},
}
TIMINGS = Timings(dns=2.0, connect=10.0, tls=None, first_byte=30.0, download=8.0, total=50.0)


@transaction.atomic
def tell(monitor: Monitor, *, message: str | None = None, **strips: str) -> Monitor:
    now = timezone.now().replace(microsecond=0)
    results = [
        _result(monitor, region, sign, now - timedelta(minutes=age), message)
        for region, strip in strips.items()
        for age, sign in enumerate(reversed(strip))
        if sign != " "
    ]
    store.record(results, monitors=store.lock_monitors([monitor.pk]), now=now)
    stats.compute([monitor.pk], now=now)
    monitor.refresh_from_db()
    return monitor


def _result(monitor: Monitor, region: str, sign: str, slot: Any, message: str | None) -> store.NewResult:
    seen = {"message": "", **SIGNS[sign]}
    if message is not None and seen["outcome"] is not Outcome.UP:
        seen["message"] = message
    timings = TIMINGS if seen["outcome"] in (Outcome.UP, Outcome.DEGRADED) else Timings()
    return store.NewResult(monitor=monitor.pk, region=region, slot=slot, checked_at=slot, timings=timings, **seen)


def all_is_well(*regions: str, heard: timedelta = timedelta(), handed_out: timedelta = timedelta()) -> None:
    """Each region was heard of, and its checks handed out, so long ago."""
    now = timezone.now()
    for region in regions:
        RegionWorker.objects.update_or_create(region=region, worker=f"{region}-1", defaults={"last_seen": now - heard})
        Watermark.objects.update_or_create(region_id=region, defaults={"at": now - handed_out})
