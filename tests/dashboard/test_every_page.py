"""Every page that a member can open: axe in light, dark and narrow, nothing sticks out, nothing small to hit.

The pages are those of the URLconf; ids are those of tests/tenancy/world.py. A route that this file cannot open by
itself has to stand in ``ELSEWHERE`` or ``BY_HAND``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from django.conf import settings as server
from django.db import connection
from django.test import Client
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django import Settings

from accounts.models import Invitation, User
from accounts.rules import fingerprint
from alerts.models import Channel
from alerts.services.confirming import token_of
from checks.models import CheckResult
from statuspages.models import StatusPage
from statuspages.services import pages as status_pages
from tests.browser.conftest import CHROMIUMS, FLAGS, REPORT_VIOLATIONS, SCREENSHOTS, Visitor
from tests.tenancy.rules import STAFF, rule_of
from tests.tenancy.test_matrix import address, ours, verbs_of
from tests.tenancy.world import make_things

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

Pages = dict[str, str]
"""A name for the picture, and the address."""

ELSEWHERE = {
    "admin/*": "Django's own",
    "api/*": "for programs, as are the next ones",
    "badge/*": "",
    "drill/*": "",
    "ping/*": "",
    "metrics": "",
    "readyz": "",
    "status/<slug:slug>/chart/*": "",
    "status/<slug:slug>/logo-*": "",
    "status/<slug:slug>/style-*": "",
    "subscription/<slug:token>/leave/": "",
    "subscription/<slug:token>/": "its address is known to a mail only; tests/statuspages",
    "status/<slug:slug>/key/*": "the same pages by another address",
    "account/factors/*/": "tests/accounts/test_in_the_browser.py",
    "account/elsewhere/*": "the form of the one above; tests/accounts/test_elsewhere.py",
    "login/elsewhere/*": "leads to a provider, if there is one; tests/accounts/test_elsewhere.py",
}
FORGIVEN = {"meta-refresh": "status-one-widget"}
"""The line that others frame is renewed without a script, on purpose."""

AXE = """async (options) => (await axe.run(document, options)).violations.flatMap(
    (found) => found.nodes.map((node) => `${found.id}: ${node.target} ${node.failureSummary ?? ""}`))"""
EVERY_RULE: dict[str, Any] = {
    "rules": {"target-size": {"enabled": True}},
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROW: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["target-size", "scrollable-region-focusable"]}}
SMALL = """() => [...document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")]
  .filter((it) => it.checkVisibility() && !it.closest("p, li, dd, td, .skip, .u-legend") && !it.closest("label"))
  .map((it) => [it, it.getBoundingClientRect()])
  .filter(([it, box]) => box.width && (box.height < 24 || box.width < 24) && getComputedStyle(it).clipPath === "none")
  .map(([it, box]) => `${it.outerHTML.slice(0, 80)} is ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
"""Targets in running text are exempt (WCAG 2.5.8); axe knows more exemptions than we want for the rest."""


@dataclass
class World:
    pages: Pages
    session: str


def found_pages(client: Client, things: dict[str, Any], by_hand: dict[str, str]) -> Pages:
    """Every route that answers a GET with a whole page; one that refuses is a gap in this file."""
    pages, gaps = {}, []
    for route, view in ours().items():
        if "get" not in verbs_of(view) or any(fnmatch(route, pattern) for pattern in ELSEWHERE):
            continue
        path = by_hand.get(route) or address(route, rule_of(route) or STAFF, things)
        answer = client.get(path)
        if answer.status_code == 200 and b"<html" in getattr(answer, "content", b""):
            pages[re.sub(r"<.*?>", "one", route).strip("/").replace("/", "-")] = path
        elif answer.status_code not in {200, 302}:
            gaps.append(f"{route} answers {answer.status_code} at {path}")
    assert not gaps, "Pages that the walk cannot open; say how in _by_hand, or why not in ELSEWHERE:\n" + "\n".join(
        gaps
    )
    return pages


@pytest.fixture
def world(owner: User, settings: Settings) -> World:
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    things = make_things(owner)
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(owner)
    team = owner.memberships.get().team
    door = status_pages.create_page(
        team=team, by=owner, slug="door", title="Door", visibility="password", password="opensesame", published=True
    )
    StatusPage.objects.filter(pk=things["page"]).update(takes_subscribers=True, embeddable=True)
    by_hand = _by_hand(things, StatusPage.objects.get(pk=things["page"])) | _by_mail(things)
    found = found_pages(client, things, by_hand)
    found |= {"door": f"/status/{door.slug}/", "error-404": "/monitors/nothing-here/"}
    return World(found, client.cookies[server.SESSION_COOKIE_NAME].value)


def _by_hand(things: dict[str, Any], page: StatusPage) -> dict[str, str]:
    check = CheckResult.objects.filter(monitor_id=things["monitor"]).first()
    assert check is not None
    status = f"/status/{page.slug}/"
    return {
        "monitors/<uuid:pk>/checks/<str:region>/<int:slot>/": (
            f"/monitors/{things['monitor']}/checks/{check.region}/{int(check.slot.timestamp())}/"
        ),
        "monitors/<uuid:pk>/share/": f"/monitors/{things['monitor']}/share/",
        **{route: status + route.removeprefix("status/<slug:slug>/") for route in ours() if _is_status(route)},
        "status/<slug:slug>/history/<int:year>/<int:month>/": f"{status}history/{page.created_at:%Y/%-m}/",
    }


def _by_mail(things: dict[str, Any]) -> dict[str, str]:
    """Pages whose addresses are in mails."""
    Invitation.objects.filter(pk=things["invitation"]).update(token_key=fingerprint("invited"))
    asked = token_of(Channel.objects.get(pk=things["channel"]))
    return {
        "invitations/<str:token>/": "/invitations/invited/",
        "alerts/confirm/<str:token>/": f"/alerts/confirm/{asked}/",
    }


def _is_status(route: str) -> bool:
    return route.startswith("status/<slug:slug>/") and "<" not in route.removeprefix("status/<slug:slug>/")


@pytest.fixture
def visitor(live_server: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium here: on Debian, apt-get install chromium-headless-shell")
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop lives in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": server.SESSION_COOKIE_NAME, "value": world.session, "url": live_server.url}])
        context.add_init_script(REPORT_VIOLATIONS)
        visitor = Visitor(context.new_page(), 1280)
        visitor.listen()
        yield visitor
        browser.close()
        connection.close()  # with a loop in its thread, Django gives a test a connection of its own and forgets it


def test_every_page_is_fit_for_everybody(visitor: Visitor, world: World) -> None:
    page, wrong = visitor.page, []
    for name, path in world.pages.items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(path, wait_until="load")
        page.evaluate("for (const it of document.querySelectorAll('main details')) it.open = true")
        page.evaluate(AXE_SCRIPT)
        found = page.evaluate(AXE, EVERY_RULE)
        _keep(page, name, "light")
        page.emulate_media(color_scheme="dark")
        found += page.evaluate(AXE, COLOURS)
        _keep(page, name, "dark")
        page.set_viewport_size({"width": 360, "height": 740})
        found += page.evaluate(AXE, NARROW) + page.evaluate(SMALL)
        wide = page.evaluate("document.documentElement.scrollWidth") - 360
        found += [f"is {wide} px wider than 360 px"] if wide > 0 else []
        _keep(page, name, "narrow")
        complaints = [one for one in visitor.complaints if name != "error-404" or "404" not in one]
        visitor.complaints.clear()
        found = [problem for problem in found if FORGIVEN.get(problem.partition(":")[0]) != name]
        wrong += [f"{name}: {problem}" for problem in found + complaints]
    assert len(world.pages) > 60
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def _keep(page: Page, name: str, how: str) -> None:
    """Pictures to look at, for whoever asks: ``SCREENSHOTS=1 make test ARGS="tests/browser -k everybody"``."""
    if os.environ.get("SCREENSHOTS"):
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"page-{name}-{how}.png", full_page=True)


def test_the_menu_is_one_line_and_gives_way(visitor: Visitor, world: World) -> None:
    page = visitor.page
    page.goto(world.pages["monitors"])
    menu, opener = page.locator(".user-menu"), page.locator(".user-menu > summary")
    for width in (1280, 1024, 360):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.locator(".top").bounding_box()["height"] <= 64, width  # type: ignore[index]
    for way in ("Escape", "outside", "Tab"):
        opener.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        expect(page.get_by_role("link", name="Incidents")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        match way:
            case "Escape":
                page.get_by_role("link", name="Settings").focus()
                page.keyboard.press("Escape")
                expect(opener).to_be_focused()
            case "outside":
                page.mouse.click(20, 600)
            case "Tab":
                page.get_by_role("button", name="Log out").focus()
                page.keyboard.press("Tab")
        expect(menu).not_to_have_attribute("open", "")
    assert visitor.complaints == []
