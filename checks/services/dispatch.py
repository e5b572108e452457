"""Handing out what is due, by arithmetic: no row is written per monitor, and doing it twice changes nothing."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import transaction

from checks import pressure
from checks.ids import CheckId
from checks.models import CheckBatch, Watermark
from checks.pressure import Load
from checks.selectors.scheduling import DueMonitor, intervals_in_use, monitors_due, region_loads
from checks.services import ledger, pace, store, watch
from checks.services.ledger import Lot
from common.clock import database_now
from common.portions import portions
from incidents import selectors as incident_selectors
from incidents.rules import latest_word
from incidents.services import Question
from monitors import rules
from monitors.models import Monitor, Region
from monitors.selectors import enabled_regions, working_regions
from monitors.services import rearrange
from probes.contract import CheckRequest, Outcome, Reason
from probes.sentences import say

AHEAD_S = 2
"""Checks are handed out so long before their second, and the worker starts each at its second: a tick that comes late,
or a queue that is read late, makes no check late."""

CATCH_UP_S = 30
"""A slot is still worth a check this long after its second; older ones are written down as not made."""

CLOCK_BACK_S = 600
"""A clock set back by less is waited for, since its slots have been handed out; set back by more, and we start over."""

GAP_SECONDS = 10
"""One tick spends so long on writing down what was missed; the next one goes on."""

ROWS_AT_ONCE = 2_000
JUDGED_AT_MOST = 500
"""So many checks that are left out in one tick get a verdict each. More are written down only, as gaps are: verdicts on
thousands would make a scheduler late that is late already, and silence is noticed by itself."""

CONFIRM_EVERY_S = 30
"""The same question is put to a region at most this often, so a flapping site is not hammered."""

WANTED_LIMIT = 1_000

Due = tuple[DueMonitor, int]
"""A monitor and its slot."""

logger = logging.getLogger(__name__)


def dispatch(*, now: datetime | None = None) -> None:
    """Hand out the due checks of every region."""
    regions = enabled_regions()
    # A region that is switched off owes nothing for that time when it is switched on again.
    Watermark.objects.exclude(region__in=regions).delete()
    began = now or database_now()
    if int(began.timestamp()) % pace.REVIEW_EVERY_S == 0:
        pace.review(now=began)
    loads = region_loads([region.code for region in regions], now=began)
    enough = monotonic() + GAP_SECONDS
    for place, region in enumerate(regions):
        while dispatch_region(region, place=place, of=len(regions), loads=loads, now=now) and monotonic() < enough:
            pass


@transaction.atomic
def dispatch_region(
    region: Region, *, place: int, of: int, loads: Mapping[str, Load], now: datetime | None = None
) -> bool:
    """Hand out the checks of one region from its watermark to two seconds ahead; True when this tick did not get there.

    1. Take the watermark; whoever else holds it is doing this very work.
    2. Note whether the region is still heard of; if that has changed, so does who stands in for whom.
    3. Slots that nobody will check become unknown rows, an hour's worth in one tick at most.
    4. The rest become batches, as far as the region keeps up.
    5. Move the watermark. After commit the batches are sent.
    """
    now = now or database_now()
    mark = _take_watermark(region, now=now)
    if mark is None:
        return False
    target = int(now.timestamp()) + AHEAD_S
    shift = Shift(mark.region, place=place, of=of, after=int(mark.at.timestamp()), until=target, now=now)
    if shift.until < shift.after - CLOCK_BACK_S:
        logger.warning("The clock went back by %d s; checks of %s begin anew", shift.after - shift.until, region)
    elif shift.until <= shift.after:
        return False
    else:
        turned = watch.look(
            mark.region, last_sign=loads[region.code].last_sign, ticked_s=shift.until - shift.after, now=now
        )
        if not mark.region.offline_since:
            shift.settle(until=shift.after)
        if turned:
            rearrange()
        shift.work(loads)
    mark.at = datetime.fromtimestamp(shift.until, UTC)
    mark.save(update_fields=["at"])
    return shift.until < target


def _take_watermark(region: Region, *, now: datetime) -> Watermark | None:
    marks = Watermark.objects.filter(region=region)
    if not marks.exists():
        Watermark.objects.bulk_create([Watermark(region=region, at=now)], ignore_conflicts=True)
    return marks.select_related("region").select_for_update(skip_locked=True, of=("self",)).first()


class Shift:
    """One region's slots in (after, until], in seconds since the epoch."""

    def __init__(self, region: Region, *, place: int, of: int, after: int, until: int, now: datetime) -> None:
        self.region, self.place, self.of = region, place, of
        self.after, self.until, self.now = after, until, now

    def work(self, loads: Mapping[str, Load]) -> None:
        if self.region.offline_since or self.region.draining:
            self.hand_over(loads)
        if self.region.offline_since:
            self.postpone()
            return
        if self.region.draining:
            return
        if (hour_ends := end_of_hour(self.after)) < self.until - CATCH_UP_S:
            self.until = hour_ends
            self.record_gap(after=self.after, until=self.until, why=say("the scheduler was not running"))
            return
        self.record_gap(after=self.after, until=self.until, why=say("the scheduler was not running"), catch_up=True)
        self.hand_out(loads[self.region.code])

    def postpone(self) -> None:
        """Nobody is there: remember since when, and write each hour down once it is full."""
        missed_since = self.region.missed_since
        if missed_since is None:
            self.region.missed_since = datetime.fromtimestamp(self.after, UTC)
            self.region.save(update_fields=["missed_since"])
        elif (hour_ends := end_of_hour(int(missed_since.timestamp()))) < self.until:
            self.settle(until=hour_ends)
            self.region.missed_since = datetime.fromtimestamp(hour_ends, UTC)
            self.region.save(update_fields=["missed_since"])

    def settle(self, *, until: int) -> None:
        """Write down what the region missed while nobody was there."""
        if self.region.missed_since is None:
            return
        why = say("no worker of region {code} was there", code=self.region.code)
        self.record_gap(after=int(self.region.missed_since.timestamp()), until=until, why=why)
        self.region.missed_since = None
        self.region.save(update_fields=["missed_since"])

    def record_gap(
        self, *, after: int, until: int, why: str, catch_up: bool = False, stood_in_for: bool = False
    ) -> None:
        """Write slots that were not handed out down as unknown: one row for each hour they fall into.

        ``catch_up``: except those that are still worth a check. ``stood_in_for``: those that others owe in its place.
        """
        spans = {
            interval: (after, worth_checking_after(after, until, interval) if catch_up else until)
            for interval in intervals_in_use()
        }
        missed = [
            (monitor, self._slots(monitor, *spans[monitor.interval]))
            for monitor in self._due(spans, stood_in_for=stood_in_for)
        ]
        interval_of = {monitor.pk: monitor.interval for monitor, _ in missed}
        rows = (row for monitor, slots in sorted(missed, key=_by_id) for row in self._gaps(monitor, slots, why))
        for some in portions(rows, ROWS_AT_ONCE):
            # Stored and summed up, and no more: a gap in the past changes no verdict on the present.
            there = store.lock_monitors({row.monitor for row in some})
            left = [row for row in some if row.monitor in there]
            while left:
                stored = {row.key for row in store.store_new(left)}
                # A check outside the timetable may have taken the last slot: then the gap ends one slot earlier.
                taken = [row for row in left if row.key not in stored and row.slots > 1]
                left = [_ended_earlier(row, interval_of[row.monitor], why) for row in taken]

    def _due(self, spans: Mapping[int, tuple[int, int]], *, stood_in_for: bool = False) -> list[DueMonitor]:
        """Monitors with a slot in the span (after, until] of their interval, by interval."""
        turns = {interval: rules.region_turn(interval, self.place, self.of) for interval in spans}
        return monitors_due(
            self.region,
            [
                (interval, low, high)
                for interval, (after, until) in spans.items()
                for low, high in rules.due_phases(turn=turns[interval], interval=interval, after=after, until=until)
            ],
            stood_in_for=stood_in_for,
        )

    def _slots(self, monitor: DueMonitor, after: int, until: int) -> Sequence[int]:
        return rules.slots_between(
            phase=monitor.phase,
            turn=rules.region_turn(monitor.interval, self.place, self.of),
            interval=monitor.interval,
            after=max(after, int(monitor.watched_since.timestamp())),
            until=until,
        )

    def _gaps(self, monitor: DueMonitor, slots: Sequence[int], why: str) -> Iterator[store.NewResult]:
        last_in_hour = {slot // 3600: slot for slot in slots}
        for hour, count in Counter(slot // 3600 for slot in slots).items():
            message = _not_made(count, why)
            yield self._unknown(monitor, last_in_hour[hour], Reason.SCHEDULER_GAP, message, slots=count)

    def hand_out(self, load: Load) -> None:
        """Open batches for what is due; what a region that is behind cannot take is left out, long intervals first."""
        self._hand_out(self._still_due(), self.region.code, load)

    def hand_over(self, loads: Mapping[str, Load]) -> None:
        """Let the regions that stand in for this one check what it cannot, at its turn."""
        why = say("the scheduler was not running")
        self.record_gap(after=self.after, until=self.until, why=why, catch_up=True, stood_in_for=True)
        by_region: dict[str, list[Due]] = defaultdict(list)
        for monitor, slot in self._still_due(stood_in_for=True):
            if monitor.stand_in is not None and monitor.stand_in in loads:
                by_region[monitor.stand_in].append((monitor, slot))
        for region, due in sorted(by_region.items()):
            self._hand_out(due, region, loads[region])

    def _still_due(self, *, stood_in_for: bool = False) -> list[Due]:
        """What is due and still worth a check, short intervals first."""
        spans = {
            interval: (worth_checking_after(self.after, self.until, interval), self.until)
            for interval in intervals_in_use()
        }
        return [(monitor, self._latest_slot(monitor)) for monitor in self._due(spans, stood_in_for=stood_in_for)]

    def _latest_slot(self, monitor: DueMonitor) -> int:
        turn = rules.region_turn(monitor.interval, self.place, self.of)
        return rules.latest_slot(phase=monitor.phase, turn=turn, interval=monitor.interval, until=self.until)

    def _hand_out(self, due: Sequence[Due], region: str, load: Load) -> None:
        allowed = pressure.allowance(load, window_s=self.until - self.after)
        self._open_batches(due[:allowed], region)
        if allowed is not None:
            self._shed(due[allowed:], region, load)

    def _open_batches(self, due: Sequence[Due], region: str) -> None:
        by_timeout: dict[int, list[CheckRequest]] = defaultdict(list)
        for monitor, slot in due:
            by_timeout[monitor.timeout].append(_request(monitor, slot))
        own = "" if region == self.region.code else f"/for-{self.region.code}"
        ledger.open_batches(
            [
                Lot(region, CheckBatch.Lane.SLOTS, f"{self.after}-{self.until}/{timeout}s{own}", checks, timeout)
                for timeout, checks in sorted(by_timeout.items())
            ],
            now=self.now,
        )

    def _shed(self, due: Sequence[Due], region: str, load: Load) -> None:
        if not due:
            return
        logger.warning("Region %s is behind; left out %d checks: %s", region, len(due), load)
        message = say("not made: region {region} is behind", region=region)
        rows = (self._unknown(monitor, slot, Reason.BACKPRESSURE, message) for monitor, slot in sorted(due, key=_by_id))
        self._record(rows, judged=len(due) <= JUDGED_AT_MOST)

    def _record(self, rows: Iterable[store.NewResult], *, judged: bool) -> None:
        """Store rows that come in the order of their monitors, the order in which all writers lock them."""
        for some in portions(rows, ROWS_AT_ONCE):
            monitors = store.lock_monitors({row.monitor for row in some})
            if judged:
                store.record(some, monitors=monitors, now=self.now)
            else:
                store.store_new([row for row in some if row.monitor in monitors])

    def _unknown(
        self, monitor: DueMonitor, slot: int, reason: Reason, message: str, *, slots: int = 1
    ) -> store.NewResult:
        return store.NewResult(
            monitor=monitor.pk,
            region=monitor.stand_in or self.region.code,
            slot=datetime.fromtimestamp(slot, UTC),
            checked_at=self.now,
            outcome=Outcome.UNKNOWN,
            reason=reason,
            message=message,
            slots=slots,
            attempts=0,
        )


def worth_checking_after(after: int, until: int, interval: int) -> int:
    """Slots up to this second are too old to be checked: at most one check is made up for, and that soon."""
    return max(after, until - min(interval, CATCH_UP_S))


def end_of_hour(second: int) -> int:
    """The last second of the hour in which the next second lies."""
    return (second + 1) // 3600 * 3600 + 3599


def _not_made(count: int, why: str) -> str:
    if count == 1:
        return say("1 check not made: {why}", why=why)
    return say("{count} checks not made: {why}", count=count, why=why)


def _ended_earlier(gap: store.NewResult, interval: int, why: str) -> store.NewResult:
    """The gap without its last slot."""
    count = gap.slots - 1
    return gap._replace(slot=gap.slot - timedelta(seconds=interval), slots=count, message=_not_made(count, why))


def _by_id(found: tuple[DueMonitor, Any]) -> UUID:
    return found[0].pk


def _request(monitor: DueMonitor, slot: int) -> CheckRequest:
    return CheckRequest(
        id=str(CheckId(monitor.pk, slot, monitor.config_version)),
        kind=monitor.kind,
        spec=monitor.spec,
        timeout_ms=monitor.timeout * 1000,
        retries=monitor.retries,
        not_before=float(slot),
    )


@transaction.atomic
def dispatch_wanted(*, now: datetime | None = None) -> int:
    """Hand out the checks that somebody waits for, in every region of each monitor, at once."""
    now = now or database_now()
    monitors = list(Monitor.objects.active().wanted().order_by("pk").select_for_update(skip_locked=True)[:WANTED_LIMIT])
    states = incident_selectors.states_of(monitors)
    wanted: dict[tuple[str, int], list[CheckRequest]] = defaultdict(list)
    working = working_regions()
    for monitor in monitors:
        for region in working.intersection(monitor.voters):
            state = states[monitor.pk].get(region)
            last = latest_word(state) if state else None
            wanted[region, monitor.timeout].append(_request_now(monitor, after=last, now=now))
    Monitor.objects.filter(pk__in=[monitor.pk for monitor in monitors]).update(wanted_at=None)
    ledger.open_batches(
        [
            Lot(region, CheckBatch.Lane.NOW, f"wanted/{now.timestamp():.6f}/{checks[0].id}", checks, timeout)
            for (region, timeout), checks in sorted(wanted.items())
        ],
        now=now,
    )
    return len(monitors)


@transaction.atomic
def ask_at_once(questions: Sequence[Question], *, now: datetime) -> None:
    """Send the confirmations that deciding asks for. The same question twice within its window is one."""
    if not questions:
        return
    monitors = Monitor.objects.active().in_bulk({question.monitor_id for question in questions})
    working = working_regions()
    lots = []
    for question in questions:
        monitor = monitors.get(question.monitor_id)
        if monitor is None or question.region not in working:
            continue
        request = _request_now(monitor, after=question.slot, now=now)
        window = CheckId.parse(request.id).slot // CONFIRM_EVERY_S
        name = f"{question.why}/{monitor.pk}/{monitor.config_version}/{window}"
        lots.append(Lot(question.region, CheckBatch.Lane.NOW, name, [request], monitor.timeout))
    ledger.open_batches(lots, now=now)


def _request_now(monitor: Monitor, *, after: datetime | None, now: datetime) -> CheckRequest:
    """A check outside the timetable. Its slot is this second, or the next free one: a slot holds one result."""
    slot = int(now.timestamp())
    if after is not None:
        slot = max(slot, int(after.timestamp()) + 1)
    return ledger.request_for(monitor, CheckId(monitor.pk, slot, monitor.config_version))
