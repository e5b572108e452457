"""Changing many monitors from the list, and keeping views of it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from dashboard.models import SavedView
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    return visit(owner)


def post(client: Client, **said: object) -> tuple[int, str]:
    answer = client.post("/monitors/bulk/", said, follow=True)
    return answer.status_code, answer.content.decode()


def test_what_is_ticked_is_paused_at_once(client: Client, make_monitor: MakeMonitor) -> None:
    ticked, other = make_monitor(), make_monitor()
    _, page = post(client, action="pause", monitor=[str(ticked.pk)], query="?tag=x")
    assert "1 monitor is paused." in page
    assert set(Monitor.objects.filter(paused=True)) == {ticked}
    assert not Monitor.objects.get(pk=other.pk).paused


def test_deleting_asks_once_and_takes_only_what_it_named(client: Client, make_monitor: MakeMonitor) -> None:
    for at in range(23):
        make_monitor(name=f"old {at:02}")
    keep = make_monitor(name="keep")
    _, page = post(client, action="delete", everything="1", query="?q=old")
    assert "Delete 23 monitors?" in page
    assert "and 3 more" in page
    assert Monitor.objects.count() == 24
    late = make_monitor(name="old, but came later")
    ids = page.partition('name="ids" value="')[2].partition('"')[0]
    _, page = post(client, action="delete", ids=ids, said="1", query="?q=old")
    assert "23 monitors are deleted." in page
    assert set(Monitor.objects.all()) == {keep, late}


def test_all_that_match_are_paused_after_a_question(client: Client, make_monitor: MakeMonitor) -> None:
    make_monitor()
    _, page = post(client, action="pause", everything="1", query="")
    assert "Pause 1 monitor?" in page
    assert not Monitor.objects.filter(paused=True).exists()


def test_an_edit_names_who_could_not_take_it(client: Client, make_monitor: MakeMonitor) -> None:
    quick, slow = make_monitor(name="Quick", interval=300), make_monitor(name="<b>Slow</b>", interval=300, timeout=60)
    ids = f"{quick.pk},{slow.pk}"
    _, page = post(client, action="edit", ids=ids, said="1", interval="60")
    assert "1 monitor is changed. 1 is as it was:" in page
    assert "&lt;b&gt;Slow&lt;/b&gt;" in page
    assert "timeout: must be smaller than the interval" in page
    quick.refresh_from_db()
    assert quick.interval == 60


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"action": "edit", "said": "1"}, "Name at least one of interval"),
        ({"action": "edit", "said": "1", "timeout": "999"}, "less than or equal to 60"),
        ({"action": "tag", "said": "1", "tags": " , "}, "This field is required"),
        ({"action": "tag", "said": "1", "tags": "x" * 41}, "40 characters"),
    ],
)
def test_a_bad_wish_is_refused_at_its_field_and_the_choice_is_kept(
    client: Client, make_monitor: MakeMonitor, said: dict[str, str], complaint: str
) -> None:
    monitor = make_monitor()
    status, page = post(client, ids=str(monitor.pk), **said)
    assert status == 200
    assert complaint in page
    assert f'value="{monitor.pk.hex}"' in page


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"action": "explode"}, "no such action"),
        ({"action": "pause"}, "No monitor was chosen"),
        ({"action": "pause", "ids": "x"}, "No monitor was chosen"),
    ],
)
def test_nothing_chosen_changes_nothing(
    client: Client, make_monitor: MakeMonitor, said: dict[str, str], words: str
) -> None:
    make_monitor()
    assert words in post(client, **said)[1]
    assert not Monitor.objects.filter(paused=True).exists()


def test_the_monitors_of_others_are_not_even_named(visit: Visit, stranger: User, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Olga's shop")
    _, page = post(visit(stranger), action="delete", ids=str(monitor.pk), said="1")
    assert "Olga" not in page
    assert Monitor.objects.exists()


# --- views ---


def test_a_view_is_kept_opened_first_and_deleted(client: Client, make_monitor: MakeMonitor) -> None:
    make_monitor(tags=["eu"])
    kept = {"name": "  Europe ", "query": "?tag=eu&page=3&nonsense=1", "is_first": "on"}
    assert client.post("/monitors/views/", kept).headers["Location"] == "/monitors/?tag=eu"
    assert client.get("/").headers["Location"] == "/monitors/?tag=eu"
    page = client.get("/monitors/?tag=eu").content.decode()
    assert '<a class="chip" href="/monitors/?tag=eu" aria-current="true">Europe</a>' in page
    client.post("/monitors/views/", {"name": "europe", "query": "?tag=eu&status=down"})
    view = SavedView.objects.get()
    assert (view.query, view.is_first) == ("?status=down&tag=eu", False)
    client.post(f"/monitors/views/{view.pk}/first/")
    assert client.get("/login/", follow=True).redirect_chain[-1][0] == "/monitors/?status=down&tag=eu"
    client.post(f"/monitors/views/{view.pk}/delete/")
    assert client.get("/").headers["Location"] == "/monitors/"


def test_a_viewer_keeps_views_too_and_nobody_sees_them(visit: Visit, viewer: User, client: Client) -> None:
    assert visit(viewer).post("/monitors/views/", {"name": "Mine", "query": ""}).status_code == 302
    view = SavedView.objects.get()
    assert "Mine" not in client.get("/monitors/views/").content.decode()
    assert client.post(f"/monitors/views/{view.pk}/delete/").status_code == 404
    assert "This field is required." in visit(viewer).post("/monitors/views/", {"name": " "}).content.decode()
