"""Taking results in: once, whatever arrives how often, and never stopping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Sum

from checks.models import CheckBatch, CheckEvidence, CheckResult, Day, Hour, RegionWorker
from checks.selectors.figures import stats_of
from checks.selectors.health import region_health
from checks.services import dispatch, ingest, stats, store
from common.clock import database_now
from incidents import services as incidents
from incidents.models import Incident, IncidentEvent, StatusChange
from monitors import services as monitor_services
from probes.contract import LifeSign, Outcome, Reason, Timings
from tests.checks.road import answer_all, open_batches, report, report_on, result, status_of
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


def test_a_report_becomes_rows_figures_and_a_status(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP, http_status=200, remote_ip="127.0.0.1", body_bytes=12)
    assert {row.region for row in CheckResult.objects.filter(monitor=monitor)} == {"usa", "india"}
    row = CheckResult.objects.filter(monitor=monitor)[0]
    assert (row.http_status, row.remote_ip, row.total_ms) == (200, "127.0.0.1", 24.0)
    assert status_of(monitor) == "up"
    assert not open_batches()
    stats.refresh(now=database_now())
    figures = stats_of(monitor)
    assert figures.last_response_ms == 24.0
    assert [tick["outcome"] for tick in figures.ticks["usa"]] == ["up"]
    assert (figures.uptime_1h, figures.uptime_24h, figures.uptime_90d, figures.coverage_24h) == (1, 1, 1, 1)
    assert figures.avg_response_time_1h == figures.avg_response_time_24h == 24.0


def test_the_same_report_three_times_counts_once(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    messages = [report_on(batch, Outcome.DOWN) for batch in open_batches()]
    for message in messages * 3:
        ingest.ingest(message)
    assert CheckResult.objects.filter(monitor=monitor).count() == 2
    for table in (Hour, Day):
        assert table.objects.filter(monitor=monitor).aggregate(Sum("down"))["down__sum"] == 2
    assert not Incident.objects.exists()  # one failure each, however often told, confirms nothing


def test_a_report_of_a_finished_batch_is_turned_away_at_the_door(
    make_monitor: MakeMonitor, django_assert_num_queries: Any
) -> None:
    make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    [batch] = open_batches()
    ingest.ingest(report_on(batch))
    with django_assert_num_queries(3):  # the batch, in a transaction within the test's
        ingest.ingest(report_on(batch))


def test_a_report_that_repeats_itself_does_not_close_a_batch_that_is_still_owed(make_monitor: MakeMonitor) -> None:
    for _ in range(2):
        make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    [batch] = open_batches()
    first, second = batch.check_ids
    ingest.ingest(report(batch.id, "usa", [result(first), result(first)]))
    assert [still.id for still in open_batches()] == [batch.id]
    ingest.ingest(report(batch.id, "usa", [result(second)]))
    assert not open_batches()


def test_rollups_equal_a_recount(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    for outcome, total in [(Outcome.UP, 10.0), (Outcome.DEGRADED, 400.0), (Outcome.DOWN, None), (Outcome.UP, 12.0)]:
        monitor_services.request_check(monitor)
        dispatch.dispatch_wanted()
        for batch in open_batches():
            ingest.ingest(report_on(batch, outcome, timings_ms=Timings(total=total)))
        CheckBatch.objects.update(state=CheckBatch.State.DONE)
    for hour in Hour.objects.filter(monitor=monitor, region="usa"):
        rows = CheckResult.objects.filter(monitor=monitor, region="usa")
        timed = [row.total_ms or 0 for row in rows if row.outcome in {"up", "degraded"}]
        assert (hour.up, hour.degraded, hour.down) == (2, 1, 1)
        assert (hour.timed, hour.sum_ms, hour.min_ms, hour.max_ms) == (3, sum(timed), 10.0, 400.0)
        assert sum(hour.latencies.values()) == 3


def test_results_of_an_old_configuration_are_not_taken_for_the_new_one(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    old = [report_on(batch, Outcome.DOWN) for batch in open_batches()]
    monitor_services.update_monitor(monitor, url="http://127.0.0.1:10/")
    for message in old:
        ingest.ingest(message)
    assert not CheckResult.objects.exists()
    assert status_of(monitor) == "pending"


def test_results_of_a_paused_or_deleted_monitor_change_nothing(make_monitor: MakeMonitor) -> None:
    paused, deleted = make_monitor(wanted=True), make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    messages = [report_on(batch, Outcome.DOWN) for batch in open_batches()]
    monitor_services.pause(paused)
    monitor_services.delete_monitor(deleted)
    for message in messages:
        ingest.ingest(message)
    assert not CheckResult.objects.exists()
    assert status_of(paused) == "paused"


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        None,
        {"batch": "x", "region": "usa", "results": 3},
        {"batch": "nobody/asked", "region": "usa", "results": []},
        {"batch": "trial/nobody-asked/usa", "region": "usa", "results": []},
        {"batch": "x", "region": "usa", "results": [None, 3, {}, {"outcome": "sideways"}]},
    ],
)
def test_nonsense_is_dropped(message: Any, regions: list[str]) -> None:
    ingest.ingest(message)
    assert not CheckResult.objects.exists()


DEEP: Any = []
for _ in range(900):
    DEEP = [DEEP]

WRONG: list[dict[str, Any]] = [
    {"attempts": True},
    {"attempts": 1.0},
    {"http_status": "200"},
    {"http_status": 1_000},
    {"body_bytes": 2**31},
    {"remote_ip": "fe80::1%eth0"},
    {"remote_ip": 7},
    {"remote_ip": ["192.0.2.1"]},
    {"timings_ms": {"dns": float("nan")}},
    {"timings_ms": {"total": True}},
    {"timings_ms": [1, 2]},
    {"started_at": "now"},
    {"id": ["not", "an", "id"]},
]
"""Passes with a figure that could not be true, or would not go into its column."""


def test_a_malformed_result_does_not_hold_up_its_neighbours(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    message = report_on(open_batches()[0], message="nul \x00 and \ud800")
    sound = message["results"][0]
    message["results"][:0] = [
        {**sound, "outcome": "sideways"},
        {**sound, "http_status": 70_000},
        {**sound, "remote_ip": "not an address"},
        {**sound, "timings_ms": {"total": -1}},
        {**sound, "timings_ms": {"total": "soon"}},
        *({**sound, "reason": None, "message": "", "outcome": "up", **wrong} for wrong in WRONG),
        {**sound, "certificate": {"chain": DEEP}},
        7,
    ]
    ingest.ingest(message)
    assert CheckResult.objects.get(monitor=monitor).message == "nul \N{REPLACEMENT CHARACTER} and ?"


@pytest.mark.parametrize("seen", [{}, {"remote_ip": "2001:db8::7", "body_bytes": 0, "http_status": 204, "attempts": 3}])
@pytest.mark.parametrize("timings", [{}, {"dns": 0.25, "connect": 1, "total": 9.5}])
@pytest.mark.parametrize("ago_s", [None, 0.125, 7, 3_600])
def test_the_short_road_of_a_plain_pass_writes_what_the_long_one_would(
    seen: dict[str, Any], timings: dict[str, float], ago_s: float | None
) -> None:
    now = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
    started_at = None if ago_s is None else now.timestamp() - ago_s
    item = {"id": f"{uuid4()}/1939282201/3", "kind": "http", "outcome": "up", "timings_ms": timings, **seen}
    item["started_at"] = started_at
    short = ingest._row(item, region="usa", owed={item["id"]}, now=now)
    long = store.row_of(ingest._new_result(ingest._result(item), "usa", now=now))
    assert short is not None
    assert [float(value) if "." in value and ":" not in value else value for value in short.line.split("\t")] == [
        float(value) if "." in value and ":" not in value else value for value in long.line.split("\t")
    ]
    assert short[:3] == long[:3]


def test_a_region_speaks_only_for_its_own_batches_and_checks(make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True)
    other = make_monitor()
    dispatch.dispatch_wanted()
    usa = next(batch for batch in open_batches() if batch.region == "usa")
    ingest.ingest(report(usa.id, "india", [result(usa.check_ids[0], Outcome.DOWN)]))
    ingest.ingest(report(usa.id, "usa", [result(f"{other.pk}/1700000000/1", Outcome.DOWN)]))
    assert not CheckResult.objects.exists()


def test_a_failing_check_keeps_what_it_saw(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    seen = {"headers": {"server": "x"}, "body": "oops"}
    ingest.ingest(report_on(open_batches()[0], Outcome.DOWN, reason=Reason.UNEXPECTED_STATUS, evidence=seen))
    assert CheckEvidence.objects.get(monitor=monitor).seen["seen"] == seen


def test_both_regions_failing_twice_is_one_incident_and_recovery_closes_it(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    monitor_services.request_check(monitor)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN, message="connection refused")  # confirmations are asked for and answered alike
    assert status_of(monitor) == "down"
    assert "usa: connection refused" in monitor.status_reason
    incident = Incident.objects.open().get(monitor=monitor)
    assert set(incident.cause) == {"usa", "india"}
    assert monitor.status_since == incident.started_at
    monitor_services.request_check(monitor)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    assert status_of(monitor) == "up"
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert [event.kind for event in IncidentEvent.objects.filter(incident=incident)] == [
        "suspected",
        "opened",
        "resolved",
    ]
    story = StatusChange.objects.filter(monitor=monitor).order_by("id").values_list("after", flat=True)
    assert list(story) == ["up", "partial", "down", "up"]


def test_one_failing_region_is_partial_and_opens_nothing(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    for _ in range(4):
        answer_all(Outcome.DOWN, region="usa", rounds=1)
        answer_all(Outcome.UP, region="india", rounds=1)
    assert status_of(monitor) == "partial"
    assert not Incident.objects.exists()


def test_a_resumed_monitor_is_not_judged_by_votes_from_before_the_pause(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    assert status_of(monitor) == "down"
    later = database_now() + timedelta(seconds=5)
    paused = monitor_services.pause(monitor)
    assert incidents.close_paused(now=later) == 1
    monitor_services.resume(paused)
    type(monitor).objects.update(status_since=later)
    dispatch.dispatch_wanted(now=later)
    answer_all(Outcome.UP, region="usa", rounds=1)
    assert status_of(monitor) == "pending"
    answer_all(Outcome.UP, region="india", rounds=1)
    assert status_of(monitor) == "up"


def test_a_flapping_site_is_not_asked_without_end(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    for turn in range(20):
        for batch in open_batches():
            ingest.ingest(report_on(batch, Outcome.DOWN if turn % 2 else Outcome.UP))
    assert CheckResult.objects.filter(monitor=monitor).count() < 15


def test_a_life_sign_is_noted(regions: list[str]) -> None:
    now = database_now().timestamp()
    ingest.life_sign(LifeSign("usa", "w1", "1", 32, sent_at=now - 3).to_wire())
    ingest.life_sign({"region": "usa"})
    worker = RegionWorker.objects.get()
    assert -4 < worker.clock_offset_s < -2
    health = {region["region"]: region["online"] for region in region_health(now=database_now())}
    assert health == {"usa": True, "india": False}
