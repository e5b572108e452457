"""What a job calls, and what it leaves behind."""

from __future__ import annotations

import logging.config
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import User
from heartbeats import ear, services
from heartbeats.models import Ear, Ping
from heartbeats.rules import Word
from heartbeats.services import Heard
from incidents.models import Incident
from monitors.models import Monitor
from tests.checks.road import status_of
from tests.heartbeats.conftest import MakeJob, token_of

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


@pytest.fixture
def job(make_job: MakeJob) -> Monitor:
    return make_job()


@pytest.fixture
def token(job: Monitor) -> str:
    return token_of(job)


def kept() -> list[tuple[str, int | None]]:
    return list(Ping.objects.order_by("at", "id").values_list("word", "exit_code"))


def test_every_way_to_report(client: Client, token: str) -> None:
    for method in ("get", "head", "post"):
        response = getattr(client, method)(f"/ping/{token}")
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
        assert not response.cookies
    for word in ("start", "fail", "0", "255"):
        assert client.get(f"/ping/{token}/{word}").content == b"OK\n"
    words = [("success", None)] * 3 + [("start", None), ("fail", None), ("success", 0), ("fail", 255)]
    assert kept() == words


def test_a_ping_is_one_statement(client: Client, token: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        client.post(f"/ping/{token}", b"done", content_type="text/plain")


@pytest.mark.parametrize("path", ["{}x", "{}/256", "{}/stop", "x", "{}%00", "{}/-1"])
def test_what_is_no_address_says_no_more(client: Client, token: str, path: str) -> None:
    response = client.post("/ping/" + path.format(token))
    assert (response.status_code, response.content) == (404, b"Not found\n")
    assert not kept()


def test_other_methods_are_refused(client: Client, token: str) -> None:
    for method in ("put", "patch", "delete", "options"):
        assert getattr(client, method)(f"/ping/{token}").status_code == 405
    assert not kept()


def test_it_needs_no_csrf_token(token: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(f"/ping/{token}", {"a": "b"}, headers={"Origin": "https://evil.test"})
    assert response.status_code == 200


def test_a_body_is_cut_and_never_refused(client: Client, token: str) -> None:
    for body in (b"x" * 2_000_000, b"\xff\x00\xe2\x82", b"ok"):
        assert client.post(f"/ping/{token}", body, content_type="application/octet-stream").status_code == 200
    long, odd, plain = Ping.objects.order_by("id").values_list("body", flat=True)
    assert (len(long), odd, plain) == (10_240, "\ufffd\ufffd\ufffd", "ok")


def test_a_run_has_an_id(client: Client, token: str) -> None:
    run = uuid.uuid4()
    client.get(f"/ping/{token}/start?rid={run}")
    assert client.get(f"/ping/{token}?rid=nonsense").status_code == 200
    assert list(Ping.objects.order_by("id").values_list("run", flat=True)) == [run, None]


def test_too_many_pings_are_refused_kindly(client: Client, token: str, make_job: MakeJob) -> None:
    answers = [client.get(f"/ping/{token}").status_code for _ in range(services.PINGS_A_MINUTE + 2)]
    assert answers == [200] * services.PINGS_A_MINUTE + [429] * 2
    assert client.get(f"/ping/{token}").headers["Retry-After"] == "60"
    assert client.get(f"/ping/{token_of(make_job())}").status_code == 200


def test_a_new_address_closes_the_old_one(client: Client, job: Monitor, token: str, owner: User, api: Api) -> None:
    renewed = api(owner).post(f"/api/monitor/{job.pk}/ping-url").json()["ping_url"]
    assert client.get(f"/ping/{token}").status_code == 404
    assert client.get(renewed.removeprefix("http://testserver")).status_code == 200


def test_creating_one_by_the_api(owner: User, api: Api, regions: list[str]) -> None:
    given = {"kind": "heartbeat", "spec": {"cron": "*/5 * * * *", "zone": "Europe/Berlin", "grace": 300}}
    made = api(owner).post("/api/monitor", given).json()
    assert made["ping_url"].startswith("http://testserver/ping/")
    assert (made["interval"], made["regions"], made["policy"]["confirmations"]) == (300, ["heartbeat"], 1)
    assert "one" not in made["policy_sentence"]
    assert "every" not in made["name"]
    again = api(owner).put(f"/api/monitor/{made['id']}", given | {"name": "Backup"}).json()
    assert (again["name"], again["ping_url"]) == ("Backup", made["ping_url"])
    refused = api(owner).patch(f"/api/monitor/{made['id']}", {"kind": "http", "url": "http://127.0.0.1/"})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["kind"])
    mistakes: tuple[dict[str, Any], ...] = ({"spec": {}}, {"spec": {"cron": "every day"}}, {"url": "http://127.0.0.1/"})
    for wrong in mistakes:
        assert api(owner).post("/api/monitor", {"kind": "heartbeat", "spec": {"period": 60}} | wrong).status_code == 400
    tried = api(owner).post("/api/monitoring/test", given)
    assert (tried.status_code, list(tried.json()["fields"])) == (400, ["kind"])


def test_how_the_job_does(client: Client, job: Monitor, token: str, owner: User, viewer: User, api: Api) -> None:
    address = f"/api/monitor/{job.pk}/heartbeat"
    assert api(owner).get(address).json()["state"] == "new"
    client.post(f"/ping/{token}", b"all well", content_type="text/plain")
    services.turn(now=timezone.now())
    found = api(owner).get(address).json()
    assert (found["state"], found["ping_url"]) == ("up", job.ping_url)
    for one in (f"/api/monitor/{job.pk}", address):
        assert api(viewer).get(one).json()["ping_url"] is None  # whoever knows it may speak for the job
    assert [each["ping_url"] for each in api(viewer).get("/api/monitor").json()["results"]] == [None]
    assert found["due"] > found["last_ping"]
    client.get(f"/ping/{token}/start")
    services.turn(now=timezone.now())
    assert len(api(owner).get(address).json()["runs"]) == 1
    first = api(owner).get(f"/api/monitor/{job.pk}/pings?limit=1").json()
    second = api(owner).get(f"/api/monitor/{job.pk}/pings?limit=1&cursor={first['next']}").json()
    assert [first["results"][0]["word"], second["results"][0]["body"]] == ["start", "all well"]
    assert second["next"] is None
    assert api(owner).get(f"/api/monitor/{job.pk}/pings?cursor=x").status_code == 400


def test_other_kinds_are_no_heartbeats(owner: User, api: Api, make_monitor: Callable[..., Monitor]) -> None:
    monitor = make_monitor()
    assert monitor.ping_url is None
    for path in ("heartbeat", "pings"):
        assert api(owner).get(f"/api/monitor/{monitor.pk}/{path}").status_code == 404


# --- the token ---


def test_the_token_is_stored_encrypted_and_in_no_log(
    client: Client, job: Monitor, token: str, capfd: pytest.CaptureFixture[str], settings: Settings
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitor::text FROM monitors_monitor AS monitor")
        assert token not in str(cursor.fetchall())
    handlers = logging.root.handlers[:]
    try:
        logging.config.dictConfig(settings.LOGGING)
        client.get(f"/ping/{token}/stop")
        client.delete(f"/ping/{token}")
        logging.getLogger("x").error("GET /ping/%s?rid=1 failed", token, extra={"request": f"<POST '/ping/{token}'>"})
    finally:
        logging.root.handlers[:] = handlers
    said = capfd.readouterr().err
    assert "/ping/********" in said
    assert token not in said


@pytest.mark.usefixtures("regions")
def test_no_other_page_shows_the_token(job: Monitor, token: str, owner: User, stranger: User, api: Api) -> None:
    assert token in api(owner).get("/api/monitor").content.decode()
    operator = User.objects.create_superuser("root@example.com", "correct horse battery")
    for user, pages in (
        (stranger, ["/", "/incidents/", f"/monitors/{job.pk}/"]),
        (operator, [f"/admin/monitors/monitor/{job.pk}/change/", "/admin/monitors/monitor/"]),
    ):
        browser = Client()
        browser.force_login(user)
        for page in pages:
            assert token not in browser.get(page, follow=True).content.decode()
    assert token not in api(stranger).get("/api/monitor").content.decode()
    assert api(stranger).get(f"/api/monitor/{job.pk}/heartbeat").status_code == 404


# --- our own failures ---


def test_a_ping_that_we_refuse_is_our_fault(client: Client, token: str) -> None:
    ear.stamp()
    before = Ear.objects.get().since
    ear.stamp()
    assert Ear.objects.get().since == before
    with connection.execute_wrapper(_away):
        assert client.get(f"/ping/{token}").status_code == 503
    ear.stamp()
    assert Ear.objects.get().since > before


def _away(*_: object) -> None:
    raise OperationalError("the database is away")


# --- many at once ---


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_are_all_kept(make_job: MakeJob) -> None:
    jobs = [make_job() for _ in range(4)]
    calls = [(token_of(jobs[place % 4]), Word.FAIL if place == 50 else Word.SUCCESS) for place in range(100)]

    def call(wanted: tuple[str, Word]) -> Heard:
        try:
            return services.hear(*wanted)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        turns = [pool.submit(_turn) for _ in range(4)]
        answers = list(pool.map(call, calls))
        for each in turns:
            each.result()
    assert set(answers) == {Heard.KEPT}
    for job in jobs:
        services.hear(token_of(job), Word.SUCCESS)
    services.turn(now=timezone.now())
    assert Ping.objects.count() == 104
    assert not Ping.objects.filter(heard=False).exists()
    assert [status_of(job) for job in jobs] == ["up"] * 4
    assert not Incident.objects.open().exists()


def _turn() -> None:
    try:
        services.turn()
    finally:
        connections.close_all()
