"""A status page from making it to the day it says that something is down."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotYet

from onebox.demo import State
from tests.browser.conftest import OpenPage, Site, Visitor
from tests.browser.test_five_steps import VERDICT_MS, headline, see_first_results, sign_up, watch
from tests.road.box import Box, wait_until

pytestmark = pytest.mark.browser


def test_a_page_is_made_and_seen_to_go_down(visitor: OpenPage, site: Site, box: Box) -> None:
    owner = visitor(1280)
    page = owner.page
    sign_up(page)
    page.goto("/monitors/")
    watch(page, site)
    see_first_results(page)
    monitor = page.url
    page.get_by_role("link", name="Status pages").click()
    page.get_by_role("link", name="Make the first one").click()
    page.get_by_label("Title").fill("Acme")
    page.locator("#id_slug").fill("acme-browser")
    page.get_by_label("Published").check()
    owner.shot("10-status-page-form")
    page.get_by_role("button", name="Save").click()
    _add(page, "Shop", chart=True)
    _add(page, "Tills", group=True)
    page.get_by_role("button", name="Move Tills up").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".list").first.locator(".item-name").first).to_have_text("Tills")
    owner.shot("10-status-page-editor")
    guest = visitor(360, color_scheme="dark")
    guest.page.goto("/status/acme-browser/")
    expect(guest.page.locator(".headline")).to_contain_text("Everything works")
    expect(guest.page.locator(".component-state.is-up")).to_have_count(2)
    expect(guest.page.locator(".component .u-wrap")).to_have_count(1)
    guest.shot("11-status-page-up")
    page.get_by_role("link", name="Readers").click()
    page.get_by_role("button", name="Let visitors subscribe").click()
    expect(page.get_by_text("Visitors may subscribe now.")).to_be_visible()
    _subscribe(guest, box)
    page.reload()
    expect(page.locator("b", has_text="guest@example.org")).to_be_visible()
    owner.shot("10-readers")
    guest.page.goto("/status/acme-browser/")
    site.switch(State.FAILING)
    page.goto(monitor)
    page.get_by_role("button", name="Check now").click()
    expect(headline(page)).to_have_text("Down", timeout=VERDICT_MS)
    _come_back_until_it_is_down(guest.page)
    expect(guest.page.locator(".headline.is-down")).to_contain_text("Everything is down")
    expect(guest.page.locator(".component-state.is-down")).to_have_text(["Down", "Down"])
    expect(guest.page.locator("#announcement")).to_contain_text("Shop is down")
    expect(guest.page.locator(".post").first).to_contain_text("Is down")
    guest.shot("11-status-page-down")
    page.get_by_role("link", name="Status pages").click()
    page.get_by_role("link", name="Acme", exact=True).click()
    page.get_by_role("link", name="Write of an incident").click()
    page.get_by_label("Title").fill("Orders fail")
    page.get_by_label("What to say").fill("We **look** into it.")
    page.get_by_label("Shop").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Orders fail")).to_be_visible()
    owner.shot("10-post")
    page.goto("/status/acme-browser/")
    expect(page.locator(".post").first).to_contain_text("We look into it.")
    owner.shot("11-status-page-post")


def _subscribe(guest: Visitor, box: Box) -> None:
    """By the form and the link in the mail, which the box prints."""
    page = guest.page
    page.goto("/status/acme-browser/subscribe/")
    page.get_by_label("E-mail address").fill("guest@example.org")
    page.get_by_role("button", name="Subscribe").first.click()
    expect(page.get_by_text("a message is on its way there")).to_be_visible()
    guest.shot("11-subscribe")
    mailed = re.compile(r"/subscription/[\w-]+/(?!\w)")
    [link, *_] = wait_until("the mail is there", lambda: box.said(mailed.pattern), seconds=20)
    page.goto(mailed.findall(link)[0])
    page.get_by_role("button", name="Yes, subscribe").click()
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()
    guest.shot("11-subscription")


def _come_back_until_it_is_down(page: Page) -> None:
    """Who comes back to the tab sees at once what is so; what is kept is fresh for some seconds."""
    for _ in range(30):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        try:
            page.locator(".headline.is-down").wait_for(timeout=1_000)
        except NotYet:
            continue
        return


def _add(page: Page, name: str, *, group: bool = False, chart: bool = False) -> None:
    page.get_by_role("link", name="Add a component").click()
    page.get_by_label("Name").fill(name)
    if group:
        page.get_by_label("Several monitors").check()
        page.get_by_role("group", name="Monitors").get_by_role("checkbox").first.check()
    else:
        page.locator("#id_monitor").select_option(index=1)
    page.get_by_label("Show its response times").set_checked(chart)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("p.item-name").get_by_text(name, exact=True)).to_be_visible()
