"""The list in a real browser: keys, bars, choosing many, and rows that stay where one reads them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Site, holds_still
from tests.browser.test_five_steps import address_of, sign_up, watch

pytestmark = pytest.mark.browser


def add(page: Page, address: str) -> None:
    page.goto("/monitors/")
    page.get_by_label("Website address").fill(address)
    page.get_by_role("button", name="Add", exact=True).click()
    page.goto("/monitors/")


def test_the_list_by_keyboard_and_by_the_dozen(visitor: OpenPage, site: Site) -> None:
    newcomer = visitor(1280)
    page = newcomer.page
    sign_up(page)
    watch(page, site)
    add(page, f"{address_of(site)}second")
    names = page.locator(".row-name")
    expect(names).to_have_count(2)
    _walk(page)
    _switch_off(page)
    _filter(page)
    page.get_by_label("Choose all on this page").check()
    expect(page.locator("#picked")).to_have_text("2 chosen")
    newcomer.shot("12-chosen")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("2 monitors are paused.")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_label("Choose 127.0.0.1").first.check()
    page.evaluate("htmx.trigger('#rows', 'poll')")
    expect(page.locator("#picked")).to_have_text("1 chosen")
    holds_still(page, "#rows")
    page.get_by_label("Choose 127.0.0.1").first.check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete 1 monitor?")).to_be_visible()
    newcomer.shot("12-delete")
    page.get_by_role("button", name="Delete 1 for good").click()
    expect(page.locator("[data-monitor]")).to_have_count(1)
    _rest(page)


def _walk(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator(".row-name").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".row-name").last).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator(".pick input[name=monitor]").last).to_be_checked()
    page.keyboard.press("x")
    page.keyboard.press("/")
    expect(page.get_by_label("Search by name or address")).to_be_focused()
    page.keyboard.type("?gi")
    expect(page.get_by_text("No monitor fits.")).to_be_visible()
    expect(page.locator("#help")).to_be_hidden()
    page.goto("/monitors/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/incidents/")  # loaded: a key pressed before would be lost
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/monitors/")


def _switch_off(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Use these keys in this browser").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_hidden()


def _filter(page: Page) -> None:
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Kind").select_option("Port")
    expect(page.get_by_text("No monitor fits.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/monitors/\?kind=tcp$"))
    page.get_by_role("link", name="Remove the filter Kind: Port").click()
    expect(page.locator("[data-monitor]")).to_have_count(2)


def _rest(page: Page) -> None:
    """While nobody looks nothing is asked, however long; whoever comes back sees at once what is so."""
    page.clock.install()
    page.goto("/monitors/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.run_for(600_000)
    assert asked == []
    page.evaluate("delete document.hidden")
    with page.expect_request("**/monitors/rows/**"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_first_minute(visitor: OpenPage, site: Site) -> None:
    """From the address to a tested channel, on a phone, without leaving the page."""
    newcomer = visitor(360)
    page = newcomer.page
    sign_up(page)
    page.get_by_label("Website address").fill(address_of(site))
    page.get_by_role("button", name="Start watching").click()
    for region in ("usa", "india"):
        expect(page.locator(f'[data-region="{region}"][data-outcome="up"]')).to_be_visible(timeout=12_000)
    page.get_by_role("button", name="Send me a test message").click()
    expect(page.get_by_text("The test message was taken.")).to_be_visible()
    newcomer.shot("2-first-run")
    page.get_by_role("link", name="Done: go to the monitor").click()
    expect(page.locator(".headline-word")).to_have_text("Up")
