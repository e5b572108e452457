"""What the pages know, for programs: views that are kept, times over time, words of regions, facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import Fact
from dashboard.models import SavedView
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well, tell

Program = Callable[..., APIClient]
MATCH = {
    "search": "shop",
    "status": ["down", "partial"],
    "kind": "http",
    "region": ["usa"],
    "tag": ["a b"],
    "failed": True,
}


@pytest.fixture
def client(api: Program, owner: User) -> APIClient:
    return api(owner)


def test_a_view_is_kept_changed_and_forgotten(client: APIClient, visit: Visit, owner: User, regions: list[str]) -> None:
    made = client.post("/api/views", {"name": " My  shop ", "match": MATCH, "is_first": True})
    assert made.status_code == 201
    view = made.json()
    assert (view["name"], view["match"], view["is_first"]) == ("My shop", MATCH, True)
    assert visit(owner).get("/").headers["Location"] == f"/monitors/{SavedView.objects.get().query}"

    again = client.post("/api/views", {"name": "my SHOP", "match": {}})
    assert (again.json()["id"], again.json()["match"]) == (view["id"], {})
    client.post("/api/views", {"name": "Other", "is_first": True})
    changed = client.patch(f"/api/views/{view['id']}", {"match": {"tag": ["x"]}, "is_first": True})
    assert changed.json() == {"id": view["id"], "name": "my SHOP", "match": {"tag": ["x"]}, "is_first": True}
    listed = client.get("/api/views").json()["results"]
    assert [(one["name"], one["is_first"]) for one in listed] == [("my SHOP", True), ("Other", False)]
    taken = client.patch(f"/api/views/{view['id']}", {"name": "other"})
    assert (taken.status_code, list(taken.json()["fields"])) == (400, ["name"])

    assert client.delete(f"/api/views/{view['id']}").status_code == 204
    assert client.get(f"/api/views/{view['id']}").status_code == 404


def test_a_view_is_nobody_elses(client: APIClient, api: Program, editor: User) -> None:
    view = client.post("/api/views", {"name": "Mine"}).json()
    other = api(editor)
    assert other.get("/api/views").json() == {"results": []}
    for verb in ("get", "patch", "delete"):
        assert getattr(other, verb)(f"/api/views/{view['id']}").status_code == 404


@pytest.mark.parametrize("match", [{"status": ["gone"]}, {"kind": "telex"}, {"colour": "red"}, {"failed": "perhaps"}])
def test_a_view_of_what_cannot_be_is_refused(client: APIClient, match: dict[str, object]) -> None:
    answer = client.post("/api/views", {"name": "Odd", "match": match})
    assert answer.status_code == 400
    assert not SavedView.objects.exists()


def test_times_are_told_in_steps_by_region_and_by_phase(client: APIClient, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..x.", india="....")
    told = client.get(f"/api/monitor/{monitor.pk}/series?range=1h").json()
    usa, india = told["lines"]
    assert (told["step_s"], told["exact"], usa["key"]) == (60, True, "usa")
    assert (len(usa["points"]), len(india["points"])) == (3, 4)
    assert usa["whole"] == {"p50": 50.0, "p95": 50.0, "p99": 50.0, "fastest": 50.0, "slowest": 50.0}
    assert set(usa["points"][0]) == {"at", *usa["whole"]}
    phases = client.get(f"/api/monitor/{monitor.pk}/series?phases=usa").json()["lines"]
    assert [(line["key"], line["whole"] and line["whole"]["p99"]) for line in phases] == [
        ("dns", 2.0),
        ("connect", 10.0),
        ("tls", None),
        ("first_byte", 30.0),
        ("download", 8.0),
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [("range=2h", "range"), ("from=soon", "from"), ("to=2026-01-01T00:00", "to"), ("phases=mars", "phases")],
)
def test_a_time_that_makes_no_sense_is_refused(
    client: APIClient, make_monitor: MakeMonitor, asked: str, field: str
) -> None:
    extra = "&from=2026-02-01T00:00" if field == "to" else ""
    answer = client.get(f"/api/monitor/{make_monitor().pk}/series?{asked}{extra}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_regions_say_their_word_and_when_they_look_next(client: APIClient, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(regions=["usa", "india"]), usa="..xx")
    all_is_well("usa", "india")
    before = timezone.now().isoformat()[:19]
    usa, india = client.get(f"/api/monitor/{monitor.pk}/regions").json()["results"]
    assert (usa["region"], usa["outcome"], usa["reason"], usa["streak"]) == ("usa", "down", "connect_refused", 2)
    assert (india["outcome"], india["streak"], india["asked"]) == (None, 0, False)
    assert usa["next_at"] > before


def test_uptime_is_told_with_how_much_of_it_is_known(client: APIClient, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..x?")
    told = {one["window"]: one for one in client.get(f"/api/site-stats/{monitor.pk}/windows").json()["results"]}
    assert list(told) == ["1h", "24h", "7d", "30d", "90d", "1y"]
    assert told["1h"]["uptime"] == pytest.approx(2 / 3)
    assert told["1h"]["coverage"] == pytest.approx(3 / 4)


def test_facts_are_told_newest_first(client: APIClient, make_monitor: MakeMonitor) -> None:
    monitor, now = make_monitor(), timezone.now()
    for day, value in enumerate((["192.0.2.1"], ["192.0.2.2"])):
        since = now.replace(microsecond=day)
        Fact.objects.create(monitor=monitor, region="usa", kind="addresses", since=since, value=value)
    first = client.get(f"/api/monitor/{monitor.pk}/facts?limit=1").json()
    assert (first["results"][0]["kind"], first["results"][0]["value"]) == ("addresses", ["192.0.2.2"])
    second = client.get(f"/api/monitor/{monitor.pk}/facts?limit=1&cursor={first['next']}").json()
    assert [fact["value"] for fact in second["results"]] == [["192.0.2.1"]]
