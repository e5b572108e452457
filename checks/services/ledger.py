"""The ledger of batches: opening them, sending them, and asking again when results do not come back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction

from checks import broker, selectors
from checks.ids import CheckId
from checks.models import CheckBatch
from checks.services import store
from monitors.models import Monitor
from probes.contract import Batch, CheckRequest, Outcome, Reason

BATCH_SIZE = 250
MAX_ATTEMPTS = 5
PATIENCE_S = 15
"""How long a batch may take beyond its slowest check before we ask again."""

SENDING_TAKES = timedelta(seconds=3)
SWEEP_LIMIT = 200

logger = logging.getLogger(__name__)


def open_batches(
    *, region: str, lane: CheckBatch.Lane, name: str, checks: Sequence[CheckId], timeout_s: int, now: datetime
) -> None:
    """Write down checks that are due and, after commit, send them. The same name twice is the same batch."""
    patience_s = PATIENCE_S + timeout_s
    opened = [
        CheckBatch(
            id=f"{region}/{name}/{number}",
            region=region,
            lane=lane,
            check_ids=[str(check) for check in chunk],
            patience_s=patience_s,
            created_at=now,
            expires_at=now + timedelta(seconds=3 * patience_s),
        )
        for number, chunk in enumerate(_chunks(checks))
    ]
    CheckBatch.objects.bulk_create(opened, ignore_conflicts=True)
    transaction.on_commit(lambda: send([batch.id for batch in opened]), robust=True)


def _chunks(checks: Sequence[CheckId]) -> Iterable[list[CheckId]]:
    rest = iter(checks)
    while chunk := list(islice(rest, BATCH_SIZE)):
        yield chunk


def send(batch_ids: Sequence[str], *, now: datetime | None = None) -> None:
    """Publish open batches that have not been sent; what the broker refuses stays for the sweep."""
    now = now or selectors.database_now()
    for batch in CheckBatch.objects.filter(pk__in=batch_ids, state=CheckBatch.State.OPEN, sent_at__isnull=True):
        _publish(batch, [CheckId.parse(item) for item in batch.check_ids], now=now)


def _publish(batch: CheckBatch, checks: Sequence[CheckId], *, now: datetime) -> None:
    message = Batch(batch.id, batch.region, requests_for(checks), batch.attempt).to_wire()
    now_lane = batch.lane == CheckBatch.Lane.NOW
    expires = now + timedelta(seconds=batch.patience_s)
    if broker.send_batch(message, region=batch.region, now_lane=now_lane, expires=expires):
        batch.sent_at = now
        batch.save(update_fields=["sent_at", "attempt"])


def requests_for(checks: Sequence[CheckId]) -> list[CheckRequest]:
    """What the region is told. Checks of monitors that have changed or gone meanwhile are left out."""
    monitors = Monitor.objects.active().in_bulk({check.monitor for check in checks})
    return [
        CheckRequest(
            id=str(check),
            kind=monitor.kind,
            spec=monitor.full_spec,
            timeout_ms=monitor.timeout * 1000,
            retries=monitor.rules.retries,
        )
        for check in checks
        if (monitor := monitors.get(check.monitor)) and monitor.config_version == check.version
    ]


@transaction.atomic
def sweep() -> int:
    """Settle the batches that are overdue: done after all, worth asking again, or given up as unknown."""
    now = selectors.database_now()
    overdue = selectors.overdue_batches(now=now, unsent_since=now - SENDING_TAKES)[:SWEEP_LIMIT]
    for batch in overdue:
        _settle(batch, now=now)
    return len(overdue)


def _settle(batch: CheckBatch, *, now: datetime) -> None:
    missing = selectors.missing_checks(batch)
    if not missing:
        batch.state = CheckBatch.State.DONE
    elif now >= batch.expires_at or batch.attempt >= MAX_ATTEMPTS:
        batch.state = CheckBatch.State.DEAD
        _give_up(batch, missing, now=now)
    else:
        batch.attempt += 1 if batch.sent_at else 0
        transaction.on_commit(lambda: _publish(batch, missing, now=now), robust=True)
        batch.sent_at = now  # ours to wait for from now on, also if the publishing fails
    batch.save(update_fields=["state", "attempt", "sent_at"])


def _give_up(batch: CheckBatch, missing: Sequence[CheckId], *, now: datetime) -> None:
    reason = Reason.DEAD_LETTER if batch.attempt >= MAX_ATTEMPTS else Reason.LATE
    logger.warning("Gave up on %d checks of batch %s (%s)", len(missing), batch.id, reason)
    message = f"no worker of region {batch.region} reported in {(now - batch.created_at).seconds} s"
    store.record(
        [
            store.NewResult(
                monitor=check.monitor,
                region=batch.region,
                slot=check.slot_at,
                checked_at=now,
                outcome=Outcome.UNKNOWN,
                reason=reason,
                message=message,
                attempts=0,
            )
            for check in missing
        ],
        monitors=store.lock_monitors({check.monitor for check in missing}),
        now=now,
    )


def forget_old(*, now: datetime, keep: timedelta = timedelta(hours=6)) -> int:
    """Closed batches have told their story in the results; keep a few hours of them for the operator."""
    deleted, _ = CheckBatch.objects.exclude(state=CheckBatch.State.OPEN).filter(created_at__lt=now - keep).delete()
    return deleted
