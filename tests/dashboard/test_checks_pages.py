"""The checks of one monitor: the list, one of them, and files to take away."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checks.models import CheckEvidence, CheckResult
from dashboard.selectors import checks
from dashboard.selectors.checks import cell, lanes
from dashboard.selectors.periods import typed_moment
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell


@pytest.fixture
def client(visit: Visit, owner: User) -> Client:
    return visit(owner)


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return tell(make_monitor(name="Shop"), usa="." * 40 + "x~?.", india="." * 43 + "x")


def body(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.getvalue().decode() if answer.streaming else answer.content.decode()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [("", 88), ("region=usa", 44), ("outcome=down", 2), ("region=usa&outcome=degraded", 1), ("region=mars", 0),
     ("outcome=nonsense", 88), ("to=2020-01-01T00:00", 0),
     ("from=2020-01-01T00:00&region=india", 44)],
)  # fmt: skip
def test_filters_and_pages(client: Client, monitor: Monitor, filters: str, expected: int) -> None:
    address, seen = f"/monitors/{monitor.pk}/checks/?{filters}", 0
    while address:
        page = body(client, address)
        seen += page.count('class="when"')
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == expected


def test_times_are_typed_and_shown_by_the_clocks_of_the_reader(client: Client, owner: User, monitor: Monitor) -> None:
    User.objects.filter(pk=owner.pk).update(time_zone="Asia/Kolkata")
    for asked in ("2026-01-31T12:00", "2026-01-31T06:30:00Z"):
        page = body(client, f"/monitors/{monitor.pk}/checks/?from={asked}")
        assert "From (Asia/Kolkata)" in page
        assert 'value="2026-01-31T12:00:00"' in page
    chart = body(client, f"/monitors/{monitor.pk}/?from=2026-01-31T06:30Z&to=2026-02-01T06:30Z")
    assert "From 31 Jan 2026, 12:00:00 IST to 1 Feb 2026, 12:00:00 IST" in chart
    assert 'value="2026-01-31T12:00"' in chart
    with timezone.override("Asia/Kolkata"):
        assert typed_moment("2026-01-31T12:00") == datetime(2026, 1, 31, 6, 30, tzinfo=UTC)


def test_a_cursor_that_is_none_begins_at_the_beginning(client: Client, monitor: Monitor) -> None:
    assert body(client, f"/monitors/{monitor.pk}/checks/?cursor=nonsense").count('class="when"') == 50


def test_one_check_with_its_phases_and_its_neighbours(client: Client, monitor: Monitor) -> None:
    result = CheckResult.objects.filter(monitor=monitor, region="usa", outcome="up").order_by("-slot")[3]
    page = body(client, checks.address_of(result))
    assert "Check from usa" in page
    assert [page.count(name) for name in ("phase-dns", "phase-connect", "phase-tls", "phase-first_byte")] == [
        1,
        1,
        0,
        1,
    ]
    assert page.count('rel="prev"') == page.count('rel="next"') == 1
    assert body(client, checks.address_of(result).replace("usa", "mars"), 404)
    assert body(client, f"/monitors/{monitor.pk}/checks/usa/99999999999999999999/", 404)


def test_a_failure_shows_what_was_seen(client: Client, monitor: Monitor) -> None:
    result = CheckResult.objects.get(monitor=monitor, region="usa", outcome="down")
    hop = {"url": "http://a/<b>", "status": 302, "location": "/x", "timings_ms": {"dns": 3.0, "connect": "odd"}}
    seen = {"seen": {"body": "<script>alert(1)</script>"}, "redirects": [hop, "odd"], "certificate": None}
    CheckEvidence.objects.create(monitor=monitor, region="usa", slot=result.slot, seen=seen)
    page = body(client, checks.address_of(result))
    assert "The server refused the connection." in page
    assert "Compared with the last good check" in page
    assert "Redirect 1" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("timings", "redirects", "expected"),
    [
        ({"dns_ms": 1.0, "connect_ms": 2.0, "total_ms": 3.0}, [], [("dns", 0, 1), ("connect", 1, 2)]),
        ({"dns_ms": 1.0, "total_ms": 11.0}, [], [("redirects", 0, 10), ("dns", 10, 1)]),
        (
            {"dns_ms": 1.0, "total_ms": 6.0},
            [{"timings_ms": {"dns": 2.0, "tls": 3.0}}],
            [("dns", 0, 2), ("tls", 2, 3), ("dns", 5, 1)],
        ),
        ({}, [{"timings_ms": {"dns": float("nan"), "tls": -1}}, "odd", {}], [("dns", 0, 0), ("tls", 0, 0)]),
    ],
)
def test_each_phase_begins_where_the_one_before_ended(
    timings: dict[str, Any], redirects: list[Any], expected: list[tuple[str, float, float]]
) -> None:
    found = lanes(CheckResult(**timings), redirects)
    assert [(lane.key, lane.start_ms, lane.took_ms) for lane in found] == expected


def test_a_place_in_the_chart_leads_to_its_check_or_to_several(client: Client, monitor: Monitor) -> None:
    result = CheckResult.objects.filter(monitor=monitor, region="usa").order_by("-slot")[5]
    at = int(result.slot.timestamp()) // 60 * 60
    address = f"/monitors/{monitor.pk}/checks/at/?region=usa"
    assert client.get(f"{address}&at={at}&step=60")["Location"] == checks.address_of(result)
    several = client.get(f"{address}&at={at - 600}&step=900")["Location"]
    assert body(client, several).count('class="when"') in {10, 11, 12, 13, 14, 15}
    for wrong in ("", "&at=x&step=1", "&at=9e9&step=1"):
        assert client.get(address + wrong)["Location"] == f"/monitors/{monitor.pk}/checks/"
    assert client.get(f"{address}&at={10**30}&step=60").status_code == 404


def test_files_hold_all_pages_and_stop_no_spreadsheet(
    client: Client, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EXPORT_PAGE", 10)  # so that there are several
    CheckResult.objects.filter(monitor=monitor, outcome="down").update(message='=HYPERLINK("http://evil")')
    rows = list(csv.DictReader(io.StringIO(body(client, f"/monitors/{monitor.pk}/checks.csv"))))
    assert len(rows) == 88
    assert {row["message"] for row in rows} == {"", '\'=HYPERLINK("http://evil")'}
    assert (rows[0]["region"], rows[0]["total_ms"]) == ("usa", "50.0")
    filtered = client.get(f"/monitors/{monitor.pk}/checks.json?region=india&outcome=up")
    assert 'filename="shop-checks.json"' in filtered["Content-Disposition"]
    assert len(json.loads(filtered.getvalue())["checks"]) == 43


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_a_formula_becomes_a_text(text: str) -> None:
    assert (cell(text), cell("plain"), cell(-1.5), cell(None)) == (f"'{text}", "plain", -1.5, None)


def test_what_is_too_much_for_a_file_is_refused_and_not_cut(
    client: Client, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_EXPORTED", 50)
    answer = client.get(f"/monitors/{monitor.pk}/checks.csv?outcome=", follow=True)
    assert "More than 50 checks: choose a shorter time, or one region." in answer.content.decode()
    since = f"{timezone.now() - timedelta(minutes=10):%Y-%m-%dT%H:%M:%S}"
    assert client.get(f"/monitors/{monitor.pk}/checks.csv?from={since}").status_code == 200
