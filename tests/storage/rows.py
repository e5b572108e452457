"""Rows for tests, written by the road that real ones take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from checks.services import store
from monitors.models import Monitor
from probes.contract import Outcome, Reason, Timings


def result(
    monitor: Monitor,
    slot: datetime,
    total_ms: float | None = 24.0,
    outcome: Outcome = Outcome.UP,
    region: str = "usa",
    slots: int = 1,
) -> store.NewResult:
    failed = outcome is Outcome.DOWN
    return store.NewResult(
        monitor=monitor.pk,
        region=region,
        slot=slot,
        checked_at=slot,
        outcome=outcome,
        slots=slots,
        reason=Reason.CONNECT_REFUSED if failed else None,
        message='nobody listens,\n"really"' if failed else "",
        timings=Timings(total=total_ms),
        remote_ip="192.0.2.7",
        evidence={"seen": {"tried": [str(slot)]}} if failed else None,
    )


@transaction.atomic
def store_all(results: Iterable[store.NewResult], *, now: datetime) -> None:
    kept = list(results)
    store.record(kept, monitors=store.lock_monitors({item.monitor for item in kept}), now=now)
