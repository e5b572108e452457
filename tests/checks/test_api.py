"""``/api/results``, ``/api/site-stats`` and ``/api/monitoring`` as programs use them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import CheckResult, MonitorStats
from checks.services import dispatch, store, trial
from monitors import services as monitor_services
from monitors.models import Monitor
from probes.contract import Outcome, Reason, Timings
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


def remember(monitor: Monitor, *, minutes_ago: int, outcome: Outcome = Outcome.UP, region: str = "usa") -> None:
    """Store one result of the past."""
    slot = timezone.now().replace(microsecond=0) - timedelta(minutes=minutes_ago)
    row = store.NewResult(
        monitor=monitor.pk,
        region=region,
        slot=slot,
        checked_at=slot,
        outcome=outcome,
        reason=Reason.CONNECT_REFUSED if outcome is Outcome.DOWN else None,
        timings=Timings(total=float(minutes_ago + 1)),
    )
    store.record([row], monitors=store.lock_monitors([monitor.pk]), now=timezone.now())


def test_latest_has_one_result_per_region(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    assert api(owner).get(f"/api/results/{monitor.pk}/latest").json() == {"results": []}
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP, http_status=204)
    results = api(owner).get(f"/api/results/{monitor.pk}/latest/").json()["results"]
    assert {row["region"] for row in results} == {"usa", "india"}
    expected = {"region", "outcome", "reason", "message", "http_status", "timings_ms", "slot", "checked_at"}
    assert expected <= set(results[0])
    assert set(results[0]["timings_ms"]) == {"dns", "connect", "tls", "first_byte", "download", "total"}
    assert results[0]["http_status"] == 204


def test_checks_come_newest_first_page_by_page_and_filtered(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    for minutes in range(1, 8):
        for region in ("usa", "india"):
            remember(monitor, minutes_ago=minutes, region=region, outcome=Outcome.DOWN if minutes == 3 else Outcome.UP)
    address, client = f"/api/results/{monitor.pk}/checks", api(owner)
    seen, cursor = [], None
    while True:
        page = client.get(address, {"limit": 4, **({"cursor": cursor} if cursor else {})}).json()
        seen += [(row["slot"], row["region"]) for row in page["results"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == 14
    assert seen == sorted(set(seen), reverse=True)
    down = client.get(address, {"outcome": "down"}).json()["results"]
    assert [row["reason"] for row in down] == ["connect_refused"] * 2
    assert len(client.get(address, {"region": "india"}).json()["results"]) == 7
    since = (timezone.now() - timedelta(minutes=4, seconds=30)).isoformat()
    assert len(client.get(address, {"from": since}).json()["results"]) == 8
    assert len(client.get(address, {"to": since}).json()["results"]) == 6


def test_results_of_regions_that_are_gone_are_still_listed(
    api: Api, owner: User, make_monitor: MakeMonitor, regions: list[str]
) -> None:
    monitor = make_monitor(regions=["usa"])
    for region in ("usa", "atlantis", "india"):
        for minutes in (2, 1):
            remember(monitor, minutes_ago=minutes, region=region)
    address, client = f"/api/results/{monitor.pk}/checks", api(owner)
    found = [(row["slot"], row["region"]) for row in client.get(address, {"limit": 5}).json()["results"]]
    assert {region for _, region in found[:3]} == {"usa", "atlantis", "india"}
    assert found == sorted(set(found), reverse=True)
    assert len(client.get(address, {"region": "atlantis"}).json()["results"]) == 2
    assert client.get(address, {"region": "mu"}).json() == {"results": [], "next": None}


@pytest.mark.parametrize(
    "query", ["outcome=sideways", "from=yesterday", "to=2026-01-01", "from=2026-13-01T00:00:00Z", "limit=x", "cursor=!"]
)
def test_bad_filters_are_refused_by_name(api: Api, owner: User, make_monitor: MakeMonitor, query: str) -> None:
    response = api(owner).get(f"/api/results/{make_monitor().pk}/checks?{query}")
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {query.split("=")[0]}


def test_cleanup_removes_only_what_is_older_and_says_how_many(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor, other = make_monitor(), make_monitor()
    for minutes in (10, 60 * 24 * 2, 60 * 24 * 3):
        remember(monitor, minutes_ago=minutes)
        remember(other, minutes_ago=minutes)
    response = api(owner).delete(f"/api/results/{monitor.pk}/cleanup?days=1")
    assert (response.status_code, response.json()["deleted"]) == (200, 2)
    assert CheckResult.objects.filter(monitor=monitor).count() == 1
    assert CheckResult.objects.filter(monitor=other).count() == 3


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "99999999999"])
def test_cleanup_wants_a_whole_number_of_days(api: Api, owner: User, make_monitor: MakeMonitor, days: str) -> None:
    response = api(owner).delete(f"/api/results/{make_monitor().pk}/cleanup?days={days}")
    assert response.status_code == 400
    assert "days" in response.json()["fields"]


def test_cleanup_is_for_the_owner(api: Api, editor: User, make_monitor: MakeMonitor) -> None:
    assert api(editor).delete(f"/api/results/{make_monitor().pk}/cleanup?days=90").status_code == 403


def test_site_stats_have_the_shape_of_the_contract(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    empty = api(owner).get(f"/api/site-stats/{monitor.pk}").json()
    assert empty["uptime_24h"] is None
    assert empty["ticks"] == {}
    for minutes in range(1, 13):
        remember(monitor, minutes_ago=minutes, outcome=Outcome.DOWN if minutes <= 3 else Outcome.UP)
    refreshed = api(owner).post(f"/api/site-stats/{monitor.pk}/refresh").json()
    assert refreshed["monitor"] == str(monitor.pk)
    assert refreshed["uptime_1h"] == refreshed["uptime_24h"] == refreshed["uptime_90d"] == 0.75
    assert refreshed["coverage_24h"] == 1
    assert refreshed["avg_response_time_1h"] == pytest.approx(sum(range(5, 14)) / 9)
    assert [tick["outcome"] for tick in refreshed["ticks"]["usa"]] == ["up"] * 7 + ["down"] * 3
    assert set(refreshed["ticks"]["usa"][0]) == {"outcome", "total_ms", "slot"}
    listed = api(owner).get("/api/site-stats").json()["results"]
    assert [row["monitor"] for row in listed] == [str(monitor.pk)]


def test_refresh_recomputes_a_row_that_went_wrong(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    remember(monitor, minutes_ago=1)
    MonitorStats.objects.filter(monitor=monitor).update(uptime_24h=0.1)
    assert api(owner).post(f"/api/site-stats/{monitor.pk}/refresh").json()["uptime_24h"] == 1


def test_status_tells_of_regions_and_monitors(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    make_monitor()
    monitor_services.pause(make_monitor())
    body = api(owner).get("/api/monitoring/status").json()
    assert body["monitors"] == {"paused": 1, "pending": 1}
    assert [region["region"] for region in body["regions"]] == ["usa", "india"]
    assert body["delayed"] is True  # no worker has been heard of


def test_health_needs_no_login_and_says_which_part_fails(api: Api, regions: list[str]) -> None:
    response = api().get("/api/monitoring/health")
    assert response.status_code == 503
    assert response.json()["parts"]["database"] == "ok"
    assert response.json()["parts"]["regions"] == "failing"
    assert api().get("/readyz").status_code == 503


def test_trigger_asks_for_the_callers_monitors_only_and_not_too_often(
    api: Api, owner: User, stranger: User, make_monitor: MakeMonitor
) -> None:
    mine = [make_monitor(), make_monitor()]
    theirs = make_monitor(team=stranger.memberships.get().team)
    monitor_services.pause(mine[1])
    client = api(owner)
    response = client.post("/api/monitoring/trigger")
    assert (response.status_code, response.json()) == (202, {"triggered": 1})
    theirs.refresh_from_db()
    assert theirs.wanted_at is None
    # Ten a minute, in windows by the clock: of 21 in a row one is refused, even if a new minute begins among them.
    refused = [answer for _ in range(21) if (answer := client.post("/api/monitoring/trigger")).status_code == 429]
    assert refused
    assert int(refused[0].headers["Retry-After"]) >= 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"url": "http://169.254.169.254"}, "url"),
        ({"url": "http://127.0.0.1", "regions": ["mars"]}, "regions"),
        ({"url": "http://127.0.0.1", "timeout": 31}, "timeout"),
        ({"url": "http://127.0.0.1", "kind": "pigeon"}, "kind"),
        ({"url": "http://127.0.0.1", "surprise": 1}, "surprise"),
    ],
)
def test_a_bad_trial_is_refused_by_field(
    api: Api, owner: User, regions: list[str], given: dict[str, object], field: str
) -> None:
    response = api(owner).post("/api/monitoring/test", given)
    assert response.status_code == 400
    assert field in response.json()["fields"]


def test_a_trial_that_no_region_answers_says_so(
    api: Api, owner: User, regions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "GRACE_S", 0)
    response = api(owner).post("/api/monitoring/test", {"url": "http://127.0.0.1:9", "timeout": 1})
    assert response.status_code == 200
    assert response.json() == {"results": [], "silent": ["usa", "india"]}
    assert not CheckResult.objects.exists()


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "/api/results/{id}/checks"),
        ("get", "/api/results/{id}/latest"),
        ("delete", "/api/results/{id}/cleanup?days=90"),
        ("get", "/api/site-stats/{id}"),
        ("post", "/api/site-stats/{id}/refresh"),
    ],
)
def test_other_peoples_results_are_unknown(
    api: Api, stranger: User, make_monitor: MakeMonitor, verb: str, path: str
) -> None:
    assert getattr(api(stranger), verb)(path.format(id=make_monitor().pk)).status_code == 404


@pytest.mark.parametrize("address", ["monitor", "site-stats", "monitoring/status", "incidents"])
def test_many_monitors_cost_as_many_queries_as_a_few(
    api: Api, owner: User, make_monitor: MakeMonitor, address: str
) -> None:
    client = api(owner)

    def queries(monitors: int) -> int:
        while Monitor.objects.count() < monitors:
            remember(make_monitor(), minutes_ago=1, outcome=Outcome.DOWN)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/api/{address}").status_code == 200
        return len(captured)

    assert queries(2) == queries(30)


def test_a_long_past_costs_as_many_queries_as_a_short_one(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    client, monitor = api(owner), make_monitor()

    def queries() -> dict[str, int]:
        asked = ["results/{}/checks", "results/{}/checks?outcome=down", "results/{}/latest", "site-stats/{}"]
        counts = {}
        for address in asked:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(f"/api/{address.format(monitor.pk)}").status_code == 200
            counts[address] = len(captured)
        return counts

    remember(monitor, minutes_ago=1)
    few = queries()
    for minutes in range(2, 30):
        remember(monitor, minutes_ago=minutes)
    assert queries() == few
