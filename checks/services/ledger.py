"""The ledger of batches: opening them, sending them, and asking again when results do not come back."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts import audit
from checks import broker, pressure
from checks.ids import CheckId
from checks.models import CheckBatch
from checks.pressure import PATIENCE_S
from checks.selectors.scheduling import missing_checks, overdue_batches, region_loads
from checks.services import store
from common.clock import database_now
from common.portions import portions
from monitors.models import Monitor
from monitors.selectors import enabled_regions
from monitors.services import request_checks_of, slow_down
from probes.contract import Batch, CheckRequest, Outcome, Reason
from probes.sentences import say

BATCH_SIZE = 250
SPLIT_AFTER = 3
"""A batch that did not come home so many times is sent on in parts: one of its checks may be poison."""

MAX_ATTEMPTS = 5
TURN = timedelta(seconds=3)
"""How far apart parts are sent."""

SENDING_TAKES = timedelta(seconds=3)
SWEEP_LIMIT = 200
DEAD_KEPT = timedelta(days=7)
POISON_AFTER = 3
"""This many dead letters of one monitor within an hour are its own fault."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lot:
    """Checks that become due together in one region. The same name twice is the same lot."""

    region: str
    lane: CheckBatch.Lane
    name: str
    checks: Sequence[CheckRequest]
    timeout_s: int


def open_batches(lots: Iterable[Lot], *, now: datetime) -> None:
    """Write down checks that are due and, after commit, send them."""
    opened = [pair for lot in lots for pair in _batches_of(lot, now=now)]
    if not opened:
        return
    CheckBatch.objects.bulk_create([batch for batch, _ in opened], ignore_conflicts=True)
    transaction.on_commit(lambda: send(opened, now=now), robust=True)


def _batches_of(lot: Lot, *, now: datetime) -> Iterable[tuple[CheckBatch, list[CheckRequest]]]:
    patience_s = PATIENCE_S + lot.timeout_s
    for number, chunk in enumerate(portions(lot.checks, BATCH_SIZE)):
        yield (
            CheckBatch(
                id=f"{lot.region}/{lot.name}/{number}",
                region=lot.region,
                lane=lot.lane,
                check_ids=[check.id for check in chunk],
                patience_s=patience_s,
                created_at=now,
                expires_at=now + timedelta(seconds=(MAX_ATTEMPTS + 1) * patience_s),
            ),
            chunk,
        )


def send(opened: Sequence[tuple[CheckBatch, Sequence[CheckRequest]]], *, now: datetime) -> None:
    """Publish open batches that nobody has sent yet; what the broker refuses stays for the sweep."""
    unsent = CheckBatch.objects.filter(
        pk__in=[batch.pk for batch, _ in opened], state=CheckBatch.State.OPEN, sent_at__isnull=True
    )
    ours = set(unsent.values_list("pk", flat=True))
    messages = [_message(batch, checks, now=now) for batch, checks in opened if batch.pk in ours]
    if messages and broker.send_batches(messages):
        CheckBatch.objects.filter(pk__in=ours).update(sent_at=now)


def _message(batch: CheckBatch, checks: Sequence[CheckRequest], *, now: datetime) -> broker.Message:
    expires = now + timedelta(seconds=batch.patience_s)
    return broker.Message(
        batch=Batch(batch.id, batch.region, list(checks), batch.attempt, expires.timestamp()).to_wire(),
        region=batch.region,
        now_lane=batch.lane == CheckBatch.Lane.NOW,
        expires=expires,
    )


def requests_for(checks: Sequence[CheckId]) -> list[CheckRequest]:
    """What the region is told. Checks of monitors that have changed or gone meanwhile are left out."""
    monitors = Monitor.objects.active().in_bulk({check.monitor for check in checks})
    return [
        request_for(monitor, check)
        for check in checks
        if (monitor := monitors.get(check.monitor)) and monitor.config_version == check.version
    ]


def request_for(monitor: Monitor, check: CheckId) -> CheckRequest:
    return CheckRequest(
        id=str(check),
        kind=monitor.kind,
        spec=monitor.full_spec,
        timeout_ms=monitor.timeout * 1000,
        retries=monitor.rules.retries,
    )


@transaction.atomic
def sweep(*, now: datetime | None = None) -> int:
    """Settle the batches that are overdue: done after all, worth asking again, or given up as unknown.

    A region that is gone is not asked again, and one with a long queue later: the message is not lost, it waits.
    """
    now = now or database_now()
    unsent_since = now - SENDING_TAKES
    overdue = overdue_batches(now=now, unsent_since=unsent_since, extra_s=_extra_patience_s(now=now))
    batches = list(overdue[:SWEEP_LIMIT])
    again = [pair for batch in batches for pair in _settle(batch, now=now)]
    CheckBatch.objects.bulk_update(batches, ["state", "attempt", "sent_at"])
    if again:
        transaction.on_commit(lambda: _send_again(again, now=now), robust=True)
    return len(batches)


def _extra_patience_s(*, now: datetime) -> dict[str, float]:
    regions = enabled_regions()
    loads = region_loads([region.code for region in regions], now=now)
    return {
        region.code: math.inf if region.offline_since else pressure.extra_patience_s(loads[region.code])
        for region in regions
    }


Again = tuple[CheckBatch, Sequence[CheckId]]


def _settle(batch: CheckBatch, *, now: datetime) -> list[Again]:
    """What became of an overdue batch, and what is to be sent in its place."""
    missing = missing_checks(batch)
    if not missing:
        batch.state = CheckBatch.State.DONE
        return []
    if batch.sent_at is None and now < batch.expires_at:
        batch.sent_at = now  # ours to wait for from now on, also if the publishing fails
        return [(batch, missing)]
    if batch.attempt >= MAX_ATTEMPTS or now >= batch.expires_at:
        batch.state = CheckBatch.State.DEAD
        _give_up(batch, missing, now=now)
        return []
    if batch.attempt >= SPLIT_AFTER and len(missing) > 1:
        batch.state = CheckBatch.State.SPLIT
        _open_parts(batch, missing, now=now)
        return []
    batch.attempt += 1
    batch.sent_at = now
    return [(batch, missing)]


def _open_parts(parent: CheckBatch, missing: Sequence[CheckId], *, now: datetime) -> None:
    """Several batches in the place of one, whose story ends here: should it report after all, its results count once.

    There are two tries left to find a check that kills its worker: 250 checks go on as 16 parts, and the part that
    does not come home as 16 single checks. Each has its turn, since a worker that dies takes with it all that it has in
    hand: nothing is sent now, the sweep sends each part when it is due. So the poison is lost, and seldom a neighbour.
    """
    last_try = parent.attempt + 1 >= MAX_ATTEMPTS
    size = 1 if last_try else math.ceil(math.sqrt(len(missing)))
    parts = []
    for number, checks in enumerate(portions(missing, size)):
        turn = now + number * TURN
        parts.append(
            CheckBatch(
                id=f"{parent.id}:{number}",
                region=parent.region,
                lane=parent.lane,
                check_ids=[str(check) for check in checks],
                attempt=parent.attempt + 1,
                patience_s=parent.patience_s,
                created_at=turn,
                expires_at=turn + timedelta(seconds=(MAX_ATTEMPTS + 1) * parent.patience_s),
            )
        )
    CheckBatch.objects.bulk_create(parts, ignore_conflicts=True)
    logger.warning("Batch %s did not come home %d times; it goes on in %d", parent.id, parent.attempt, len(parts))


def _send_again(again: Sequence[Again], *, now: datetime) -> None:
    messages = [_message(batch, requests_for(checks), now=now) for batch, checks in again]
    broker.send_batches(messages)


def _give_up(batch: CheckBatch, missing: Sequence[CheckId], *, now: datetime) -> None:
    reason = Reason.DEAD_LETTER if batch.attempt >= MAX_ATTEMPTS else Reason.LATE
    logger.warning("Gave up on %d checks of batch %s (%s)", len(missing), batch.id, reason)
    waited_s = max(0, int((now - batch.created_at).total_seconds()))
    message = say("no worker of region {region} reported in {waited_s} s", region=batch.region, waited_s=waited_s)
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
    if reason is Reason.DEAD_LETTER and len(missing) == 1:
        _keep_poison_away(missing[0].monitor, now=now)


def _keep_poison_away(monitor: UUID, *, now: datetime) -> None:
    """A check that was lost by itself again and again is tried as seldom as can be, or its region would do nothing else
    than die of it. As with one that is down for long, any success ends that, and so does a person."""
    alone = CheckBatch.objects.filter(
        state=CheckBatch.State.DEAD,
        created_at__gt=now - timedelta(hours=1),
        check_ids__len=1,
        check_ids__0__startswith=f"{monitor}/",
    )
    if alone.count() + 1 >= POISON_AFTER:
        logger.warning("Monitor %s was lost by itself %d times in an hour: checked seldom", monitor, POISON_AFTER)
        slow_down(monitor)


@transaction.atomic
def redrive(batches: Iterable[CheckBatch]) -> int:
    """Check the monitors of dead batches again, now. Their old slots stay unknown: that time has passed."""
    monitors: set[UUID] = set()
    for batch in batches:
        concerned = {CheckId.parse(item).monitor for item in batch.check_ids}
        audit.operated(batch, "checked again", monitors=len(concerned))
        monitors |= concerned
    return request_checks_of(monitors)


def forget_old(*, now: datetime, keep: timedelta = timedelta(hours=1)) -> int:
    """Closed batches have told their story in the results; keep an hour of them, and dead ones for longer.

    60,000 checks a minute are some 300 MB of batches an hour.
    """
    closed = CheckBatch.objects.exclude(state=CheckBatch.State.OPEN)
    old = Q(created_at__lt=now - keep) & ~Q(state=CheckBatch.State.DEAD)
    deleted, _ = closed.filter(old | Q(created_at__lt=now - DEAD_KEPT)).delete()
    return deleted
