"""What people do when something breaks, and before: channels, an incident, planned work, and jobs that report."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from onebox.demo import State
from tests.alerts.sinks import Sink, http_sink, status
from tests.browser.conftest import OpenPage, Site, Visitor
from tests.browser.test_five_steps import FIRST_RESULTS_MS, VERDICT_MS, headline, sign_up, tab_to, watch
from tests.road.box import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def sink() -> Iterator[Sink]:
    with http_sink() as sink:
        yield sink


@pytest.mark.parametrize("width", [1280, 360])
def test_from_the_first_channel_to_the_end_of_an_incident(
    visitor: OpenPage, site: Site, sink: Sink, width: int
) -> None:
    newcomer = visitor(width)
    page = newcomer.page
    sign_up(page)
    _make_a_channel(newcomer, sink)
    site.switch(State.FAILING)
    page.goto("/monitors/")
    watch(page, site)
    expect(headline(page)).to_have_text("Down", timeout=VERDICT_MS)
    _handle_the_incident(newcomer)
    _plan_work(newcomer)
    _begin_a_drill(newcomer)


def go_to(page: Page, place: str) -> None:
    """By the line at the top, or by the menu where there is no room for it."""
    assert page.viewport_size is not None
    if page.viewport_size["width"] < 600:
        page.locator(".user-menu > summary").click()
    page.locator(".top-nav a, .menu-narrow a").filter(has_text=place, visible=True).click()


def _make_a_channel(newcomer: Visitor, sink: Sink) -> None:
    page = newcomer.page
    go_to(page, "Alerts")
    newcomer.shot("8-channels")
    page.get_by_role("link", name="Add a channel").click()
    newcomer.shot("8-kinds")
    page.get_by_role("link", name="Webhook", exact=True).click()
    page.get_by_label("Name").fill("Ops")
    page.get_by_label("Address").fill(sink.url)
    page.get_by_label("Secret for signing").fill("correct horse")
    sink.answers.append(status(503, body="come again"))
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".trial")).to_contain_text(re.compile(r"not taken.*Answer 503.*come again", re.DOTALL))
    newcomer.shot("8-channel-form")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".trial")).to_contain_text("The test message was taken.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ops")).to_be_visible()
    expect(page.get_by_text("no rule: nothing is sent here")).to_be_visible()
    page.get_by_role("link", name="Channels").click()
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="Everything by mail to the owner").click()
    page.get_by_label("Ops", exact=True).check()
    newcomer.shot("8-rule")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("Mail to .*, Ops"))).to_be_visible()


def _handle_the_incident(newcomer: Visitor) -> None:
    page = newcomer.page
    to_it, acknowledge = (_by_touch, _touch) if newcomer.width < 600 else (_by_keys, _press)
    to_it(page)
    expect(page.get_by_text("both regions fail twice in a row")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(1 down\) "))
    expect(page.locator(".votes tbody tr")).to_have_count(2)
    acknowledge(page, "Acknowledge")
    expect(page.locator(".headline")).to_contain_text("takes care of it")
    page.get_by_role("textbox", name="Note").fill("The disk is full.")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator(".timeline")).to_contain_text("The disk is full.")
    _reload_until_told(page)
    newcomer.shot("9-incident")
    page.get_by_role("link", name="Correct").click()
    newcomer.shot("9-correct")
    page.get_by_label("Why").fill("Our own mistake.")
    page.get_by_role("button", name="Correct").click()
    expect(page.locator(".headline")).to_contain_text("Called false alarm")


def _by_touch(page: Page) -> None:
    """From the list, by the monitor."""
    go_to(page, "Monitors")
    expect(page.locator(".row-status")).to_contain_text("Down")
    page.locator(".row-name").click()
    page.locator("#recent").get_by_role("link", name=re.compile("Down for")).click()


def _by_keys(page: Page) -> None:
    """From the list as well, and no hand leaves the keyboard."""
    page.goto("/monitors/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/incidents/")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=re.compile("Down for"))).to_be_focused()
    page.keyboard.press("Enter")


def _touch(page: Page, button: str) -> None:
    page.get_by_role("button", name=button).click()


def _press(page: Page, button: str) -> None:
    tab_to(page, button)
    page.keyboard.press("Enter")


def _reload_until_told(page: Page) -> None:
    told = page.get_by_role("link", name="Told Ops: Down")
    for _ in range(20):
        if told.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(told).to_be_visible()


def _plan_work(newcomer: Visitor) -> None:
    page = newcomer.page
    go_to(page, "Maintenance")
    newcomer.shot("10-nothing-planned")
    page.get_by_role("link", name="Plan work").click()
    page.get_by_label("Begins").fill("2031-03-23T02:30")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("Comes round").select_option("Every week, on that weekday")
    expect(page.locator("#preview")).to_contain_text("The clocks leap over this time.")
    expect(page.locator("#preview li")).to_have_count(10)
    page.get_by_label("Title").fill("Updates")
    page.get_by_label("All of them").check()
    newcomer.shot("10-plan")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".headline-word")).to_have_text("To come")
    go_to(page, "Maintenance")
    page.get_by_role("link", name="Start now").click()
    page.get_by_label("All of them").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".headline-word")).to_have_text("Under way")
    page.get_by_role("link", name="127.0.0.1").click()
    expect(page.get_by_text("Planned work:", exact=True)).to_be_visible()
    newcomer.shot("10-under-way")
    page.goto("/maintenance/")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".headline-word")).to_have_text("Over")


def _begin_a_drill(newcomer: Visitor) -> None:
    """It takes minutes to its end; the page follows it from the start."""
    page = newcomer.page
    go_to(page, "Alerts")
    page.get_by_role("link", name="Drills").click()
    page.get_by_role("button", name="Begin a drill").click()
    expect(page.get_by_role("heading", name="Under way")).to_be_visible()
    newcomer.shot("12-drill")
    page.get_by_role("link", name="The monitor").click()
    expect(headline(page)).to_have_text("Up", timeout=FIRST_RESULTS_MS)


def test_a_job_is_told_how_to_report_and_reports(visitor: OpenPage) -> None:
    newcomer = visitor(1280)
    page = newcomer.page
    sign_up(page)
    page.goto("/monitors/new/")
    page.get_by_role("link", name="Job", exact=True).click()
    page.get_by_label("Name").fill("Backup")
    page.get_by_label("Reports every (s)").fill("3600")
    page.get_by_label("Grace (s)").fill("120")
    page.get_by_label("Grace (s)").press("Tab")
    expect(page.locator("#policy-words")).to_contain_text("nothing at all within 2 min of the time")
    page.get_by_role("button", name="Start watching").click()
    expect(headline(page)).to_have_text("Waiting for the first report")
    ping = page.locator(".examples code").first.inner_text()
    assert page.request.get(ping).ok
    expect(headline(page)).to_have_text("Up", timeout=FIRST_RESULTS_MS)
    expect(page.locator(".pings tbody tr")).to_have_count(1)
    newcomer.shot("11-job")


def test_what_is_typed_before_the_scripts_arrive_is_previewed(visitor: OpenPage) -> None:
    page = visitor(1280).page
    sign_up(page)
    held: list[Route] = []
    page.route("**/htmx.min*.js", lambda route: held.append(route))
    page.goto("/maintenance/new/", wait_until="commit")
    page.get_by_label("Comes round").select_option("Every day")
    wait_until("the script is asked for", lambda: page.evaluate("true") and held, seconds=15)
    for route in held:
        route.continue_()
    expect(page.locator("#preview li")).to_have_count(10)


def test_the_preview_without_scripts(visitor: OpenPage) -> None:
    page = visitor(1280, java_script_enabled=False).page
    sign_up(page)
    page.goto("/maintenance/new/")
    page.get_by_label("Comes round").select_option("Every day")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview li")).to_have_count(10)
