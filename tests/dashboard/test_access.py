"""Who sees and who changes what, on every page."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import User
from dashboard.urls import urlpatterns
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit

LOOK = ["dashboard", "monitor-rows", "monitor", "monitor-live", "monitor-series", "incidents"]
LOOK_TO_CHANGE = ["monitor-new", "monitor-edit", "monitor-delete"]
CHANGE = [
    "dashboard",
    "monitor-new",
    "monitor-edit",
    "monitor-pause",
    "monitor-resume",
    "monitor-check",
    "monitor-delete",
]
POST_ONLY = ["monitor-pause", "monitor-resume", "monitor-check"]
OF_ONE = [route.name for route in urlpatterns if "<uuid:pk>" in str(route.pattern)]


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Olga's shop")


def address(name: str, monitor: Monitor) -> str:
    return reverse(name, kwargs={"pk": monitor.pk} if name in OF_ONE else None)


def test_every_page_is_in_these_tables() -> None:
    known = {*LOOK, *LOOK_TO_CHANGE, *CHANGE, "home"}
    assert {route.name for route in urlpatterns} == known
    assert get_resolver().reverse_dict  # the routes below are really mounted


@pytest.mark.parametrize("name", [*LOOK, *LOOK_TO_CHANGE])
def test_nobody_looks_without_logging_in(visit: Visit, monitor: Monitor, name: str) -> None:
    page = address(name, monitor)
    answer = visit().get(page)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={page}")


@pytest.mark.parametrize("name", CHANGE)
def test_nobody_changes_without_logging_in(visit: Visit, monitor: Monitor, name: str) -> None:
    assert visit().post(address(name, monitor)).headers["Location"].startswith("/login/")
    monitor.refresh_from_db()
    assert not monitor.paused


@pytest.mark.parametrize("name", ["monitor-rows", "monitor-live"])
def test_a_live_part_whose_session_ended_reloads_the_page(visit: Visit, monitor: Monitor, name: str) -> None:
    answer = visit().get(address(name, monitor), headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert not answer.content


@pytest.mark.parametrize("name", OF_ONE)
def test_a_stranger_finds_nothing(visit: Visit, stranger: User, monitor: Monitor, name: str) -> None:
    client = visit(stranger)
    if name not in POST_ONLY:
        assert client.get(address(name, monitor)).status_code == 404
    if name in CHANGE:
        assert client.post(address(name, monitor)).status_code == 404
    assert Monitor.objects.get() == monitor


@pytest.mark.parametrize("name", OF_ONE)
def test_a_stranger_cannot_tell_a_hidden_monitor_from_none(
    visit: Visit, stranger: User, monitor: Monitor, name: str
) -> None:
    client = visit(stranger)
    nowhere = reverse(name, kwargs={"pk": uuid4()})
    method = client.post if name in POST_ONLY else client.get
    hidden, missing = method(address(name, monitor)), method(nowhere)
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)


@pytest.mark.parametrize("name", LOOK)
def test_a_viewer_looks(visit: Visit, viewer: User, monitor: Monitor, name: str) -> None:
    assert visit(viewer).get(address(name, monitor)).status_code == 200


@pytest.mark.parametrize("name", LOOK_TO_CHANGE)
def test_a_viewer_gets_no_forms(visit: Visit, viewer: User, monitor: Monitor, name: str) -> None:
    assert visit(viewer).get(address(name, monitor)).status_code == 403


@pytest.mark.parametrize("name", CHANGE)
def test_a_viewer_changes_nothing(visit: Visit, viewer: User, monitor: Monitor, name: str) -> None:
    before = Monitor.objects.values().get()
    answer = visit(viewer).post(address(name, monitor), {"url": "http://127.0.0.1:9/"})
    assert answer.status_code == 403
    assert Monitor.objects.values().get() == before


@pytest.mark.parametrize("name", ["dashboard", "monitor"])
def test_a_viewer_sees_no_buttons_and_an_editor_does(
    visit: Visit, viewer: User, editor: User, monitor: Monitor, name: str
) -> None:
    def forms(user: User) -> int:
        return visit(user).get(address(name, monitor)).content.decode().count('method="post"')

    assert forms(viewer) == 1  # to log out
    assert forms(editor) > 1


@pytest.mark.parametrize("name", POST_ONLY)
def test_looking_never_changes_anything(visit: Visit, owner: User, monitor: Monitor, name: str) -> None:
    assert visit(owner).get(address(name, monitor)).status_code == 405


@pytest.mark.parametrize("name", CHANGE)
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"HX-Request": "true"}])
def test_a_change_needs_the_mark_of_our_own_form(
    owner: User, monitor: Monitor, name: str, headers: dict[str, str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    before = Monitor.objects.values().get()
    answer = client.post(address(name, monitor), {"url": "http://127.0.0.1:9/"}, headers=headers)
    assert answer.status_code == 403
    assert Monitor.objects.values().get() == before
