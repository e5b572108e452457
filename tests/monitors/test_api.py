"""``/api/monitor`` and ``/api/regions`` as programs use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.paging import write_cursor
from monitors import services
from monitors.models import Monitor
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


def test_a_url_alone_is_enough(api: Api, owner: User, regions: list[str]) -> None:
    response = api(owner).post("/api/monitor", {"url": "https://example.org/shop?x=1"})
    assert response.status_code == 201
    body = response.json()
    assert body["name"] == "example.org"
    assert body["url"] == "https://example.org/shop?x=1"
    assert (body["kind"], body["interval"], body["timeout"], body["paused"]) == ("http", 60, 10, False)
    assert body["regions"] == ["usa", "india"]
    assert body["status"] == "pending"
    assert Monitor.objects.get(pk=body["id"]).wanted_at is not None


def test_the_whole_configuration_comes_back_as_it_was_given(api: Api, owner: User, regions: list[str]) -> None:
    given = {
        "name": "Shop",
        "kind": "http",
        "spec": {"url": "https://example.org/", "expected_status": "200", "body_contains": "Welcome"},
        "interval": 300,
        "timeout": 20,
        "regions": ["usa"],
        "tags": ["prod", "shop"],
        "policy": {"confirmations": 3, "quorum": 1, "retries": 0, "alert_after_s": 300, "degraded_counts": True},
    }
    created = api(owner).post("/api/monitor/", given).json()
    read = api(owner).get(f"/api/monitor/{created['id']}/").json()
    policy = read.pop("policy")
    assert policy | given.pop("policy") == policy
    assert {name: read[name] for name in given} == given
    assert "its region fails 3 times in a row" in read["policy_sentence"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": "example.org"}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://user:secret@example.org"}, "url"),
        ({"url": 7}, "url"),
        ({"url": None}, "url"),
        ({"url": "https://example.org", "interval": 59}, "interval"),
        ({"url": "https://example.org", "interval": "often"}, "interval"),
        ({"url": "https://example.org", "interval": 10**30}, "interval"),
        ({"url": "https://example.org", "timeout": 0}, "timeout"),
        ({"url": "https://example.org", "timeout": 61, "interval": 300}, "timeout"),
        ({"url": "https://example.org", "timeout": 60}, "timeout"),
        ({"url": "https://example.org", "regions": []}, "regions"),
        ({"url": "https://example.org", "regions": ["mars"]}, "regions"),
        ({"url": "https://example.org", "regions": ["usa", "mars"]}, "regions"),
        ({"url": "https://example.org", "regions": "usa"}, "regions"),
        ({"url": "https://example.org", "tags": ["x" * 41]}, "tags"),
        ({"url": "https://example.org", "tags": [""]}, "tags"),
        ({"url": "https://example.org", "kind": "carrier-pigeon"}, "kind"),
        ({"url": "https://example.org", "spec": {"colour": "red"}}, "spec"),
        ({"url": "https://example.org", "policy": {"confirmations": 0}}, "policy"),
        ({"url": "https://example.org", "name": "x" * 201}, "name"),
        ({"url": "https://example.org", "name": "a\x00b"}, "name"),
        ({"url": "https://example.org", "status": "up"}, "status"),
        ({"url": "https://example.org", "surprise": 1}, "surprise"),
    ],
)
def test_bad_input_is_refused_by_field(
    api: Api, owner: User, regions: list[str], given: dict[str, Any], field: str
) -> None:
    response = api(owner).post("/api/monitor", given)
    assert response.status_code == 400, response.content
    body = response.json()
    assert any(name.split(".")[0] == field for name in body["fields"]), body  # tags.3 names the fourth tag
    assert body["detail"]
    assert body["code"]
    assert not Monitor.objects.exists()


@pytest.mark.parametrize(
    ("path", "given", "field", "words"),
    [
        ("monitor", {"kind": "tcp", "spec": {"host": "a.example.org", "port": 99_999}}, "spec.port", "to 65535"),
        ("monitoring/test", {"kind": "dns", "spec": {"name": "a b"}}, "spec.name", "not part of a host name"),
        (
            "monitor",
            {"kind": "tcp", "spec": {"host": "10.0.0.1", "port": 22}},
            "spec.host",
            "not on the public internet",
        ),
        (
            "monitor",
            {"kind": "dns", "spec": {"name": "a.example.org", "nameserver": "10.0.0.1"}},
            "spec.nameserver",
            "not on the public internet",
        ),
        ("monitor", {"kind": "heartbeat", "spec": {"cron": "daily"}}, "spec.cron", "must have five fields"),
        ("monitor/bulk", {"action": "burn", "match": {}}, "action", "must be one of pause, resume, "),
    ],
)
def test_a_refusal_names_the_part_and_the_remedy(
    api: Api, owner: User, regions: list[str], path: str, given: dict[str, Any], field: str, words: str
) -> None:
    response = api(owner).post(f"/api/{path}", given)
    assert response.status_code == 400
    assert words in response.json()["fields"][field][0]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://10.0.0.1/", "http://[fd00:ec2::254]/", "http://0xa000001/"]
)
def test_addresses_that_may_not_be_dialled_are_refused_when_saving(
    api: Api, owner: User, regions: list[str], url: str
) -> None:
    response = api(owner).post("/api/monitor", {"url": url})
    assert response.status_code == 400
    assert "url" in response.json()["fields"]


def test_patch_changes_what_is_named_and_put_the_rest_as_well(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Old", tags=["a"], interval=300)
    address = f"/api/monitor/{monitor.pk}"
    patched = api(owner).patch(address, {"interval": 120}).json()
    assert (patched["name"], patched["tags"], patched["interval"]) == ("Old", ["a"], 120)
    put = api(owner).put(address, {"url": "https://example.net/"}).json()
    assert (put["name"], put["tags"], put["interval"], put["url"]) == ("example.net", [], 60, "https://example.net/")


def test_a_region_that_was_switched_off_does_not_stand_in_the_way_of_another_change(
    api: Api, owner: User, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()
    services.sync_regions(["usa"])
    assert api(owner).patch(f"/api/monitor/{monitor.pk}", {"name": "Renamed"}).status_code == 200


def test_a_change_of_what_is_checked_asks_for_a_check_and_a_new_name_does_not(
    api: Api, owner: User, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()
    address = f"/api/monitor/{monitor.pk}"
    api(owner).patch(address, {"name": "Renamed", "tags": ["x"]})
    monitor.refresh_from_db()
    assert (monitor.config_version, monitor.wanted_at) == (1, None)
    api(owner).patch(address, {"url": "https://example.net/"})
    monitor.refresh_from_db()
    assert monitor.config_version == 2
    assert monitor.wanted_at is not None


def test_pause_resume_check_delete(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    address = f"/api/monitor/{make_monitor().pk}"
    client = api(owner)
    assert client.post(f"{address}/pause").json()["status"] == "paused"
    assert client.post(f"{address}/pause").json()["paused"] is True
    resumed = client.post(f"{address}/resume").json()
    assert (resumed["status"], resumed["paused"]) == ("pending", False)
    assert client.post(f"{address}/check").status_code == 202
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_the_list_is_paged_by_cursor_and_filtered(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    for number in range(7):
        make_monitor(name=f"site {number}", tags=["even"] if number % 2 == 0 else ["odd"])
    client, names, cursor = api(owner), [], ""
    while True:
        page = client.get(f"/api/monitor?limit=3{cursor and f'&cursor={cursor}'}").json()
        names += [row["name"] for row in page["results"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(names) == [f"site {number}" for number in range(7)]
    assert len(client.get("/api/monitor", {"tag": "even"}).json()["results"]) == 4
    assert len(client.get("/api/monitor", {"search": "SITE 3"}).json()["results"]) == 1
    assert client.get("/api/monitor", {"status": "down"}).json()["results"] == []


@pytest.mark.parametrize(
    ("order", "value"),
    [
        *[("name", value) for value in ("a\0", "\ud800")],
        *[("created_at", f"2026-01-01T00:00:00{offset}") for offset in ("+23:59", "-23:59", "+02:00", "")],
        *[("created_at", value) for value in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "now", "")],
    ],
)
def test_a_forged_cursor_is_none(api: Api, owner: User, regions: list[str], order: str, value: str) -> None:
    cursor = write_cursor(f"{order},id", value, str(UUID(int=0)))
    response = api(owner).get("/api/monitor", {"order": order, "cursor": cursor})
    assert (response.status_code, list(response.json().get("fields", []))) == (400, ["cursor"])


HOSTILE_SPECS = [
    (r'{"url": "http://a/\ud800"}', "spec.url"),
    (r'{"\udfff": 1}', "spec.?"),
    (r'{"body": "\ud800"}', "spec.body"),
    (r'{"headers": {"X-A": "\ud800"}}', "spec.headers.X-A"),
    (r'{"body_contains": "\u0000"}', "spec.body_contains"),
    (r'{"json_assertions": [{"path": "$.a", "op": "eq", "value": 1e999}]}', "spec.json_assertions.0.value"),
    (r'{"json_assertions": [{"path": "$.a", "op": "eq", "value": ["\u0000"]}]}', "spec.json_assertions.0.value.0"),
    (r'{"json_assertions": [{"path": "$.a", "op": "eq", "value": "\ud83d"}]}', "spec.json_assertions.0.value"),
]


@pytest.mark.parametrize(("spec", "field"), HOSTILE_SPECS)
def test_what_nobody_could_keep_is_refused_by_its_place(
    api: Api, owner: User, regions: list[str], spec: str, field: str
) -> None:
    sent = f'{{"url": "http://a.example/", "spec": {spec}}}'
    response = api(owner).post("/api/monitor", sent, content_type="application/json")
    assert (response.status_code, list(response.json().get("fields", []))) == (400, [field])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1e9", "limit=501", "cursor=x", "cursor=WyJhIiwiYiJd", "limit=%C2%B2"]
)
def test_bad_paging_is_refused(api: Api, owner: User, regions: list[str], query: str) -> None:
    response = api(owner).get(f"/api/monitor?{query}")
    assert response.status_code == 400
    assert set(response.json()["fields"]) == {query.split("=")[0]}


@pytest.mark.parametrize("verb", ["get", "put", "patch", "delete"])
def test_somebody_elses_monitor_is_as_unknown_as_none(
    api: Api, stranger: User, make_monitor: MakeMonitor, verb: str
) -> None:
    monitor = make_monitor()
    assert getattr(api(stranger), verb)(f"/api/monitor/{monitor.pk}", {}).status_code == 404
    assert Monitor.objects.filter(pk=monitor.pk, config_version=1).exists()


def test_viewers_read_and_editors_write(api: Api, viewer: User, editor: User, make_monitor: MakeMonitor) -> None:
    address = f"/api/monitor/{make_monitor().pk}"
    assert api(viewer).get(address).status_code == 200
    assert api(viewer).post(f"{address}/pause").status_code == 403
    assert api(viewer).post("/api/monitor", {"url": "https://example.org"}).status_code == 403
    assert api(editor).post(f"{address}/pause").status_code == 200


def test_regions_are_listed(api: Api, owner: User, regions: list[str]) -> None:
    assert [region["code"] for region in api(owner).get("/api/regions").json()["results"]] == ["usa", "india"]
