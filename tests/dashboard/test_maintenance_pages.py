"""Planned work on the pages: planned, previewed, started, stopped, deleted, and told on the pages of its monitors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import Team, User
from maintenance import services
from maintenance.models import Window
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    return visit(owner)


TYPED: dict[str, Any] = {
    "title": "Update",
    "everything": "yes",
    "tags": "",
    "minutes": "90",
    "pauses_checks": "no",
    "note": "",
    "starts": "2031-03-02T02:30",
    "zone": "Europe/Berlin",
    "repeats": "",
    "rule": "",
}


def test_an_empty_list_says_what_it_is_for(client: Client) -> None:
    assert "Plan the first one" in client.get("/maintenance/").content.decode()


def test_work_is_planned_with_everything_said(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Shop")
    chosen = {"everything": "no", "monitors": [str(monitor.pk)], "tags": "prod", "counts_as_uptime": "on"}
    rule = {"repeats": "own", "rule": "FREQ=MONTHLY;BYDAY=1SU"}
    answer = client.post("/maintenance/new/", TYPED | chosen | rule | {"pauses_checks": "yes", "note": "the disk"})
    window = Window.objects.get()
    assert answer.headers["Location"] == f"/maintenance/{window.pk}/"
    assert (window.title, window.starts, window.zone) == ("Update", datetime(2031, 3, 2, 2, 30), "Europe/Berlin")  # noqa: DTZ001
    assert (window.everything, window.tags, list(window.monitors.all())) == (False, ["prod"], [monitor])
    assert (window.minutes, window.rule) == (90, "FREQ=MONTHLY;BYDAY=1SU")
    assert window.pauses_checks
    assert window.counts_as_uptime
    page = client.get(f"/maintenance/{window.pk}/").content.decode()
    for words in ("Shop", "the disk", "FREQ=MONTHLY;BYDAY=1SU", "Europe/Berlin", "UTC", "To come"):
        assert words in page


@pytest.mark.parametrize("where", ["/maintenance/new/", "edit"])
def test_the_preview_shows_local_time_and_utc_and_marks_odd_days(client: Client, team: Team, where: str) -> None:
    if where == "edit":
        window = services.plan_window(
            team=team,
            by=None,
            title="Old",
            starts=datetime(2031, 1, 1, 1, 0),  # noqa: DTZ001
            minutes=5,
            everything=True,
        )
        where = f"/maintenance/{window.pk}/edit/"
    weekly = TYPED | {"repeats": "FREQ=WEEKLY", "starts": "2031-03-23T02:30", "preview": "yes"}
    page = client.post(where, weekly).content.decode()
    assert page.count("<strong>Sun ") == 10
    assert "Sun 30 Mar 2031, 02:30" in page
    assert "The clocks leap over this time." in page
    assert "30 Mar 2031, 01:30:00 UTC to 30 Mar 2031, 03:00:00 UTC" in strip_tags(page)
    assert "Sun 30 Mar 2031, 03:30 (Europe/Berlin)" in page
    autumn = client.post(where, weekly | {"starts": "2031-10-26T02:30"}).content.decode()
    assert "This time comes twice" in autumn
    assert set(Window.objects.values_list("title", flat=True)) <= {"Old"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"starts": "soon"}, "Say first when it begins"),
        ({"repeats": "own", "rule": "FREQ=SECONDLY"}, "FREQ must be one of"),
        ({"starts": "2021-01-01T00:00"}, "This time is over"),
    ],
)
def test_a_preview_of_nothing_says_why(client: Client, more: dict[str, str], words: str) -> None:
    assert words in client.post("/maintenance/new/", TYPED | more | {"preview": "yes"}).content.decode()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"title": ""}, "title"),
        ({"starts": ""}, "starts"),
        ({"starts": "soon"}, "starts"),
        ({"starts": "2031-03-02T02:30+01:00"}, "starts"),
        ({"starts": "2021-01-01T00:00"}, "starts"),
        ({"minutes": "0"}, "minutes"),
        ({"zone": "Moon/Base"}, "zone"),
        ({"repeats": "own"}, "rule"),
        ({"repeats": "own", "rule": "FREQ=SECONDLY"}, "rule"),
        ({"everything": "no"}, "everything"),
        ({"tags": "x" * 41}, "tags"),
        ({"monitors": ["00000000-0000-0000-0000-000000000000"]}, "monitors"),
    ],
)
def test_what_is_wrong_stands_at_its_field(client: Client, more: dict[str, Any], field: str) -> None:
    page = client.post("/maintenance/new/", TYPED | more).content.decode()
    assert f'id="id_{field}_error"' in page
    assert "Nothing was saved" in page
    assert not Window.objects.exists()


def test_saving_unchanged_changes_nothing(client: Client, team: Team) -> None:
    window = services.plan_window(
        team=team,
        by=None,
        title="Old",
        starts=datetime(2031, 1, 1, 1, 0),  # noqa: DTZ001
        minutes=5,
        everything=True,
        zone="Asia/Calcutta",
        rule="FREQ=DAILY;COUNT=3",
        pauses_checks=True,
    )
    before = Window.objects.values().get()
    address = f"/maintenance/{window.pk}/edit/"
    form = client.get(address).context["form"]
    shown = {field.html_name: field.value() for field in form}
    data = {name: value for name, value in shown.items() if value is not None and value is not False}
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.context["form"].errors
    assert Window.objects.values().get() == before


def test_it_is_started_told_on_the_monitors_page_and_stopped(client: Client, make_monitor: MakeMonitor) -> None:
    monitor, other = make_monitor(name="Shop"), make_monitor(name="Blog")
    assert f'value="{monitor.pk}" id="id_monitors_1" checked' in client.get(
        f"/maintenance/start/?monitor={monitor.pk}"
    ).content.decode().replace("aria-", "")
    now = {"title": "Deploy", "minutes": "30", "everything": "no", "monitors": [str(monitor.pk)], "tags": ""}
    client.post("/maintenance/start/", now | {"pauses_checks": "no"})
    window = Window.objects.get()
    banner = f'<a href="/maintenance/{window.pk}/">Deploy</a> until'
    for address in (f"/monitors/{monitor.pk}/", f"/monitors/{monitor.pk}/live/"):
        assert banner in client.get(address).content.decode()
    assert banner not in client.get(f"/monitors/{other.pk}/").content.decode()
    assert "Under way" in client.get("/maintenance/").content.decode()

    page = client.post(f"/maintenance/{window.pk}/stop/", follow=True).content.decode()
    assert "Ended." in page
    assert "Over" in page
    assert banner not in client.get(f"/monitors/{monitor.pk}/").content.decode()


def test_what_is_to_come_can_be_started_early(client: Client, team: Team) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).replace(tzinfo=None)
    window = services.plan_window(team=team, by=None, title="Move", everything=True, starts=tomorrow, minutes=30)
    address = f"/maintenance/{window.pk}/"
    assert "Start early" in client.get(address).content.decode()
    page = client.post(f"{address}start/", follow=True).content.decode()
    assert "Started. It ends as planned" in page
    assert "Under way" in page
    Window.objects.update(next_starts=None, next_ends=None)
    assert "nothing left to start" in client.post(f"{address}start/", follow=True).content.decode()


def test_the_list_has_what_goes_on_what_comes_and_what_is_over(client: Client, team: Team) -> None:
    now = timezone.now()
    for title, starts in (("Past", -60), ("Present", -10), ("Future", 60)):
        window = services.start_now(team=team, by=None, minutes=30, title=title, everything=True)
        begins = now + timedelta(minutes=starts)
        Window.objects.filter(pk=window.pk).update(next_starts=begins, next_ends=begins + timedelta(minutes=30))
    found = client.get("/maintenance/").context["list"]
    listed = [[window.title for window in part] for part in (found.under_way, found.to_come, found.past)]
    assert listed == [["Present"], ["Future"], ["Past"]]


def test_deleting_asks_first(client: Client, team: Team) -> None:
    window = services.start_now(team=team, by=None, minutes=30, title="Deploy", everything=True)
    address = f"/maintenance/{window.pk}/delete/"
    assert "Delete Deploy?" in client.get(address).content.decode()
    assert "Deploy is deleted." in client.post(address, follow=True).content.decode()
    assert not Window.objects.exists()
