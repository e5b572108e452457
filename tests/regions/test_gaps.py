"""A gap that nobody checked in is written down, whatever else was checked meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from bench.stage import invariants
from checks.models import CheckResult
from checks.services import dispatch
from monitors import rules
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.regions.road import begin, handed_out_to, live
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_gap_whose_last_slots_were_asked_for_by_hand_is_still_recorded(make_monitor: MakeMonitor, taken: int) -> None:
    monitor = make_monitor(interval=60, regions=["usa"])
    long_ago = NOW - timedelta(days=1)
    Monitor.objects.update(created_at=long_ago, updated_at=long_ago, status_since=long_ago)
    begin(NOW, living="usa")
    back, begun = NOW + timedelta(minutes=10), int(handed_out_to(NOW).timestamp())
    too_old = int(handed_out_to(back).timestamp()) - dispatch.CATCH_UP_S
    due = rules.slots_between(phase=monitor.phase, turn=0, interval=60, after=begun, until=too_old)
    by_hand = [datetime.fromtimestamp(slot, UTC) for slot in due[len(due) - taken :]]
    store_all([result(monitor, slot) for slot in by_hand], now=back)

    live("usa", at=back)
    dispatch.dispatch(now=back)
    [gap] = CheckResult.objects.filter(reason="scheduler_gap")
    assert gap.slots == len(due) - taken
    assert gap.message.startswith(f"{gap.slots} checks not made")
    with connection.cursor() as cursor:
        cursor.execute(invariants.LOST_OR_UNRECORDED, [NOW + timedelta(seconds=3), back - timedelta(seconds=31)])
        assert cursor.fetchall() == []
