"""The second factor in a real Chromium, with a key that Chromium plays: nothing here is ours on the other side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright
from pytest_django import Settings

from accounts.models import Identity, User
from accounts.services import people
from tests.accounts.cast import ADA, PASSWORD
from tests.accounts.provider import Provider
from tests.browser.conftest import CHROMIUMS, FLAGS, REPORT_VIOLATIONS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visitor(live_server: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium here: on Debian, apt-get install chromium-headless-shell")
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop lives in this thread
    settings.ALLOWED_HOSTS = ["localhost"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(base_url=live_server.url, viewport={"width": 360, "height": 800})
        page.add_init_script(REPORT_VIOLATIONS)
        page.set_default_timeout(20_000)
        visitor = Visitor(page, 360)
        visitor.listen()
        yield visitor
        browser.close()
        connection.close()  # with a loop in its thread, Django gives a test a connection of its own and forgets it


def give_a_key(page: Page) -> None:
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options | {"automaticPresenceSimulation": True}})


def log_in(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(ADA["email"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_a_key_is_added_and_opens_the_door(visitor: Visitor) -> None:
    people.sign_up(**ADA)
    page = visitor.page
    give_a_key(page)
    log_in(page)
    page.goto("/account/factors/key/")
    page.get_by_label("What you call the key").fill("Blue key")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    assert page.locator(".codes li").count() == 10
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_text("Blue key").wait_for()

    page.locator(".user-menu > summary").click()
    page.get_by_role("button", name="Log out").click()
    log_in(page)
    page.get_by_role("heading", name="Second step").wait_for()
    page.get_by_role("button", name="Use a key or passkey").click()
    page.wait_for_url("**/monitors/")
    assert visitor.complaints == []


def test_the_chosen_zone_and_colours_are_there_with_the_page(visitor: Visitor) -> None:
    user = people.sign_up(**ADA)
    page = visitor.page
    log_in(page)
    page.goto("/account/")
    page.get_by_label("Time zone").select_option("Asia/Kathmandu")
    page.get_by_label("Dark").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    page.goto("/account/sessions/")
    assert "+0545" in page.locator(".item").first.inner_text()
    assert (User.objects.get().theme, user.theme) == ("dark", "system")
    assert visitor.complaints == []


def test_who_comes_by_a_provider_is_led_there_and_back_and_can_unlink_it(
    visitor: Visitor, provider: Provider, live_server: Any, settings: Settings
) -> None:
    """The provider is another site to the browser: what the policy or a cookie forbids is seen here alone."""
    settings.SITE_URL = live_server.url
    people.sign_up(**ADA)
    User.objects.update(email_confirmed_at=timezone.now())
    provider.person["email"] = ADA["email"]
    page = visitor.page
    page.goto("/login/")
    visitor.shot("elsewhere-login")
    page.get_by_role("button", name="Continue with Corp").click()
    page.wait_for_url("**/monitors/")
    page.goto("/account/password/")
    visitor.shot("elsewhere-linked")
    page.get_by_role("link", name="Unlink Corp").click()
    visitor.shot("elsewhere-unlink")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Unlink").click()
    page.get_by_text("Unlinked.").wait_for()
    visitor.shot("elsewhere-unlinked")
    assert not Identity.objects.exists()
    assert visitor.complaints == []
