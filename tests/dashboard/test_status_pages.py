"""Making and editing status pages in the browser."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from maintenance.services import start_now as start_maintenance
from statuspages.models import Component, Post, StatusPage
from statuspages.services import pages
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell
from tests.dashboard.test_hostile import WORDS, offences

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(visit: Visit, owner: User) -> Client:
    return visit(owner)


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def logo() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (40, 40), "navy").save(out, "PNG")
    return SimpleUploadedFile("logo.png", out.getvalue(), "image/png")


def test_a_page_from_nothing_to_a_post(client: Client, make_monitor: MakeMonitor) -> None:
    shop, mail = make_monitor(name="shop-7"), make_monitor(name="mail-3", tags=["mail"])
    assert "There is none yet" in text_of(client, "/status-pages/")
    fields = {"title": "Acme", "slug": "acme", "visibility": "public", "published": "on", "accent": "#204080"}
    made = client.post("/status-pages/new/", {**fields, "logo": logo(), "lists_outages": "on"})
    page = StatusPage.objects.get()
    assert made.headers["Location"] == f"/status-pages/{page.pk}/"
    assert (page.colours, bool(page.logo_mark), page.published) == ({"accent": "#204080"}, True, True)
    here = f"/status-pages/{page.pk}"
    client.post(f"{here}/add-section/", {"name": "Inner things"})
    section = page.sections.get()
    client.post(f"{here}/add-component/", {"name": "Shop", "source": "monitor", "monitor": str(shop.pk)})
    mails = {"name": "Mail", "source": "tag", "tag": "mail", "section": str(section.pk), "shows_chart": "on"}
    client.post(f"{here}/add-component/", mails)
    client.post(f"{here}/add-component/", {"name": "All", "source": "group", "monitors": [str(shop.pk), str(mail.pk)]})
    everything = Component.objects.get(name="All")
    assert everything.group.count() == 2
    client.post(f"/status-pages/components/{everything.pk}/move/", {"to": "up"})
    overview = text_of(client, f"{here}/")
    assert overview.index(">All</p>") < overview.index(">Shop</p>") < overview.index(">Mail</p>")
    tell(shop, usa="..xx", india="..xx")
    told = {
        "title": "Orders fail",
        "state": "investigating",
        "text": "We look.",
        "incident": str(shop.incidents.get().pk),
    }
    client.post(f"{here}/write/", told)
    post = Post.objects.get()
    assert post.starts_at == shop.incidents.get().started_at
    client.post(f"/status-pages/posts/{post.pk}/say/", {"state": "identified", "text": "It was *us*."})
    preview = text_of(client, f"{here}/preview/")
    assert "It was <em>us</em>." in preview
    assert "shop-7" not in preview
    assert "data-poll" not in preview
    assert "--accent:#204080" in text_of(client, f"{here}/preview/?style")
    assert client.get(f"{here}/preview/?chart=nonsense").status_code == 404
    client.post(f"{here}/delete/")
    assert not StatusPage.objects.exists()


def test_work_is_announced_at_the_time_of_its_window(client: Client, make_monitor: MakeMonitor) -> None:
    team = make_monitor().team
    page = pages.create_page(team=team, by=None, slug="acme", title="Acme")
    window = start_maintenance(team=team, by=None, minutes=30, title="Deploy", everything=True)
    told = {"title": "New disks", "state": "scheduled", "text": "No harm is expected.", "window": str(window.pk)}
    client.post(f"/status-pages/{page.pk}/write/?kind=maintenance", told)
    post = Post.objects.get()
    assert (post.kind, post.starts_at, post.ends_at) == ("maintenance", window.next_starts, window.next_ends)


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"slug": "Not A Slug"}, "slug", "small letters"),
        ({"visibility": "password"}, "password", "Is needed for a page that asks for one."),
        ({"accent": "#ffff00"}, "accent", "Accent cannot be read on white"),
        ({"down": "reddish"}, "down", "Down must be like #3f51d4."),
        ({"domain": "localhost"}, "domain", "Must be a host name"),
        ({"logo": SimpleUploadedFile("x.svg", b"<svg/>", "image/svg+xml")}, "logo", "Must be a picture"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    client: Client, fields: dict[str, object], at: str, said: str
) -> None:
    typed = {"title": "My long title", "slug": "acme", "visibility": "public", **fields}
    text = client.post("/status-pages/new/", typed).content.decode()
    assert said in text
    assert re.search(rf'<input[^>]* name="{at}"[^>]* aria-invalid="true"', text)
    assert 'value="My long title"' in text
    assert not StatusPage.objects.exists()


@pytest.mark.parametrize("words", WORDS)
def test_hostile_words_stay_text(client: Client, make_monitor: MakeMonitor, words: str) -> None:
    monitor = make_monitor(name=words)
    page = pages.create_page(team=monitor.team, by=None, slug="acme", title=words, description=words)
    section = pages.add_section(page, name=words)
    pages.add_component(page, name=words, description=words, section=section.pk, monitor=monitor.pk)
    post = Post.objects.create(page=page, title=words, state="identified")
    post.updates.create(state="identified", text=words)
    for address in (f"{page.pk}/", f"{page.pk}/edit/", f"{page.pk}/preview/", f"{page.pk}/write/", f"posts/{post.pk}/"):
        assert offences(text_of(client, f"/status-pages/{address}")) == []
