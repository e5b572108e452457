"""A change of what a site is: noticed once, told by region, and never in the way of the results."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from checks import facts
from checks.models import CheckResult, Fact
from checks.services import dispatch, ingest
from checks.services import facts as service
from checks.services.facts import Told, notice
from monitors.models import Monitor
from tests.checks.road import open_batches, report_on
from tests.conftest import MakeMonitor

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
CERTIFICATE = {"subject": "CN=shop", "issuer": "CN=R3", "names": ["shop"], "fingerprint": "aa", "days_left": 3.5}
HOP = {"url": "http://shop/", "status": 301, "location": "https://shop/", "timings_ms": {}}
ITEM = {"outcome": "up", "certificate": CERTIFICATE, "redirects": [HOP], "addresses": ["192.0.2.1", "192.0.2.2"]}


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    service._known.clear()
    yield
    service._known.clear()


def item(**other: Any) -> dict[str, Any]:
    return copy.deepcopy(ITEM) | other


@pytest.mark.parametrize(
    ("kind", "known", "seen", "written"),
    [
        ("addresses", None, ["a"], ["a"]),
        ("addresses", ["a", "b"], ["b"], None),  # some of them at a time
        ("addresses", ["a"], ["a", "b"], ["a", "b"]),
        ("addresses", ["a", "b"], ["c"], ["c"]),  # it has moved
        ("certificate", {"fingerprint": "aa"}, {"fingerprint": "aa", "protocol": "TLSv1.2"}, None),
        ("certificate", {"fingerprint": "aa"}, {"fingerprint": "bb"}, {"fingerprint": "bb"}),
        ("content", {"sha256": "aa", "bytes": 2}, {"sha256": "aa", "bytes": 2}, None),
        ("content", {"sha256": "aa", "bytes": 2}, {"sha256": "bb", "bytes": 2}, {"sha256": "bb", "bytes": 2}),
        ("redirects", None, [], None),
        ("redirects", [{"location": "/a"}], [], []),
        ("redirects", [{"location": "/a"}], [{"location": "/a"}], None),
    ],
)
def test_what_is_news(kind: str, known: Any, seen: Any, written: Any) -> None:
    assert facts.news(kind, known, seen) == written


def tell(monitor: Monitor, told: dict[str, Any], minutes: float = 0) -> int:
    """How many queries it cost."""
    at = (NOW + timedelta(minutes=minutes)).timestamp()
    with CaptureQueriesContext(connection) as queries, TestCase.captureOnCommitCallbacks(execute=True):
        notice([Told(str(monitor.pk), at, told)], region="usa")
    return len(queries)


def story(monitor: Monitor) -> list[tuple[str, int]]:
    rows = Fact.objects.filter(monitor=monitor).order_by("since", "kind")
    return [(fact.kind, round((fact.since - NOW).total_seconds() / 60)) for fact in rows]


def test_the_same_again_costs_no_query_and_a_change_is_one_row(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    tell(monitor, item())
    first = [("addresses", 0), ("certificate", 0), ("redirects", 0)]
    assert story(monitor) == first
    assert tell(monitor, item(certificate=CERTIFICATE | {"days_left": 3.4}), 15) == 0
    service._known.clear()  # another process
    assert tell(monitor, item(), 16) == 1
    tell(monitor, item(certificate=CERTIFICATE | {"fingerprint": "bb"}), 30)
    assert story(monitor) == [*first, ("certificate", 30)]


def test_what_changes_all_the_time_is_written_now_and_then_and_bounded(
    make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEPT", 2)
    monitor = make_monitor()
    for minute in range(36):
        tell(monitor, {"outcome": "up", "addresses": [f"192.0.2.{minute}"]}, minute)
    assert story(monitor) == [("addresses", 20), ("addresses", 30)]
    tell(monitor, {"outcome": "up", "addresses": ["192.0.2.99"]}, 25)  # came home late
    assert story(monitor) == [("addresses", 20), ("addresses", 30)]


def test_a_change_within_the_pause_is_written_after_it(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    tell(monitor, {"outcome": "up", "addresses": ["192.0.2.1"]})
    for minute in (5, 12):
        tell(monitor, {"outcome": "up", "addresses": ["192.0.2.2"]}, minute)
    assert story(monitor) == [("addresses", 0), ("addresses", 12)]


def test_a_page_that_is_watched_becomes_another(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    page = {"outcome": "up", "content": "aa" * 32, "body_bytes": 7}
    tell(monitor, page)
    assert tell(monitor, page, 15) == 0
    tell(monitor, page | {"outcome": "down", "content": None}, 20)
    tell(monitor, page | {"content": "bb" * 32}, 30)
    assert story(monitor) == [("content", 0), ("content", 30)]
    assert Fact.objects.latest("since").value == {"sha256": "bb" * 32, "bytes": 7}


def test_a_failure_tells_of_its_certificate_and_not_of_where_it_would_have_been_sent(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    tell(monitor, item(outcome="down", redirects=[]))
    assert [kind for kind, _ in story(monitor)] == ["addresses", "certificate"]


@pytest.mark.parametrize(
    "odd",
    [
        {"certificate": "odd"}, {"certificate": {"names": 5, "fingerprint": "x"}}, {"redirects": ["odd"]},
        {"redirects": [{"location": {}}]}, {"addresses": 5}, {"addresses": [{}]}, {"addresses": {"a": 1}},
        {"content": {"a": 1}},
    ],
)  # fmt: skip
def test_odd_facts_are_set_aside(make_monitor: MakeMonitor, odd: dict[str, Any]) -> None:
    tell(make_monitor(), {"outcome": "up"} | odd)
    assert not Fact.objects.exists()


def test_what_postgresql_cannot_keep_and_what_is_too_much_is_cut(make_monitor: MakeMonitor) -> None:
    wild = {"fingerprint": "f\x00\ud800", "subject": "s" * 9_999, "names": ["n"] * 9_999, "chain": [{}] * 99}
    tell(make_monitor(), {"outcome": "up", "certificate": wild, "addresses": [str(n) for n in range(999)]})
    certificate, addresses = (Fact.objects.get(kind=kind).value for kind in ("certificate", "addresses"))
    assert (len(certificate["subject"]), len(certificate["names"]), len(certificate["chain"])) == (500, 100, 10)
    assert certificate["fingerprint"] == "f\N{REPLACEMENT CHARACTER}?"
    assert len(addresses) == 64


def test_they_come_in_with_the_results_of_old_and_new_workers(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    [batch] = open_batches()
    told = report_on(batch, certificate=CERTIFICATE, addresses=["192.0.2.1"])
    del told["results"][0]["addresses"]  # as a worker from before says it
    ingest.ingest(told)
    assert CheckResult.objects.filter(monitor=monitor, outcome="up").count() == 1
    assert [fact.kind for fact in Fact.objects.filter(monitor=monitor)] == ["certificate"]
