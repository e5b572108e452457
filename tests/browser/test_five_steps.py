"""What a newcomer does, in a real browser on the real product: sign up, watch a site, see it break and mend."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from onebox.demo import State
from tests.browser.conftest import OpenPage, Site, Visitor

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
FIRST_RESULTS_MS = 12_000
"""About two seconds on a machine with nothing else to do; a crowded one is given more."""
VERDICT_MS = 30_000


def address_of(site: Site) -> str:
    return f"http://127.0.0.1:{site.server_port}/"


def sign_up(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("E-mail address").fill(f"{uuid4().hex}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="What should we watch?")).to_be_visible()


def watch(page: Page, site: Site) -> None:
    with _watching(page, site):
        pass


@contextmanager
def _watching(page: Page, site: Site) -> Iterator[None]:
    """From typing the address to the page that waits for the first results; they come only after that."""
    with site.held():
        page.get_by_label("Website address").fill(address_of(site))
        page.get_by_role("button", name="Start watching").click()
        _see_none_yet(page)
        yield


def _see_none_yet(page: Page) -> None:
    expect(page.get_by_text("Checking from usa, india")).to_be_visible()
    page.evaluate("window.loadedOnce = true")


def see_first_results(page: Page) -> None:
    """Both regions report, and the page shows it without being loaded again."""
    for region in ("usa", "india"):
        expect(page.locator(f'[data-region="{region}"][data-outcome="up"]')).to_be_visible(timeout=FIRST_RESULTS_MS)
    expect(headline(page)).to_have_text("Up")
    assert page.evaluate("window.loadedOnce") is True
    assert page.evaluate("window.shifted") < 0.05
    page.get_by_role("link", name="Skip: go to the monitor").click()
    page.wait_for_url(re.compile(r"/monitors/[0-9a-f-]{36}/$"))  # loaded: a key pressed before would be lost


def headline(page: Page) -> Locator:
    return page.locator(".headline-word")


def test_the_five_steps(visitor: OpenPage, site: Site) -> None:
    newcomer = visitor(1280)
    page = newcomer.page
    sign_up(page)
    expect(page.get_by_label("Website address")).to_be_focused()
    newcomer.shot("1-empty")

    with _watching(page, site):
        newcomer.shot("2-checking")
    see_first_results(page)
    newcomer.shot("3-up")

    _read_the_list(newcomer)
    _read_the_monitor(page)
    _edit(page)
    _pause_and_resume(page)
    _break(newcomer, site)
    _mend(newcomer, site)
    _delete(page)


def _read_the_list(newcomer: Visitor) -> None:
    page = newcomer.page
    page.get_by_role("link", name="Monitors", exact=True).first.click()
    row = page.locator("[data-monitor]")
    expect(row.locator(".row-status")).to_contain_text(re.compile(r"^\s*Up\s+for \d+ (s|min)"))
    bars = row.get_by_role("slider", name=re.compile(r"^127.0.0.1, last 24 hours: \d well, \d\d without checks$"))
    page.wait_for_load_state()
    bars.focus()
    if str(bars.get_attribute("aria-valuetext")).endswith("no checks"):
        bars.press("ArrowLeft")  # the hour has just turned
    expect(bars).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:00 UTC: \d+ up$"))
    bars.press("Home")
    expect(bars).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:00 UTC: no checks$"))
    expect(row.locator(".row-figure").first).to_contain_text(re.compile(r"\d ms|\d s"))
    expect(row.locator(".row-figure").last).to_contain_text("100 %")
    newcomer.shot("4-list")
    row.get_by_role("link").first.click()


def _read_the_monitor(page: Page) -> None:
    expect(page.locator(".window-share")).to_have_text(["100 %"] * 6)
    expect(page.get_by_role("img", name=re.compile(r"^usa: DNS .*First byte .*total"))).to_be_visible()
    expect(page.locator(".plot canvas")).to_be_visible()
    page.get_by_role("link", name="24 hours").click()
    expect(page.locator("#chart-words")).to_have_text(re.compile(r"In the last 24 hours: .*india half within"))
    expect(page.locator(".plot canvas")).to_be_visible()
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("columnheader", name="india")).to_be_visible()
    expect(page.locator(".checks tbody tr").first).to_contain_text("HTTP 200")


def _edit(page: Page) -> None:
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Check every").select_option("10 s")
    page.get_by_label("Give up after (s)").fill("99")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Ensure this value is less than or equal to 60.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Shop")
    page.get_by_label("Give up after (s)").fill("5")
    page.get_by_role("button", name="Save").hover()
    page.mouse.down()  # leaving the field asks what the policy means now; the answer must not move the button away
    expect(page.locator("#policy-words")).to_contain_text("Alerts when both regions fail")
    page.mouse.up()
    expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    expect(page.locator(".configuration")).to_contain_text("10 s")


def _pause_and_resume(page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(headline(page)).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(headline(page)).to_have_text("Up", timeout=FIRST_RESULTS_MS)


def _break(newcomer: Visitor, site: Site) -> None:
    """Nobody touches the page: the next slot finds out, and both regions are asked to confirm."""
    page = newcomer.page
    site.switch(State.FAILING)
    expect(headline(page)).to_have_text("Down", timeout=VERDICT_MS)
    box = page.locator(".headline")
    expect(box).to_contain_text("The server answered with an unexpected status.")
    expect(box).to_contain_text("Seen from usa and india.")
    expect(box).to_contain_text(re.compile(r"since \d+ \w+ \d{4}, \d\d:\d\d:\d\d UTC"))
    expect(page).to_have_title(re.compile(r"^\(1 down\) Shop"))
    expect(page.locator("#announcement")).to_have_text("Shop is down.")
    assert "down" in (page.locator('link[rel="icon"]').get_attribute("href") or "")
    expect(page.locator("#recent")).to_contain_text("so far")
    newcomer.shot("5-down")
    page.emulate_media(color_scheme="dark")
    newcomer.shot("5-down-dark")
    page.emulate_media(color_scheme="light")


def _mend(newcomer: Visitor, site: Site) -> None:
    page = newcomer.page
    site.switch(State.HEALTHY)
    page.get_by_role("button", name="Check now").click()
    expect(headline(page)).to_have_text("Up", timeout=VERDICT_MS)
    expect(page).to_have_title(re.compile(r"^Shop"))
    page.get_by_role("link", name="Incidents").click()
    expect(page.locator(".incident")).to_have_count(1)
    expect(page.locator(".incident")).to_contain_text(re.compile(r"Shop\s+Was down for \d+ (s|min)"))
    newcomer.shot("6-incidents")
    page.get_by_role("link", name="Shop").click()


def _delete(page: Page) -> None:
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Shop is deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="What should we watch?")).to_be_visible()
    page.locator(".user-menu > summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_on_a_phone(visitor: OpenPage, site: Site) -> None:
    newcomer = visitor(360)
    page = newcomer.page
    sign_up(page)
    newcomer.shot("1-empty")
    watch(page, site)
    see_first_results(page)
    newcomer.shot("3-up")
    page.get_by_role("link", name="Edit").click()
    page.get_by_text("What is sent, and what must come back").click()
    newcomer.shot("7-edit")
    page.goto("/monitors/")
    expect(page.locator(".row-figure").last).to_contain_text(re.compile(r"Uptime 24 h\s+100 %"))
    newcomer.shot("4-list")
    # Links in running text may be small, the skip link is off the page, and a row's name covers its whole card.
    small = page.evaluate(
        """[...document.querySelectorAll("a, button, input, summary")]
            .filter((it) => it.checkVisibility() && !it.matches("p a, .skip, .row-name"))
            .map((it) => [it.textContent.trim() || it.id, it.getBoundingClientRect()])
            .filter(([, box]) => box.height < 24 || box.width < 24).map(([name]) => name)"""
    )
    assert small == [], "targets smaller than 24 px"


def test_by_keyboard_alone(visitor: OpenPage, site: Site) -> None:
    page = visitor(1280).page
    page.goto("/signup/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(f"{uuid4().hex}@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Website address")).to_be_focused()
    with site.held():
        page.keyboard.type(address_of(site))
        page.keyboard.press("Enter")
        _see_none_yet(page)
    see_first_results(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Check now")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Asked usa and india for a check now.")).to_be_visible()
    page.goto("/monitors/")
    tab_to(page, "127.0.0.1")
    page.keyboard.press("Enter")
    expect(headline(page)).to_have_text("Up")


def tab_to(page: Page, text: str) -> None:
    """Go on with Tab until the focus is there; wherever it rests on the way, it can be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """(() => {
                const it = document.activeElement;
                const styles = [getComputedStyle(it), getComputedStyle(it, "::after")];
                const seen = styles.some((style) => style.outlineStyle !== "none" && style.outlineWidth !== "0px");
                return { text: it.textContent.trim(), seen };
            })()"""
        )
        assert focus["seen"], f"the focus cannot be seen on {focus['text']!r}"
        if focus["text"] == text:
            return
    raise AssertionError(f"Tab never came to {text!r}")


def test_finding_a_monitor_while_typing(visitor: OpenPage, site: Site) -> None:
    page = visitor(1280).page
    sign_up(page)
    watch(page, site)
    page.goto("/monitors/")
    search = page.get_by_label("Search by name or address")
    search.press_sequentially("nowhere")
    expect(page.get_by_text("No monitor fits.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=nowhere$"))
    expect(search).to_be_focused()
    search.fill("127")
    expect(page.locator("[data-monitor]")).to_have_count(1)
    page.go_back()
    expect(page.get_by_text("No monitor fits.")).to_be_visible()


def test_without_scripts(visitor: OpenPage, site: Site) -> None:
    page = visitor(1280, java_script_enabled=False).page
    sign_up(page)
    watch(page, site)
    deadline = time.monotonic() + FIRST_RESULTS_MS / 1000
    while "Up" not in page.locator(".headline-word").inner_text() and time.monotonic() < deadline:
        page.reload()
    expect(headline(page)).to_have_text("Up")
    page.get_by_role("link", name="Skip: go to the monitor").click()
    page.wait_for_url(re.compile(r"/monitors/[0-9a-f-]{36}/$"))  # loaded: a key pressed before would be lost
    page.get_by_role("link", name="7 days").click()
    expect(page.locator("#chart-words")).to_have_text(re.compile("In the last 7 days: usa half within"))
    page.get_by_role("button", name="Pause").click()
    expect(headline(page)).to_have_text("Paused")
