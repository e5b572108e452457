"""Who sees and who changes what, on every page."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from alerts.models import Delivery, Rule
from alerts.services import planning
from dashboard.filters import Filters
from dashboard.services import save_view
from dashboard.urls import urlpatterns
from incidents.models import Incident
from maintenance.services import start_now as start_maintenance
from monitors.models import Monitor
from statuspages.services import pages, posts
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell

LOOK = [
    "dashboard",
    "monitor-rows",
    "saved-views",
    "monitor",
    "monitor-live",
    "monitor-first-live",
    "monitor-series",
    "incidents",
    "incident",
    "channels",
    "channel",
    "rules",
    "deliveries",
    "delivery",
    "maintenance",
    "window",
    "pages",
    "page",
    "page-preview",
    "post",
]
LOOK_TO_CHANGE = [
    "monitor-new",
    "monitor-edit",
    "monitor-delete",
    "monitor-first",
    "incident-correct",
    "channel-new",
    "channel-edit",
    "channel-delete",
    "rule-new",
    "rule-edit",
    "rule-delete",
    "window-new",
    "window-start",
    "window-edit",
    "window-delete",
    "page-new",
    "page-edit",
    "page-delete",
    "page-section",
    "page-component",
    "page-post",
    "section-edit",
    "section-delete",
    "component-edit",
    "component-delete",
    "post-edit",
    "post-delete",
]
POST_ONLY = [
    "monitor-bulk",
    "monitor-pause",
    "monitor-resume",
    "monitor-check",
    "monitor-ping-url",
    "incident-acknowledge",
    "incident-resolve",
    "incident-reopen",
    "incident-note",
    "channel-test",
    "delivery-redrive",
    "window-stop",
    "page-token",
    "section-move",
    "component-move",
    "post-say",
]
OWN = ["saved-view-first", "saved-view-delete"]
"""By POST; a person's own, whatever their role."""
CHANGE = ["dashboard", *LOOK_TO_CHANGE, *POST_ONLY]
TABLES = {*LOOK, *LOOK_TO_CHANGE, *CHANGE, *OWN}
"""The first pages; tests/tenancy walks every route, and fails for one without a rule."""

OF_ONE = [route.name for route in urlpatterns if route.name in TABLES and "<uuid:pk>" in str(route.pattern)]

Things = dict[str, Model]


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Olga's shop")


@pytest.fixture
def things(monitor: Monitor) -> Things:
    """One of everything that a page can be about, by the first part of the page's name."""
    tell(monitor, usa="..xx", india="..xx")
    planning.plan(now=timezone.now())
    delivery = Delivery.objects.get()
    page = pages.create_page(team=monitor.team, by=None, slug="olga", title="Olga's page", published=True)
    return {
        "page": page,
        "section": pages.add_section(page, name="Shop"),
        "component": pages.add_component(page, name="Till", monitor=monitor.pk),
        "post": posts.write_post(page, by=None, kind="incident", title="Slow", text="We look."),
        "saved": save_view(monitor.team.memberships.get(role="owner"), name="Mine", filters=Filters(), is_first=True),
        "monitor": monitor,
        "incident": Incident.objects.get(),
        "channel": delivery.channel,
        "rule": Rule.objects.get(),
        "delivery": delivery,
        "window": start_maintenance(team=monitor.team, by=None, minutes=30, title="Deploy", tags=["none"]),
    }


@pytest.fixture
def untouched(things: Things) -> Iterator[None]:
    """Whatever the test tries, all of them stay exactly as they were."""

    def rows() -> list[object]:
        return [type(thing)._default_manager.values().get(pk=thing.pk) for thing in things.values()]

    before = rows()
    yield
    assert rows() == before


def address(name: str, things: Things) -> str:
    return reverse(name, kwargs={"pk": things[name.split("-")[0]].pk} if name in OF_ONE else None)


@pytest.mark.parametrize("name", [*LOOK, *LOOK_TO_CHANGE])
def test_nobody_looks_without_logging_in(visit: Visit, things: Things, name: str) -> None:
    page = address(name, things)
    answer = visit().get(page)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={page}")


@pytest.mark.parametrize("name", CHANGE)
@pytest.mark.usefixtures("untouched")
def test_nobody_changes_without_logging_in(visit: Visit, things: Things, name: str) -> None:
    assert visit().post(address(name, things)).headers["Location"].startswith("/login/")


@pytest.mark.parametrize("name", ["monitor-rows", "monitor-live"])
def test_a_live_part_whose_session_ended_reloads_the_page(visit: Visit, things: Things, name: str) -> None:
    answer = visit().get(address(name, things), headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert not answer.content


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.usefixtures("untouched")
def test_a_stranger_finds_nothing(visit: Visit, stranger: User, things: Things, name: str) -> None:
    client = visit(stranger)
    if name not in POST_ONLY + OWN:
        assert client.get(address(name, things)).status_code == 404
    if name in CHANGE + OWN:
        assert client.post(address(name, things)).status_code == 404


@pytest.mark.parametrize("name", OF_ONE)
def test_a_stranger_cannot_tell_a_hidden_monitor_from_none(
    visit: Visit, stranger: User, things: Things, name: str
) -> None:
    client = visit(stranger)
    nowhere = reverse(name, kwargs={"pk": uuid4()})
    method = client.post if name in POST_ONLY + OWN else client.get
    hidden, missing = method(address(name, things)), method(nowhere)
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)


@pytest.mark.parametrize("name", LOOK)
def test_a_viewer_looks(visit: Visit, viewer: User, things: Things, name: str) -> None:
    assert visit(viewer).get(address(name, things)).status_code == 200


@pytest.mark.parametrize("name", LOOK_TO_CHANGE)
def test_a_viewer_gets_no_forms(visit: Visit, viewer: User, things: Things, name: str) -> None:
    assert visit(viewer).get(address(name, things)).status_code == 403


@pytest.mark.parametrize("name", CHANGE)
@pytest.mark.usefixtures("untouched")
def test_a_viewer_changes_nothing(visit: Visit, viewer: User, things: Things, name: str) -> None:
    answer = visit(viewer).post(address(name, things), {"url": "http://127.0.0.1:9/"})
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["dashboard", "monitor", "incident", "channel", "window", "page", "post"])
def test_a_viewer_sees_no_buttons_and_an_editor_does(
    visit: Visit, viewer: User, editor: User, things: Things, name: str
) -> None:
    def forms(user: User) -> int:
        return visit(user).get(address(name, things)).content.decode().count('method="post"')

    assert forms(viewer) == 1  # to log out
    assert forms(editor) > 1


@pytest.mark.parametrize("name", POST_ONLY + OWN)
def test_looking_never_changes_anything(visit: Visit, owner: User, things: Things, name: str) -> None:
    assert visit(owner).get(address(name, things)).status_code == 405


@pytest.mark.parametrize("name", CHANGE)
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"HX-Request": "true"}])
@pytest.mark.usefixtures("untouched")
def test_a_change_needs_the_mark_of_our_own_form(
    owner: User, things: Things, name: str, headers: dict[str, str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.post(address(name, things), {"url": "http://127.0.0.1:9/"}, headers=headers)
    assert answer.status_code == 403
