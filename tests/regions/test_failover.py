"""A fallback region takes over for one that is gone, visibly, and gives back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult
from checks.services import dispatch, ingest
from incidents import services as incidents
from incidents.models import StatusChange
from monitors import rules
from monitors.models import Monitor, Region
from monitors.services import add_region, choose_default_fallback, disable_region, rearrange
from probes.contract import Outcome
from tests.checks.road import open_batches, report_on, status_of
from tests.conftest import MakeMonitor
from tests.regions.road import begin, run

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]

NOW = datetime(2026, 6, 30, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("assigned", "fallbacks", "working", "expected"),
    [
        ("ab", "c", "abc", {}),
        ("ab", "c", "bc", {"a": "c"}),
        ("ab", "c", "c", {"a": "c"}),  # one can stand in for one only
        ("ab", "cd", "cd", {"a": "c", "b": "d"}),
        ("ab", "cd", "bd", {"a": "d"}),  # the first fallback is gone too
        ("ab", "b", "b", {}),  # it has a vote of its own already
        ("ab", "cc", "c", {"a": "c"}),
        ("ab", "", "b", {}),
        ("ab", "c", "", {}),
    ],
)
def test_who_stands_in_for_whom(assigned: str, fallbacks: str, working: str, expected: dict[str, str]) -> None:
    assert rules.stand_ins(list(assigned), list(fallbacks), set(working)) == expected


@pytest.fixture(autouse=True)
def _brazil(regions: list[str]) -> None:
    add_region("brazil")


def lose(code: str) -> None:
    Region.objects.filter(pk=code).update(offline_since=NOW)
    rearrange()


def handed_out(region: str) -> list[int]:
    batches = CheckBatch.objects.filter(region=region, lane="slots")
    return sorted(CheckId.parse(item).slot for batch in batches for item in batch.check_ids)


def test_it_takes_over_the_slots_and_gives_them_back(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa", "india"], fallback_regions=["brazil"])
    Monitor.objects.filter(pk=monitor.pk).update(created_at=NOW - timedelta(days=1), status="up")
    begin(NOW, living="usa india brazil")
    now = run(since=NOW, seconds=600, living="india brazil")
    monitor.refresh_from_db()
    assert monitor.stand_ins == {"usa": "brazil"}
    assert monitor.wanted_at is not None  # there is no word of it yet
    run(since=now, seconds=120, living="usa india brazil")
    monitor.refresh_from_db()
    assert monitor.stand_ins == {}
    by_usa, by_brazil = handed_out("usa"), handed_out("brazil")
    assert len(by_brazil) in {8, 9, 10}
    assert not set(by_usa) & set(by_brazil)
    both = sorted(by_usa + by_brazil)
    assert {later - earlier for earlier, later in itertools.pairwise(both)} == {60}
    assert not CheckResult.objects.filter(reason="scheduler_gap").exists()


def test_what_the_scheduler_misses_is_owed_by_the_one_that_stands_in(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa"], fallback_regions=["brazil"])
    Monitor.objects.filter(pk=monitor.pk).update(created_at=NOW - timedelta(days=1), status="up")
    begin(NOW, living="usa india brazil")
    now = run(since=NOW, seconds=120, living="india brazil")
    before = len(handed_out("brazil"))
    dispatch.dispatch(now=now + timedelta(minutes=10))
    rows = CheckResult.objects.filter(monitor=monitor)
    assert {row.region for row in rows} == {"brazil"}
    assert sum(row.slots for row in rows) + len(handed_out("brazil")) - before == 10


def test_its_vote_counts_and_says_for_whom(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa", "india"], fallback_regions=["brazil"])
    lose("usa")
    dispatch.dispatch_wanted()
    assert {batch.region for batch in open_batches()} == {"india", "brazil"}
    for _ in range(4):
        for batch in open_batches():
            ingest.ingest(report_on(batch, Outcome.DOWN))
    assert status_of(monitor) == "down"
    votes: list[dict[str, Any]] = StatusChange.objects.filter(after="down").get().votes
    assert {(vote["region"], vote["stands_in_for"]) for vote in votes} == {("brazil", "usa"), ("india", None)}


def test_a_monitor_that_is_stood_in_for_does_not_count_as_quiet(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa", "india"], fallback_regions=["brazil"])
    lose("usa")
    dispatch.dispatch_wanted()
    for batch in open_batches():
        ingest.ingest(report_on(batch))
    assert status_of(monitor) == "up"
    changed = StatusChange.objects.count()
    Monitor.objects.update(status_since=NOW - timedelta(days=400))
    latest = CheckResult.objects.filter(monitor=monitor).latest("slot").slot
    assert incidents.notice_silence(regions={"usa", "india", "brazil"}, now=latest + timedelta(seconds=20)) == 0
    assert StatusChange.objects.count() == changed


def test_the_api_takes_shows_and_checks_them(api: Api, owner: User) -> None:
    client = api(owner)
    given = {"url": "https://example.org/", "regions": ["usa", "india"], "fallback_regions": ["brazil"]}
    body = client.post("/api/monitor", given).json()
    assert (body["fallback_regions"], body["stand_ins"]) == (["brazil"], {})
    address = f"/api/monitor/{body['id']}"
    lose("india")
    assert client.get(address).json()["stand_ins"] == {"india": "brazil"}
    assert client.patch(address, {"fallback_regions": []}).json()["stand_ins"] == {}
    states = {region["code"]: region["state"] for region in client.get("/api/regions").json()["results"]}
    assert states == {"usa": "online", "india": "offline", "brazil": "online"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"fallback_regions": ["mars"]}, "no region 'mars'"),
        ({"fallback_regions": ["usa"]}, "'usa' checks this monitor already"),
        ({"fallback_regions": ["brazil", "brazil"]}, "once"),
        ({"fallback_regions": [""]}, "blank"),
    ],
)
def test_each_mistake_has_its_own_words(api: Api, owner: User, fields: dict[str, Any], problem: str) -> None:
    given = {"url": "https://example.org/", "regions": ["usa", "india"], **fields}
    response = api(owner).post("/api/monitor", given)
    assert response.status_code == 400
    assert problem in str(response.json()["fields"])


def test_a_region_cannot_become_assigned_and_fallback(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa"], fallback_regions=["brazil"])
    response = api(owner).patch(f"/api/monitor/{monitor.pk}", {"regions": ["usa", "brazil"]})
    assert set(response.json()["fields"]) == {"fallback_regions"}


def test_a_team_has_a_default_for_monitors_that_name_none(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    plain = make_monitor(regions=["usa", "india"])
    client = api(owner)
    assert client.get("/api/regions/fallback").json() == {"region": None}
    assert client.put("/api/regions/fallback", {"region": "mars"}).status_code == 400
    assert client.put("/api/regions/fallback", {"region": "brazil"}).status_code == 200
    lose("usa")
    plain.refresh_from_db()
    assert plain.stand_ins == {"usa": "brazil"}
    client.put("/api/regions/fallback", {"region": None})
    plain.refresh_from_db()
    assert plain.stand_ins == {}


def test_a_fallback_that_is_switched_off_stands_in_no_more(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa", "india"], fallback_regions=["brazil"])
    lose("usa")
    disable_region("brazil")
    monitor.refresh_from_db()
    assert monitor.stand_ins == {}


def test_other_teams_are_left_alone(make_monitor: MakeMonitor, stranger: User) -> None:
    theirs = make_monitor(team=stranger.memberships.get().team, regions=["usa", "india"])
    choose_default_fallback(make_monitor().team, "brazil")
    lose("usa")
    theirs.refresh_from_db()
    assert theirs.stand_ins == {}
