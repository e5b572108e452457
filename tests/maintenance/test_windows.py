"""Planning work by the API, and monitors that enter and leave it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from maintenance import services
from maintenance.models import Window
from monitors.models import Monitor
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


def local_now(**ahead: int) -> str:
    return (timezone.now() + timedelta(**ahead)).replace(tzinfo=None).isoformat(timespec="minutes")


def plan(**fields: Any) -> dict[str, Any]:
    return {"title": "Deploy", "starts": local_now(hours=1), "minutes": 60, "everything": True, **fields}


def in_work(*monitors: Monitor) -> list[bool]:
    return [Monitor.objects.get(pk=monitor.pk).maintenance_until is not None for monitor in monitors]


def test_a_plan_is_made_read_changed_and_forgotten(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor, program = make_monitor(), api(owner)
    made = program.post("/api/maintenance", plan(everything=False, monitors=[str(monitor.pk)]), format="json")
    assert made.status_code == 201, made.data
    window = f"/api/maintenance/{made.data['id']}"
    assert program.get(window).data["monitors"] == [monitor.pk]
    assert [each["id"] for each in program.get("/api/maintenance?to_come=true").data["results"]] == [made.data["id"]]
    changed = program.patch(window, {"rule": "FREQ=DAILY", "zone": "Asia/Kolkata"}, format="json")
    assert (changed.data["rule"], changed.data["title"]) == ("FREQ=DAILY", "Deploy")
    assert len(program.get(f"{window}/preview").data["results"]) == 10
    assert program.delete(window).status_code == 204
    assert program.get(window).status_code == 404


def test_a_preview_tells_local_time_and_utc_before_saving(api: Api, owner: User) -> None:
    fields = plan(starts="2027-03-28T02:30", zone="Europe/Berlin", rule="FREQ=WEEKLY")
    coming = api(owner).post("/api/maintenance/preview", fields, format="json").data["results"]
    assert len(coming) == 10
    assert coming[0] == {
        "local": "2027-03-28T02:30",
        "starts": "2027-03-28T01:30:00Z",
        "ends": "2027-03-28T02:30:00Z",
        "odd": "gap",
    }
    assert coming[1]["starts"] == "2027-04-04T00:30:00Z"
    assert not Window.objects.exists()


def test_what_is_planned_can_begin_early_and_ends_as_planned(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    monitor, program = make_monitor(), api(owner)
    made = program.post("/api/maintenance", plan(rule="FREQ=DAILY"), format="json").data
    address = f"/api/maintenance/{made['id']}"
    assert in_work(monitor) == [False]
    begun = program.post(f"{address}/start").data
    assert begun["next_starts"] < made["next_starts"]
    assert begun["next_ends"] == made["next_ends"]
    assert in_work(monitor) == [True]
    assert program.post(f"{address}/start").data["next_starts"] == begun["next_starts"]
    renamed = program.patch(address, {"title": "Move"}, format="json").data
    assert renamed["next_starts"] == begun["next_starts"]
    stopped = program.post(f"{address}/stop").data
    assert in_work(monitor) == [False]
    assert stopped["next_starts"] > made["next_ends"]  # tomorrow: today's is done
    Window.objects.update(next_starts=None, next_ends=None)
    assert "starts" in program.post(f"{address}/start").data["fields"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"starts": "2027-01-01T02:30+01:00"}, "starts"),
        ({"starts": "2021-01-01T02:30"}, "starts"),
        ({"starts": 12}, "starts"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 43_201}, "minutes"),
        ({"minutes": 10**15}, "minutes"),
        ({"zone": "Nowhere"}, "zone"),
        ({"rule": "FREQ=HOURLY"}, "rule"),
        ({"everything": False}, "monitors"),
        ({"monitors": ["00000000-0000-0000-0000-000000000000"]}, "monitors"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_plan_is_refused_by_the_name_of_its_field(
    api: Api, owner: User, change: dict[str, Any], field: str
) -> None:
    answer = api(owner).post("/api/maintenance", plan(**change), format="json")
    assert answer.status_code == 400
    assert field in answer.data["fields"]
    assert not Window.objects.exists()


def test_another_teams_monitor_cannot_be_named(
    api: Api, stranger: User, make_monitor: MakeMonitor, owner: User
) -> None:
    theirs = make_monitor()
    answer = api(stranger).post("/api/maintenance", plan(everything=False, monitors=[str(theirs.pk)]), format="json")
    assert answer.status_code == 400
    assert in_work(theirs) == [False]


def test_monitors_enter_by_name_tag_or_team_and_leave_again(team: Team, make_monitor: MakeMonitor) -> None:
    named, tagged, other = make_monitor(), make_monitor(tags=["eu"]), make_monitor()
    now = timezone.now()
    window = services.start_now(team=team, by=None, title="x", minutes=30, tags=["eu"], monitors=[named.pk])
    assert in_work(named, tagged, other) == [True, True, False]
    later = make_monitor(tags=["eu"])
    assert services.turn(now=now + timedelta(seconds=5)) == 1
    assert in_work(later) == [True]
    assert services.turn(now=now + timedelta(seconds=10)) == 0
    services.stop(window)
    assert in_work(named, tagged, later) == [False] * 3


def test_one_that_repeats_goes_on_with_its_next_time(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    window = services.start_now(team=team, by=None, title="x", minutes=30, everything=True, rule="FREQ=DAILY")
    began = window.next_starts
    assert began
    ended = began + timedelta(minutes=30)
    assert services.advance(now=ended - timedelta(seconds=1)) == 0
    assert services.advance(now=ended) == 1
    services.turn(now=ended)
    assert in_work(monitor) == [False]
    window.refresh_from_db()
    assert window.next_starts == began + timedelta(days=1)
    services.turn(now=window.next_starts)
    assert in_work(monitor) == [True]


def test_of_two_windows_the_longer_and_stricter_holds(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    services.start_now(team=team, by=None, title="short", minutes=30, everything=True, pauses_checks=True)
    long = services.start_now(team=team, by=None, title="long", minutes=60, everything=True, counts_as_uptime=True)
    monitor.refresh_from_db()
    assert monitor.maintenance_until == long.next_ends
    assert (monitor.maintenance_pauses, monitor.maintenance_counts) == (True, False)
