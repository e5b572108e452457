"""A clock and life signs in the hands of the test."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.models import RegionWorker, Watermark
from checks.services import dispatch
from monitors.models import Region


def live(*regions: str, at: datetime) -> None:
    """A worker of each of these regions gives a sign of life."""
    for region in regions:
        RegionWorker.objects.update_or_create(region=region, worker="w1", defaults={"last_seen": at})


def run(*, since: datetime, seconds: int, living: str = "", every: int = 5) -> datetime:
    """Tick for so long, while the regions named are heard of; says what time it is then."""
    for passed in range(every, seconds + 1, every):
        now = since + timedelta(seconds=passed)
        live(*living.split(), at=now)
        dispatch.dispatch(now=now)
    return since + timedelta(seconds=seconds)


def handed_out_to(now: datetime) -> datetime:
    """Where the watermark stands after a tick."""
    return now + timedelta(seconds=dispatch.AHEAD_S)


def begin(at: datetime, *, living: str) -> None:
    """As if the scheduler and these regions had been running for long."""
    Region.objects.update(watched_since=at - timedelta(hours=1))
    Watermark.objects.bulk_create(
        [Watermark(region=region, at=handed_out_to(at)) for region in Region.objects.all()],
        update_conflicts=True,
        unique_fields=["region"],
        update_fields=["at"],
    )
    live(*living.split(), at=at)
