"""Handing out what is due, by arithmetic: no row is written per monitor, and doing it twice changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from checks import selectors
from checks.ids import CheckId
from checks.models import CheckBatch, Watermark
from checks.services import ledger, store
from incidents import selectors as incident_selectors
from incidents.services import Question
from monitors import rules
from monitors.models import Monitor, Region
from monitors.rules import Status
from monitors.selectors import enabled_regions
from probes.contract import Outcome, Reason

CATCH_UP_S = 30
"""A slot is still worth a check this long after its second; older ones are written down as not made."""

CONFIRM_EVERY_S = 30
"""The same question is put to a region at most this often, so a flapping site is not hammered."""

WANTED_LIMIT = 1_000


def dispatch() -> None:
    """Hand out the due checks of every region."""
    regions = enabled_regions()
    # A region that is switched off owes nothing for that time when it is switched on again.
    Watermark.objects.exclude(region__in=regions).delete()
    for region in regions:
        dispatch_region(region, of=len(regions))


@transaction.atomic
def dispatch_region(region: Region, *, of: int) -> None:
    """Hand out the checks of one region between its watermark and now.

    1. Take the watermark; whoever else holds it is doing this very work.
    2. Slots too old to be worth a check become unknown rows.
    3. The rest become batches. Their ids come from the watermark, so a repetition is recognised.
    4. Move the watermark. After commit the batches are sent.
    """
    now = selectors.database_now()
    Watermark.objects.get_or_create(region=region, defaults={"at": now})
    mark = Watermark.objects.select_for_update(skip_locked=True).filter(region=region).first()
    after, until = int(mark.at.timestamp()) if mark else 0, int(now.timestamp())
    if mark is None or until <= after:
        return
    due: dict[int, list[CheckId]] = defaultdict(list)
    for interval in selectors.intervals_in_use():
        turn = rules.region_turn(interval, region.ordinal, of)
        worth_it = max(after, until - min(interval, CATCH_UP_S))
        record_gap(region, interval=interval, turn=turn, after=after, until=worth_it, now=now)
        for monitor in selectors.monitors_due(region, interval=interval, turn=turn, after=worth_it, until=until):
            slot = rules.latest_slot(phase=monitor.phase, turn=turn, interval=interval, until=until)
            due[monitor.timeout].append(CheckId(monitor.pk, slot, monitor.config_version))
    for timeout, checks in sorted(due.items()):
        ledger.open_batches(
            region=region.code,
            lane=CheckBatch.Lane.SLOTS,
            name=f"{after}-{until}/{timeout}s",
            checks=checks,
            timeout_s=timeout,
            now=now,
        )
    mark.at = datetime.fromtimestamp(until, UTC)
    mark.save(update_fields=["at"])


def record_gap(region: Region, *, interval: int, turn: int, after: int, until: int, now: datetime) -> None:
    """Write slots that nobody handed out in time down as unknown: one row for each hour they fall into."""
    missed: list[store.NewResult] = []
    for monitor in selectors.monitors_due(region, interval=interval, turn=turn, after=after, until=until):
        watched_since = max(after, int(_watched_since(monitor).timestamp()))
        slots = rules.slots_between(phase=monitor.phase, turn=turn, interval=interval, after=watched_since, until=until)
        missed += _missed(monitor, region, slots, now=now)
    if missed:
        store.record(missed, monitors=store.lock_monitors({item.monitor for item in missed}), now=now)


def _watched_since(monitor: Monitor) -> datetime:
    """When the watch began: at creation, or at the resume whose first result is still to come."""
    return monitor.status_since if monitor.status == Status.PENDING else monitor.created_at


def _missed(monitor: Monitor, region: Region, slots: Sequence[int], *, now: datetime) -> Iterable[store.NewResult]:
    last_in_hour = {slot // 3600: slot for slot in slots}
    for hour, count in Counter(slot // 3600 for slot in slots).items():
        yield store.NewResult(
            monitor=monitor.pk,
            region=region.code,
            slot=datetime.fromtimestamp(last_in_hour[hour], UTC),
            checked_at=now,
            outcome=Outcome.UNKNOWN,
            reason=Reason.SCHEDULER_GAP,
            message=f"{count} check{'s' if count > 1 else ''} not made: the scheduler was not running",
            slots=count,
            attempts=0,
        )


@transaction.atomic
def dispatch_wanted() -> int:
    """Hand out the checks that somebody waits for, in every region of each monitor, at once."""
    now = selectors.database_now()
    monitors = list(Monitor.objects.active().wanted().order_by("pk").select_for_update(skip_locked=True)[:WANTED_LIMIT])
    states = incident_selectors.states_of(monitors)
    wanted: dict[str, list[CheckId]] = defaultdict(list)
    for monitor in monitors:
        for region in monitor.regions:
            state = states[monitor.pk].get(region)
            last = max((slot for slot in (state.slot, state.silent_slot) if slot), default=None) if state else None
            wanted[region].append(_check_now(monitor, after=last, now=now))
    Monitor.objects.filter(pk__in=[monitor.pk for monitor in monitors]).update(wanted_at=None)
    _open_now_lane("wanted", wanted, {monitor.pk: monitor for monitor in monitors}, now=now)
    return len(monitors)


@transaction.atomic
def ask_at_once(questions: Sequence[Question], *, now: datetime) -> None:
    """Send the confirmations that deciding asks for. The same question twice within its window is one."""
    monitors = Monitor.objects.active().in_bulk({question.monitor_id for question in questions})
    enabled = {region.code for region in enabled_regions()}
    for question in questions:
        monitor = monitors.get(question.monitor_id)
        if monitor is None or question.region not in enabled:
            continue
        check = _check_now(monitor, after=question.slot, now=now)
        window = check.slot // CONFIRM_EVERY_S
        ledger.open_batches(
            region=question.region,
            lane=CheckBatch.Lane.NOW,
            name=f"{question.why}/{monitor.pk}/{monitor.config_version}/{window}",
            checks=[check],
            timeout_s=monitor.timeout,
            now=now,
        )


def _check_now(monitor: Monitor, *, after: datetime | None, now: datetime) -> CheckId:
    """A check outside the timetable. Its slot is this second, or the next free one: a slot holds one result."""
    slot = int(now.timestamp())
    if after is not None:
        slot = max(slot, int(after.timestamp()) + 1)
    return CheckId(monitor.pk, slot, monitor.config_version)


def _open_now_lane(
    name: str, checks: dict[str, list[CheckId]], monitors: dict[UUID, Monitor], *, now: datetime
) -> None:
    enabled = {region.code for region in enabled_regions()}
    for region in sorted(enabled & checks.keys()):
        ledger.open_batches(
            region=region,
            lane=CheckBatch.Lane.NOW,
            name=f"{name}/{now.timestamp():.6f}/{checks[region][0].monitor}",
            checks=checks[region],
            timeout_s=max(monitors[check.monitor].timeout for check in checks[region]),
            now=now,
        )
