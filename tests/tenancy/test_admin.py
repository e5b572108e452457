"""Every route that the server has, as nobody, as the owner and as a stranger.

The routes come from the URLconf itself: a new one without a word here fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from alerts.models import Channel, Delivery, Rule, Step
from alerts.services import planning
from checks.models import CheckResult
from checks.services import dispatch
from drills.models import Drill
from heartbeats import services as heartbeats
from heartbeats.models import Ping
from incidents.models import Incident
from maintenance.models import Window
from maintenance.services import start_now as start_maintenance
from monitors.models import Monitor
from monitors.services import create_monitor
from probes.contract import Outcome
from statuspages.models import Component, Post, PostUpdate, Section, StatusPage, Subscriber
from statuspages.services import pages, posts
from tests.checks.road import answer_all
from tests.conftest import PASSWORD, MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]

OPEN_TO_ALL = {
    "api/auth/signup",
    "api/auth/login",
    "api/auth/refresh",
    "api/monitoring/health",
    "api/schema",
    "readyz",
    "login/",
    "signup/",
}
"""What somebody without an account may ask for."""

WITH_A_TOKEN = {
    "metrics",
    "ping/<str:token>",
    "ping/<str:token>/<str:word>",
    "drill/<str:token>",
    "badge/<slug:token>/<slug:name>.svg",
    "badge/<slug:token>/<slug:name>.json",
    "subscription/<slug:token>/",
    "subscription/<slug:token>/leave/",
}
"""Opened by a token of the operator's, a job's, a drill's or a badge's, not by an account; see
tests/operations/test_metrics.py, tests/heartbeats/test_ping.py, tests/drills/test_drill.py and
tests/statuspages/test_badges.py."""

OWN_ACCOUNT = {"api/auth/me", "api/auth/logout", "logout/"}
"""What everybody may change, whatever their role: themselves."""

THINGS = {
    "status-pages/subscribers/": "subscriber",
    "status-pages/sections/": "section",
    "status-pages/components/": "component",
    "status-pages/posts/": "post",
    "status-pages/": "page",
    "incidents/": "incident",
    "maintenance/": "window",
    "channels/": "channel",
    "rules/": "rule",
    "deliveries/": "delivery",
    "drills/": "drill",
    "/heartbeat": "job",
    "/pings": "job",
    "/ping-url": "job",
}
"""What a route's id is the id of, by a part of the route; a monitor's where nothing is said."""

READ_BY_POST = {"api/monitor/<uuid:pk>/backtest"}
"""What changes nothing, though it is asked by POST."""

VERBS = ("get", "post", "put", "patch", "delete")
REFUSED = {401, 403, 404, 405}


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path


def ours() -> list[str]:
    """All routes but those for staff alone (admin, with a test of its own below; operator/, with one in
    tests/dashboard/test_operations_pages.py) and those of published
    status pages, which are for everybody; see tests/statuspages."""
    return sorted({path for path in routes() if not path.startswith(("admin/", "status/"))})


def address(route: str, ids: dict[str, UUID]) -> str:
    kind = next((kind for part, kind in THINGS.items() if part in route), "monitor")
    path = "/" + route.replace("<uuid:pk>", str(ids[kind]))
    if "<str:region>/<int:slot>" in path:
        check = CheckResult.objects.filter(monitor=ids["monitor"])[0]
        path = path.replace("<str:region>/<int:slot>", f"{check.region}/{int(check.slot.timestamp())}")
    return path


def signed_in(user: User, route: str, api: Api) -> Client:
    """A program for the API's routes, a browser for the pages."""
    if route.startswith("api/"):
        return api(user)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def ids(make_monitor: MakeMonitor) -> dict[str, UUID]:
    """A monitor of the owner's with results, figures and an incident."""
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    job = create_monitor(team=monitor.team, kind="heartbeat", spec={"period": 3600})
    Ping.objects.create(monitor=job, at=timezone.now(), word="success")
    heartbeats.turn(now=timezone.now())
    window = start_maintenance(team=monitor.team, by=None, minutes=30, title="Deploy", everything=True)
    planning.plan(now=timezone.now())
    delivery = Delivery.objects.select_related("rule").get(team=monitor.team)
    assert delivery.rule is not None
    page = pages.create_page(team=monitor.team, by=None, slug="ours", title="Ours", published=True)
    return {
        "page": page.pk,
        "section": pages.add_section(page, name="Shop").pk,
        "component": pages.add_component(page, name="Till", monitor=monitor.pk).pk,
        "subscriber": Subscriber.objects.create(page=page, kind="email", mark="m", token_key="k", sealed="").pk,
        "post": posts.write_post(page, by=None, kind="incident", title="Slow", text="We look.").pk,
        "monitor": monitor.pk,
        "job": job.pk,
        "incident": Incident.objects.get(monitor=monitor).pk,
        "window": window.pk,
        "channel": delivery.channel_id,
        "rule": delivery.rule.pk,
        "delivery": delivery.pk,
        "drill": Drill.objects.create(team=monitor.team, asked_at=timezone.now(), interval=60, key="ours").pk,
    }


@pytest.fixture
def untouched(ids: dict[str, UUID], owner: User) -> Iterator[None]:
    """Whatever the test tries, the owner's rows stay exactly as they were."""
    before = everything_of(owner)
    yield
    assert everything_of(owner) == before


def everything_of(owner: User) -> dict[str, list[tuple[object, ...]]]:
    team = owner.memberships.get().team
    rows: dict[str, list[tuple[object, ...]]] = {
        "Monitor": list(Monitor.objects.filter(team=team).values_list()),
        "Window": list(Window.objects.filter(team=team).values_list()),
        "Channel": list(Channel.objects.filter(team=team).values_list()),
        "Rule": list(Rule.objects.filter(team=team).values_list()),
        "Step": list(Step.objects.filter(rule__team=team).values_list()),
        "Delivery": list(Delivery.objects.filter(team=team).values_list()),
        "StatusPage": list(StatusPage.objects.filter(team=team).values_list()),
        "Subscriber": list(Subscriber.objects.filter(page__team=team).values_list()),
        "Section": list(Section.objects.filter(page__team=team).values_list()),
        "Component": list(Component.objects.filter(page__team=team).values_list()),
        "Post": list(Post.objects.filter(page__team=team).values_list()),
        "PostUpdate": list(PostUpdate.objects.filter(post__page__team=team).values_list()),
        "Drill": list(Drill.objects.filter(team=team).values_list()),
    }
    for model in apps.get_models():
        if model.__name__ not in rows and any(field.name == "monitor" for field in model._meta.get_fields()):
            found = model._default_manager.filter(monitor__team=team)
            rows[model.__name__] = sorted(found.values_list(), key=str)
    return rows


def test_the_walk_reaches_every_part() -> None:
    assert {"api/monitor", "api/incidents/<uuid:pk>", "monitors/<uuid:pk>/", "readyz"} <= set(ours())
    assert set(ours()) >= OPEN_TO_ALL


@pytest.mark.parametrize("route", [route for route in ours() if route not in OPEN_TO_ALL])
def test_nobody_gets_nothing(route: str, ids: dict[str, UUID], untouched: None, api: Api) -> None:
    for verb in VERBS:
        response = getattr(api(), verb)(address(route, ids), {} if verb != "get" else None)
        if response.status_code == 302:
            assert response.headers["Location"].startswith(("/login/", "/monitors/")), response.headers
            assert not route.startswith("api/")
        else:
            assert response.status_code in REFUSED, (verb, response.content[:300])
            assert str(ids["monitor"]).encode() not in response.content


@pytest.mark.parametrize("route", [route for route in ours() if "<uuid:pk>" in route])
def test_a_strangers_hand_finds_nothing(
    route: str, ids: dict[str, UUID], untouched: None, stranger: User, api: Api
) -> None:
    client = signed_in(stranger, route, api)
    for verb in VERBS:
        response = getattr(client, verb)(address(route, ids), {} if verb != "get" else None)
        assert response.status_code in {404, 405}, (verb, response.status_code, response.content[:300])


@pytest.mark.parametrize("route", [route for route in ours() if "<uuid:pk>" not in route])
def test_a_strangers_lists_show_nothing_of_the_owners(
    route: str, ids: dict[str, UUID], untouched: None, stranger: User, api: Api
) -> None:
    response = signed_in(stranger, route, api).get(address(route, ids), follow=True)
    for known in ids.values():
        assert str(known).encode() not in response.content


@pytest.mark.parametrize("route", sorted(set(ours()) - WITH_A_TOKEN))
def test_the_owner_finds_everything(route: str, ids: dict[str, UUID], owner: User, api: Api) -> None:
    response = signed_in(owner, route, api).get(address(route, ids))
    assert response.status_code in {200, 302, 304, 405, 503}, (response.status_code, response.content[:300])


def test_a_viewer_changes_nothing(ids: dict[str, UUID], untouched: None, viewer: User, api: Api) -> None:
    for route in set(ours()) - OPEN_TO_ALL - WITH_A_TOKEN:
        if route in OWN_ACCOUNT | READ_BY_POST:
            continue
        client = signed_in(viewer, route, api)
        for verb in set(VERBS) - {"get"}:
            response = getattr(client, verb)(address(route, ids), {})
            assert response.status_code in {403, 405}, (verb, route, response.status_code)


def test_the_admin_is_for_staff(client: Client, owner: User) -> None:
    assert client.login(username=owner.email, password=PASSWORD)
    for path in ("/admin/", "/admin/monitors/monitor/", "/admin/accounts/user/"):
        response = client.get(path)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/")


def test_the_admin_shows_every_list_to_an_operator(client: Client, ids: dict[str, UUID]) -> None:
    operator = User.objects.create_superuser("root@example.com", PASSWORD)
    client.force_login(operator)
    for model in ("user", "team"):
        assert client.get(f"/admin/accounts/{model}/?q=o").status_code == 200
    for path in ("monitors/monitor", "monitors/region", "incidents/incident", "checks/checkbatch", "alerts/channel"):
        assert client.get(f"/admin/{path}/?q=a").status_code == 200, path
    for path in ("checks/monitorstats", "checks/regionworker", "alerts/delivery"):
        assert client.get(f"/admin/{path}/").status_code == 200, path
    page = client.get(f"/admin/checks/monitorstats/{ids['monitor']}/change/")
    assert b"connect_refused" in page.content
    assert client.get(f"/admin/monitors/monitor/{ids['monitor']}/change/").status_code == 200
    assert client.get(f"/admin/incidents/incident/{ids['incident']}/change/").status_code == 200
    assert client.get(f"/admin/alerts/channel/{ids['channel']}/change/").status_code == 200
    assert client.get(f"/admin/alerts/delivery/{ids['delivery']}/change/").status_code == 200
