"""What a page costs, and that it is there when the database is not."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitors.models import Monitor
from statuspages import kept
from statuspages.models import Component, StatusPage
from tests.conftest import MakeMonitor
from tests.dashboard.story import tell
from tests.statuspages.conftest import past_days, seen

pytestmark = pytest.mark.django_db

MOST_QUERIES = 20


def cost(client: Client, path: str) -> int:
    kept.forget("page:acme")
    kept.forget(*[f"month:{pk}:{timezone.now():%Y-%m}" for pk in StatusPage.objects.values_list("pk", flat=True)])
    with CaptureQueriesContext(connection) as queries:
        seen(client.get(f"/status/acme/{path}"))
    return len(queries)


@pytest.mark.parametrize("path", ["", "history/"])
def test_forty_monitors_cost_as_many_queries_as_three(
    client: Client, page: StatusPage, make_monitor: MakeMonitor, path: str
) -> None:
    Component.objects.update(shows_chart=True)
    few = cost(client, path)
    for number in range(37):
        monitor = tell(make_monitor(tags=["billing"]), usa="..xx", india="..xx")
        Component.objects.create(page=page, name=f"Part {number}", monitor=monitor, shows_chart=True)
    assert cost(client, path) == few <= MOST_QUERIES


def test_one_that_is_kept_costs_none(client: Client, page: StatusPage) -> None:
    cost(client, "")
    with CaptureQueriesContext(connection) as queries:
        seen(client.get("/status/acme/"))
    assert len(queries) == 0


def test_ninety_days_with_a_gap(client: Client, page: StatusPage, shop: Monitor) -> None:
    today = past_days(shop, {80: {"up": 9, "down": 1}, 79: {"up": 10}, 2: {"unknown": 10}, 1: {"up": 10}})
    text = seen(client.get("/status/acme/"))
    assert "The last 90 days: no trouble on 2, outage on 1, no data on 87." in text
    assert "96.66 % uptime" in text
    assert "known for 75.00 % of the time" in text
    assert f"since {today - timedelta(days=80):%-d %b}" in text


ASK = """
import sys, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
for path in ("/status/acme/", "/status/acme/live/", "/status/never-seen/"):
    answer = client.get(path)
    text = answer.content.decode()
    print("answer", path, answer.status_code, ">Shop</h3>" in text, "5 min ago" in text)
"""


def test_it_is_served_while_postgresql_is_stopped(client: Client, page: StatusPage) -> None:
    """By a process that never saw the database, from what another one has kept five minutes ago."""
    seen(client.get("/status/acme/"))
    answer = cache.get(f"statuspages:{kept.FORM}:page:acme")
    cache.set(f"statuspages:{kept.FORM}:page:acme", replace(answer, made_at=answer.made_at - 301), 600)
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"DATABASE_URL": "postgres://u:p@127.0.0.1:1/uptime"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line.split()[2:] for line in done.stdout.splitlines() if line.startswith("answer ")]
    assert told == [["200", "True", "True"], ["200", "True", "True"], ["503", "False", "False"]]


@pytest.mark.django_db(transaction=True)
def test_a_slow_database_is_not_waited_for(client: Client, page: StatusPage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(client.get("/status/acme/"))
    monkeypatch.setattr(kept, "PATIENCE_MS", 200)
    monkeypatch.setattr("statuspages.selectors.pages.FRESH_S", 0)
    other = connection.copy()
    with closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE statuspages_statuspage")
        assert ">Shop</h3>" in seen(client.get("/status/acme/"))
        assert client.get("/status/never-seen/").status_code == 503
        cursor.execute("ROLLBACK")


def test_what_is_kept_here_serves_when_the_shared_cache_is_away_too(
    client: Client, page: StatusPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(client.get("/status/acme/"))
    cache.delete(f"statuspages:{kept.FORM}:page:acme")

    def refuse(*_: object) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        assert ">Shop</h3>" in seen(client.get("/status/acme/"))
