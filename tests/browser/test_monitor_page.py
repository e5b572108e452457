"""From the chart to the one check behind a point of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Site, holds_still
from tests.browser.test_five_steps import see_first_results, sign_up, watch

pytestmark = pytest.mark.browser


def test_another_time_is_chosen_and_a_point_leads_to_its_checks(visitor: OpenPage, site: Site) -> None:
    newcomer = visitor(360)
    page = newcomer.page
    sign_up(page)
    watch(page, site)
    see_first_results(page)
    holds_still(page, "#now")
    page.reload()
    page.get_by_role("link", name="24 hours").click()
    expect(page).to_have_url(re.compile("range=24h"))
    page.get_by_role("link", name="95 %", exact=True).click()
    expect(page).to_have_url(re.compile("range=24h&measure=p95"))
    expect(page.locator("#chart-words")).to_contain_text("95 % within")
    over = page.locator(".plot .u-over")
    expect(over).to_be_visible()
    newcomer.shot("9-chart")
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] - 4, "y": box["height"] / 2})
    expect(page).to_have_url(re.compile(r"/checks/"))
    if page.get_by_role("heading", name="Checks", exact=True).is_visible():
        page.locator(".checks .when a").first.click()
    expect(page.get_by_role("heading", name=re.compile("Check from"))).to_be_visible()
    expect(page.locator(".waterfall .lane").first).to_be_visible()
    newcomer.shot("9-check")
