"""A static copy of a status page, opened from the disk: it says when it was made, and by script how old it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from monitors.rules import Status
from statuspages import export
from statuspages.rules import Counts, Overall, PostKind, PostState, Visibility
from statuspages.shown import Chart, Component, Day, Month, Page, Post, Section, Update
from tests.browser.conftest import REPORT_VIOLATIONS, Visitor

pytestmark = pytest.mark.browser

TITLE = "Slow answers"


def shown(now: datetime) -> Page:
    """A page as the selectors would put it together, with trouble and a long name."""
    days = tuple(
        Day(
            date(2026, 11, 22) - timedelta(days=age), Counts(up=1_440 - 30 * (age % 17 == 0), down=30 * (age % 17 == 0))
        )
        for age in reversed(range(90))
    )
    hours = tuple(int(now.timestamp()) - 3_600 * age for age in reversed(range(168)))
    values = tuple(None if 20 < place < 40 or place in (60, 62) else 80.0 + place % 24 * 9 for place in range(168))
    chart = Chart(hours, values, 180.0, 70.0, 900.0)
    shop = Component(uuid4(), "Shop", "Where people buy", Status.UP, days, chart)
    other = Component(uuid4(), "Rechnungsstellungsschnittstelle" * 3, "", Status.DOWN, days[:20])
    update = Update(uuid4(), PostState.IDENTIFIED, "A disk", "<p>A <em>disk</em>.</p>", now)
    post = Post(uuid4(), PostKind.INCIDENT, TITLE, PostState.IDENTIFIED, now, None, ("Shop",), (update,))
    return Page(
        id=uuid4(),
        slug="acme",
        title="Acme",
        description="Whether our things work.",
        logo_mark="",
        colours={"accent": "#7a1fa2"},
        languages=("en",),
        visibility=Visibility.PUBLIC,
        token_key="",
        password_mark="",
        embeddable=False,
        lists_outages=True,
        takes_subscribers=True,
        since=now - timedelta(days=90),
        overall=Overall.SOME_DOWN,
        sections=(Section(None, "", (shop,)), Section(uuid4(), "Behind the scenes", (other,))),
        incidents=(post,),
        planned=(),
        past=(),
    )


@pytest.mark.parametrize(
    ("age_min", "script", "width", "stale"), [(2, True, 1280, False), (45, True, 360, True), (45, False, 360, False)]
)
def test_a_copy_tells_its_age(
    chromium: Browser, tmp_path: Path, age_min: int, script: bool, width: int, stale: bool
) -> None:
    made_at = datetime.now(UTC) - timedelta(minutes=age_min)
    made = shown(made_at)
    months = [Month(date(2026, 11, 1), made.incidents), Month(date(2026, 10, 1), ())]
    url = "https://example.org/status/acme/"
    export.write(made, tmp_path, months=months, url=url, stale_after_min=10, logo=None, now=made_at)
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if stale else "light",
        java_script_enabled=script,
    )
    visitor = Visitor(context.new_page(), width)
    visitor.listen()
    visitor.page.on("requestfailed", lambda request: visitor.complaints.append(request.url))
    context.add_init_script(REPORT_VIOLATIONS)
    page = visitor.page
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_text(TITLE)).to_be_visible()
    expect(page.get_by_text(f"{made_at:%H:%M} UTC").first).to_be_visible()
    expect(page.get_by_text("This copy is stale")).to_be_visible(visible=stale)
    expect(page.locator("#age")).to_have_text(f"({age_min} minutes ago)" if script else "")
    expect(page.locator(".status-top")).to_have_css("display", "flex")  # its stylesheet was let in
    expect(page.get_by_role("img", name="Response time, last 7 days 180 ms on average")).to_be_visible()
    visitor.shot(f"export-{age_min}-{script}")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_text("Nothing happened in this month.")).to_be_visible()
    expect(page.get_by_text("This copy is stale")).to_be_visible(visible=stale)
    visitor.shot(f"export-history-{age_min}-{script}")
    page.get_by_role("link", name="At present").first.click()
    expect(page.get_by_text(TITLE)).to_be_visible()
    context.close()
    assert visitor.complaints == []
