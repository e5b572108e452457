"""Row 44 and its like: who wants more than there is for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Team, User
from alerts.services import channels
from checks.models import CheckEvidence, CheckResult
from checks.services import dispatch, ingest
from monitors import services
from monitors.models import Monitor
from monitors.rules import Action
from monitors.services import quotas
from probes.contract import Outcome
from probes.kinds import http
from statuspages.models import Subscriber
from statuspages.services import pages
from tests.checks.road import open_batches, report_on
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


def test_row44_monitors_of_one_team(
    settings: Settings, team: Team, owner: User, stranger: User, make_monitor: MakeMonitor, api: Api
) -> None:
    settings.TEAM_MAX_MONITORS = 2
    first = make_monitor()
    make_monitor()
    answer = api(owner).post("/api/monitor", {"url": "http://127.0.0.1:9/"})
    assert answer.status_code == 400
    assert "TEAM_MAX_MONITORS" in str(answer.json())
    with pytest.raises(ValidationError, match="at most 2 monitors"):
        services.clone_monitor(first, name="again")
    make_monitor(team=stranger.memberships.get().team)  # another team's are its own


def test_row44_checks_a_minute_of_one_team(
    settings: Settings, make_monitor: MakeMonitor, api: Api, owner: User
) -> None:
    """By making, editing and resuming."""
    settings.TEAM_MAX_CHECKS_PER_MINUTE = 6
    settings.MONITOR_MIN_INTERVAL_SECONDS = 10
    first, second = make_monitor(interval=60), make_monitor(interval=60)  # two regions: 2 + 2
    client = api(owner)
    sends: list[Callable[[], Any]] = [
        lambda: client.post("/api/monitor", {"url": "http://127.0.0.1:9/", "interval": 30, "timeout": 5}),
        lambda: client.patch(f"/api/monitor/{first.pk}", {"interval": 20, "timeout": 5}),
    ]
    for send in sends:
        answer = send()
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["interval"]), answer.json()
        assert "TEAM_MAX_CHECKS_PER_MINUTE" in str(answer.json())
    services.pause(second)
    services.update_monitor(first, interval=30)
    third = make_monitor(interval=60)
    with pytest.raises(ValidationError, match="8 checks a minute"):
        services.resume(second)
    second.refresh_from_db()
    assert second.paused
    services.update_monitor(first, name="that much is always possible")
    services.update_monitor(third, interval=120)
    services.update_monitor(first, interval=60)
    assert not services.resume(second).paused
    services.create_monitor(team=first.team, kind="heartbeat", spec={"period": 60})  # asks nothing of us


@pytest.mark.parametrize("how", ["resume", "edit"])
def test_row44_checks_a_minute_of_many_changed_at_once(
    settings: Settings, make_monitor: MakeMonitor, team: Team, api: Api, owner: User, how: str
) -> None:
    """As many as there is room for; the others are named and stay as they are."""
    settings.TEAM_MAX_CHECKS_PER_MINUTE = 6
    settings.MONITOR_MIN_INTERVAL_SECONDS = 10
    many = [make_monitor(interval=120) for _ in range(4)]  # two regions: 1 a minute each
    if how == "resume":
        services.change_many(team=team, monitors=[monitor.pk for monitor in many], action=Action.PAUSE)
        Monitor.objects.update(interval=60)
    asked: dict[str, Any] = {"action": how, "monitors": [str(monitor.pk) for monitor in many]}
    answer = api(owner).post("/api/monitor/bulk", asked | ({"set": {"interval": 60}} if how == "edit" else {}))
    assert answer.status_code == 200, answer.json()
    done, refused = answer.json()["done"], answer.json()["refused"]
    room = {"resume": 3, "edit": 2}[how]  # each resumed makes 2, each edited 1 more than before
    assert (len(done), len(refused)) == (room, 4 - room)
    assert all("TEAM_MAX_CHECKS_PER_MINUTE" in item["reason"] for item in refused)
    assert quotas.Room(team)._stored[1] == 6
    services.change_many(team=team, monitors=[monitor.pk for monitor in many], action=Action.PAUSE)
    assert quotas.Room(team)._stored[1] == 0


def test_v44a_channels_of_one_team(settings: Settings, team: Team) -> None:
    settings.TEAM_MAX_CHANNELS = 1
    hook = {"kind": "webhook", "settings": {"url": "http://127.0.0.1:9/"}}
    channels.create_channel(team=team, **hook)
    with pytest.raises(ValidationError, match="at most 1 channels"):
        channels.create_channel(team=team, **hook)


def test_v44b_subscribers_of_one_page(settings: Settings, team: Team, owner: User, mailbox: Any) -> None:
    """A page that is full says nothing of it to strangers, and takes nobody."""
    settings.PAGE_MAX_SUBSCRIBERS = 1
    pages.create_page(team=team, by=owner, slug="ours", title="Ours", published=True, takes_subscribers=True)
    client, answers = Client(), []
    for name in ("ann", "eve"):
        answer = client.post("/status/ours/subscribe/", {"road": "email", "email-address": f"{name}@example.org"})
        answers.append((answer.status_code, re.sub(r'value="[^"]*"', "", answer.content.decode())))
    assert answers[0] == answers[1]
    assert "a message is on its way" in answers[0][1]
    assert Subscriber.objects.count() == 1


@pytest.mark.parametrize("limit", ["501", "1e9", "-1", "0", "9" * 5_000, "٣", "1;drop", "100.0", "+5", "null"])
def test_row43_the_size_of_a_page(api: Api, owner: User, limit: str) -> None:
    for path in ("/api/monitor", "/api/incidents", "/api/audit-log", "/api/channels"):
        answer = api(owner).get(path, {"limit": limit})
        assert answer.status_code in {200, 400}, path
        if answer.status_code == 400:
            assert "limit" in answer.json()["fields"]
        else:
            assert path == "/api/channels"  # a short list that is never cut


def test_v44c_the_size_of_a_page_is_the_operators(settings: Settings, api: Api, owner: User) -> None:
    settings.API_MAX_ROWS = 1_000
    assert api(owner).get("/api/monitor", {"limit": 1_000}).status_code == 200
    assert api(owner).get("/api/monitor", {"limit": 1_001}).status_code == 400


@pytest.mark.parametrize(
    "query", ["ordering=owner__password", "_connector=OR", "team=1", "spec__url=x", "id__in=1,2", "format=api"]
)
def test_row43_what_a_query_cannot_reach(api: Api, owner: User, make_monitor: MakeMonitor, query: str) -> None:
    make_monitor()
    plain, odd = api(owner).get("/api/monitor"), api(owner).get(f"/api/monitor?{query}")
    assert odd.status_code in {200, 400, 404}
    assert odd.status_code != 200 or odd.json() == plain.json()


def test_row44_a_body_as_large_as_the_operator_allows(settings: Settings, api: Api, owner: User) -> None:
    settings.MAX_BODY_BYTES = 70_000
    answer = api(owner).post("/api/monitor", {"url": "http://127.0.0.1:9/" + "x" * 70_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tags", [f"t{number}" for number in range(1_000)]),
        ("name", "x" * 10_000),
        ("regions", ["usa"] * 10_000),
        ("spec", {"url": "http://127.0.0.1:9/", "headers": {f"X-{n}": "y" for n in range(5_000)}}),
        ("spec", {"url": "http://127.0.0.1:9/", "body_matches": "(" * 5_000}),
        ("interval", 10**30),
        ("timeout", -1),
        ("policy", {"quorum": 10**9}),
    ],
    ids=lambda value: f"row44-{value}" if isinstance(value, str) else "",
)
def test_a_monitor_of_a_monstrous_kind(api: Api, owner: User, regions: list[str], field: str, value: Any) -> None:
    answer = api(owner).post("/api/monitor", {"url": "http://127.0.0.1:9/", field: value})
    assert answer.status_code == 400, answer.json()
    assert not Monitor.objects.exists()


def test_v44d_a_workers_evidence_is_the_beginning_of_a_page() -> None:
    assert http.EVIDENCE_BODY <= 4_096


def failure(make_monitor: MakeMonitor, **fields: Any) -> dict[str, Any]:
    """What is kept of a failed check of which a region, perhaps a stolen one, says this."""
    make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    message = report_on(open_batches()[0], Outcome.DOWN)
    message["results"][0] |= fields
    ingest.ingest(message)
    assert CheckResult.objects.count() == 1, "the result itself counts"
    return dict(CheckEvidence.objects.get().seen)


def test_v44e_evidence_is_no_larger_than_the_operator_allows(settings: Settings, make_monitor: MakeMonitor) -> None:
    settings.EVIDENCE_MAX_BYTES = 5_000
    seen = {"dns": ["192.0.2.1"], "headers": {"Server": "x" * 300}, "body": "y" * 1_000_000}
    kept = failure(make_monitor, evidence=seen, redirects=[{"status": 301, "location": "z" * 4_900}])
    assert kept["seen"] == {"dns": ["192.0.2.1"], "headers": {"Server": "x" * 300}}
    assert (kept["redirects"], kept["left_out"]) == ([], ["body", "redirects"])


ODD_EVIDENCE: dict[str, dict[str, Any]] = {
    "a-list": {"evidence": ["dns"], "redirects": 7, "certificate": "none"},
    "parts-of-other-kinds": {"evidence": {"dns": 7, "headers": [["a"]], "body": {"x": 1}}, "redirects": [3, None]},
    "no-numbers": {"certificate": {"days": float("nan")}, "redirects": [{"status": float("inf")}]},
    "a-number-without-end": {"redirects": [{"status": 302, "timings_ms": {"dns": 10**400}}]},
}


@pytest.mark.parametrize("how", ODD_EVIDENCE)
def test_v44f_odd_evidence_stops_neither_results_nor_pages(
    make_monitor: MakeMonitor, owner: User, api: Api, how: str
) -> None:
    failure(make_monitor, **ODD_EVIDENCE[how])
    row, browser = CheckResult.objects.get(), Client()
    browser.force_login(owner)
    assert browser.get(f"/monitors/{row.monitor_id}/checks/usa/{row.slot.timestamp():.0f}/").status_code == 200
    asked = {"slot": row.slot.isoformat()}
    assert api(owner).get(f"/api/results/{row.monitor_id}/checks/usa", asked).status_code == 200


def test_row51_a_logo_larger_than_the_operator_allows(settings: Settings, team: Team, owner: User) -> None:
    settings.LOGO_MAX_KB = 10
    with pytest.raises(ValidationError, match=r"at most 10 kB \(LOGO_MAX_KB\)"):
        pages.create_page(team=team, by=owner, slug="ours", title="Ours", logo=b"x" * 10_001)
