"""A secret once saved is never shown again, and is still sent."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from checks.ids import CheckId
from checks.services import ledger
from monitors.models import Monitor
from probes.fields import MASK

pytestmark = pytest.mark.django_db

CANARY = "canary-5f0c"
GIVEN = {
    "url": "https://example.org/",
    "method": "POST",
    "headers": {"Authorization": f"Bearer {CANARY}", "Accept": "text/html"},
    "body": f"password={CANARY}",
}

Api = Callable[..., APIClient]


@pytest.fixture
def monitor(api: Api, owner: User, regions: list[str]) -> Monitor:
    answer = api(owner).post("/api/monitor", {"spec": GIVEN})
    assert answer.status_code == 201, answer.content
    return Monitor.objects.get(pk=answer.json()["id"])


def sent(monitor: Monitor) -> dict[str, object]:
    """The spec that a region would be told."""
    monitor.refresh_from_db()
    [request] = ledger.requests_for([CheckId(monitor.pk, 1_700_000_000, monitor.config_version)])
    return request.spec


def test_a_region_is_told_the_secrets(monitor: Monitor) -> None:
    assert sent(monitor) == GIVEN


def test_the_api_and_the_pages_show_masks(monitor: Monitor, api: Api, owner: User) -> None:
    shown = api(owner).get(f"/api/monitor/{monitor.pk}").json()["spec"]
    assert shown["headers"] == {"Authorization": MASK, "Accept": MASK}
    assert shown["body"] == MASK
    operator = User.objects.create_superuser("root@example.com", "correct horse battery")
    for user, path in [
        (owner, "/api/monitor"),
        (owner, f"/monitors/{monitor.pk}/"),
        (owner, f"/monitors/{monitor.pk}/edit/"),
        (operator, f"/admin/monitors/monitor/{monitor.pk}/change/"),
    ]:
        client: Client = api(user) if path.startswith("/api/") else Client()
        client.force_login(user)
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert CANARY.encode() not in answer.content, path


def test_the_database_holds_no_secret_in_clear(monitor: Monitor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(monitor)::text FROM monitors_monitor AS monitor")
        assert all(CANARY not in row[0] for row in cursor.fetchall())


def test_a_mask_that_comes_back_keeps_the_secret(monitor: Monitor, api: Api, owner: User) -> None:
    address = f"/api/monitor/{monitor.pk}"
    shown = api(owner).get(address).json()["spec"]
    shown["headers"]["X-New"] = "new"
    version = monitor.config_version
    assert api(owner).patch(address, {"spec": shown}).status_code == 200
    assert sent(monitor) == {**GIVEN, "headers": {**GIVEN["headers"], "X-New": "new"}}  # type: ignore[dict-item]
    assert monitor.config_version == version + 1
    assert api(owner).patch(address, {"spec": api(owner).get(address).json()["spec"]}).status_code == 200
    monitor.refresh_from_db()
    assert monitor.config_version == version + 1  # nothing changed, so nothing is checked anew


def test_secrets_can_be_replaced_and_taken_away(monitor: Monitor, api: Api, owner: User) -> None:
    address = f"/api/monitor/{monitor.pk}"
    api(owner).patch(address, {"spec": {"url": GIVEN["url"], "headers": {"Authorization": "other"}}})
    assert sent(monitor) == {"url": GIVEN["url"], "headers": {"Authorization": "other"}}
    api(owner).patch(address, {"spec": {"url": GIVEN["url"]}})
    assert sent(monitor) == {"url": GIVEN["url"]}
    assert monitor.sealed == ""
    assert json.dumps(monitor.spec) == json.dumps({"url": GIVEN["url"]})


def test_secrets_do_not_follow_to_another_site(monitor: Monitor, api: Api, owner: User) -> None:
    address = f"/api/monitor/{monitor.pk}"
    for url in ("https://evil.example.net/", "https://example.org:8443/", "http://example.org/"):
        refused = api(owner).patch(address, {"url": url})
        assert refused.status_code == 400, url
        assert "again" in refused.json()["fields"]["spec"][0]
        assert sent(monitor) == GIVEN
    assert api(owner).patch(address, {"url": "https://example.org/other"}).status_code == 200
    assert sent(monitor) == {**GIVEN, "url": "https://example.org/other"}
    moved = {"url": "https://example.net/", "headers": {"Authorization": "new"}}
    assert api(owner).patch(address, {"spec": moved}).status_code == 200
    assert sent(monitor) == moved
