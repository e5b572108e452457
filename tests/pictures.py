"""Takes the pictures of docs/screenshots anew: ``make pictures``. It is no test, and is only run when it is named.

The pages are real; what they show is demo data with names that say something.
"""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import Settings

from accounts.models import Team, User
from accounts.services import people
from alerts.models import Delivery
from alerts.services.channels import create_channel
from drills.models import Drill
from incidents.handling import outages
from incidents.models import Incident, IncidentEvent
from monitors.models import Monitor
from monitors.services import create_monitor
from statuspages.models import StatusPage
from statuspages.services import pages, posts
from tests.browser.conftest import CHROMIUMS, FLAGS
from tests.dashboard.story import all_is_well, tell

PICTURES = Path(__file__).resolve().parent.parent / "docs/screenshots"
LARGEST = 60_000
"""Bytes: a repository keeps its pictures for ever."""

AHEAD = timedelta(minutes=15)
"""So long the pages must not find that nobody checks any more."""

WATCHED = {
    "Shop": "shop.example.com",
    "API": "api.example.com/v2/health",
    "Customer portal": "portal.example.com",
    "Mail gateway": "mail.example.com",
    "Docs": "docs.example.com",
    "Blog": "blog.example.com",
    "Search": "search.example.com",
    "Images": "img.example.com",
    "Staging": "staging.example.com",
    "Partner feed": "feeds.example.com/partners.xml",
    "Login": "id.example.com",
}


@dataclass(frozen=True)
class Scene:
    """One picture: what is done to the page before it is taken stands in ``prepare``, as a script."""

    name: str
    path: str
    width: int = 1280
    dark: bool = False
    prepare: str = ""
    session: str = "owner"


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(400)
def test_take_them(
    live_server: Any, owner: User, editor: User, team: Team, settings: Settings, monkeypatch: Any
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    assert path, "no Chromium here: on Debian, apt-get install chromium-headless-shell"
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop lives in this thread
    scenes = told(owner, team)
    newcomer = people.sign_up(email="nina@acme.example", password="three grey herons")
    User.objects.filter(pk=editor.pk).update(language="de")
    sessions = {"owner": session_of(owner), "newcomer": session_of(newcomer), "german": session_of(editor)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for scene in scenes:
            take(browser, scene, live_server.url, sessions[scene.session])
        browser.close()


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def take(browser: Browser, scene: Scene, site: str, session: str) -> None:
    height = 800 if scene.width > 600 else 740
    context = browser.new_context(
        base_url=site,
        viewport={"width": scene.width, "height": height},
        color_scheme="dark" if scene.dark else "light",
    )
    context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
    page = context.new_page()
    page.goto(scene.path, wait_until="networkidle")
    if scene.prepare:
        page.evaluate(scene.prepare)
    keep(page, scene.name)
    context.close()


def keep(page: Page, name: str) -> None:
    """As WebP, in the best quality that is small enough."""
    picture = Image.open(io.BytesIO(page.screenshot()))
    for quality in (90, 80, 70, 60):
        packed = io.BytesIO()
        picture.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() < LARGEST:
            break
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.webp").write_bytes(packed.getvalue())


# --- what they show ---


def told(owner: User, team: Team) -> list[Scene]:
    now = timezone.now()
    call_command("region", "sync", verbosity=0)
    call_command("seed_demo", monitors=len(WATCHED), days=90, team=owner.email, stdout=io.StringIO())
    watched = list(Monitor.objects.for_team(team).order_by("id"))
    for monitor, (name, address) in zip(watched, WATCHED.items(), strict=True):
        monitor.name, monitor.spec, monitor.paused = name, {"url": f"https://{address}"}, False
        monitor.tags = ["prod"] if name != "Staging" else ["staging"]
        monitor.save()
    all_is_well("usa", "india", heard=-AHEAD, handed_out=-AHEAD)
    by_name = {monitor.name: monitor for monitor in watched}
    by_name["Checkout"] = checkout(team, now)
    incident = Incident.objects.get(resolved_at=None)
    noticed = timezone.now()
    outages.acknowledge(incident, actor=owner, now=noticed)
    outages.add_note(incident, text="The payment provider has trouble; we follow their page.", actor=owner, now=noticed)
    drill = drills(team, owner, by_name["Staging"], now)
    page = status_page(team, owner, by_name, incident, now)
    shop = by_name["Shop"].pk
    return [
        Scene("first-run", "/monitors/", session="newcomer"),
        Scene("list", "/monitors/"),
        Scene("list-dark-phone", "/monitors/", width=360, dark=True),
        Scene("bulk", "/monitors/?status=up", prepare=CHOOSE),
        Scene("monitor", f"/monitors/{shop}/?range=30d", prepare="scrollTo(0, 520)"),
        Scene("edit-german", f"/monitors/{shop}/edit/", prepare=OPEN_POLICY, session="german"),
        Scene("incident", f"/incidents/{incident.pk}/", dark=True),
        Scene("drill", f"/alerts/drills/{drill.pk}/"),
        Scene("status-page", page.path),
        Scene("status-page-dark-phone", page.path, width=360, dark=True),
    ]


def checkout(team: Team, now: datetime) -> Monitor:
    """It has just gone down, after a day that was well."""
    monitor = create_monitor(team=team, name="Checkout", url="https://shop.example.com/checkout", tags=["prod"])
    born = now - timedelta(days=1)
    Monitor.objects.filter(pk=monitor.pk).update(wanted_at=None, created_at=born, status_since=born)
    day = "." * 1_400
    return tell(monitor, usa=f"{day}!!!", india=f"{day}!!!")


OPEN_POLICY = """
document.querySelector("details:has(#id_policy_quorum)").open = true;
scrollTo(0, 400)"""
CHOOSE = """document.querySelectorAll(".rows .pick input").forEach((box, at) => {
  if (at < 3) { box.checked = true; box.dispatchEvent(new Event("change", { bubbles: true })); }
})"""


def drills(team: Team, owner: User, monitor: Monitor, now: datetime) -> Drill:
    """Three of them; gives the newest, which told a channel of its beginning and its end."""
    after = {"failed_at": 8.2, "confirmed_at": 9.6, "queued_at": 9.7, "accepted_at": 10.4}
    after |= {"mended_at": 41.0, "recovered_at": 55.3, "told_at": 56.1}
    for number in (3, 2, 1):
        fault = now - timedelta(days=7 * number)
        times = {name: fault + timedelta(seconds=seconds * (1 + number / 9)) for name, seconds in after.items()}
        drill = Drill.objects.create(
            team=team,
            key=str(number),
            interval=60,
            asked_by=owner,
            asked_at=fault - timedelta(seconds=20),
            fault_at=fault,
            ended_at=fault + timedelta(seconds=90),
            **times,
        )
    drill.incident = Incident.objects.create(
        monitor=monitor,
        started_at=times["failed_at"],
        confirmed_at=times["confirmed_at"],
        resolved_at=times["told_at"],
        cause={},
    )
    drill.save()
    channel = create_channel(team=team, kind="email", name="On call", settings={"to": owner.email})
    for kind, event_kind, at in (("down", "opened", "accepted_at"), ("up", "resolved", "told_at")):
        event = IncidentEvent.objects.create(
            incident=drill.incident, monitor=monitor, kind=event_kind, happened_at=times[at], planned_at=times[at]
        )
        told = dict.fromkeys(("created_at", "due_at", "next_at", "settled_at"), times[at])
        Delivery.objects.create(
            team=team, event=event, channel=channel, kind=kind, state="sent", tries=1, expires_at=now, **told
        )
    return drill


def status_page(team: Team, owner: User, watched: dict[str, Monitor], incident: Incident, now: datetime) -> StatusPage:
    page = pages.create_page(
        team=team,
        by=owner,
        slug="acme",
        title="Acme",
        description="Whether our shop and its services work.",
        published=True,
        takes_subscribers=True,
    )
    section = pages.add_section(page, name="Behind the scenes")
    for name, chart in (("Shop", True), ("Checkout", False), ("Login", False)):
        pages.add_component(page, name=name, monitor=watched[name].pk, shows_chart=chart)
    pages.add_component(page, name="API", monitor=watched["API"].pk, section=section.pk)
    posts.write_post(
        page,
        by=owner,
        kind="incident",
        title="Some payments fail",
        text="Our payment provider has trouble. Orders are kept, and **paid for later**.",
        incident=incident.pk,
    )
    begins = now + timedelta(days=2)
    posts.write_post(
        page,
        by=owner,
        kind="maintenance",
        title="Database upgrade",
        text="The shop may be slow for some minutes.",
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
    )
    return page
