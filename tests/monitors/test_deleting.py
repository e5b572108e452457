"""A monitor that is deleted while others write to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from checks.services import store
from incidents.models import RegionState
from monitors.models import Monitor
from monitors.services import delete_monitor
from tests.conftest import MakeMonitor
from tests.road.box import wait_until

WAIT_FOR_US = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


@pytest.mark.django_db(transaction=True)
def test_what_a_result_adds_meanwhile_goes_as_well(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()

    def delete() -> None:
        try:
            delete_monitor(monitor)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hands:
        with transaction.atomic():
            store.lock_monitors({monitor.pk})
            RegionState.objects.create(monitor=monitor, region="usa")
            deleting = hands.submit(delete)
            wait_until("the deletion waits for us", _somebody_waits, seconds=30)
        deleting.result(30)
    assert not Monitor.objects.exists()
    assert not RegionState.objects.exists()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAIT_FOR_US)
        return bool(cursor.fetchone()[0])
