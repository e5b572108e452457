"""A page is a fixed number of queries, however many monitors, regions and results there are."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell

LIST_QUERIES = {"/monitors/": 11, "/monitors/rows/": 8, "/monitors/?q=m&status=up": 11}
MONITOR_QUERIES = 20


def count(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize("address", LIST_QUERIES)
def test_fifty_monitors_cost_as_many_queries_as_five(
    visit: Visit, owner: User, make_monitor: MakeMonitor, address: str
) -> None:
    client = visit(owner)
    _add(make_monitor, 5)
    few = count(client, address)
    _add(make_monitor, 45)
    assert count(client, address) == few <= LIST_QUERIES[address]


@pytest.mark.parametrize("more", ["", "live/", "?range=30d"])
def test_a_long_past_costs_as_many_queries_as_a_short_one(
    visit: Visit, owner: User, make_monitor: MakeMonitor, more: str
) -> None:
    client = visit(owner)
    young, old = tell(make_monitor(), usa=".", india="."), make_monitor()
    tell(old, usa="..x." * 14, india="..xx" * 14)
    address = "/monitors/{}/{}"
    few = count(client, address.format(young.pk, more))
    assert count(client, address.format(old.pk, more)) == few <= MONITOR_QUERIES


def _add(make_monitor: MakeMonitor, number: int) -> None:
    for _ in range(number):
        tell(make_monitor(), usa="..", india="..")
    Monitor.objects.update(status="up")
