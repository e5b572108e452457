"""A page for programs and other sites: feeds that parse, one JSON, and a line in a frame."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import Incident
from monitors import secrets
from monitors.models import Monitor
from statuspages import kept
from statuspages.models import Post, PostUpdate, StatusPage
from tests.statuspages.conftest import SECRET_NAME

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "<script>alert(1)</script> & ]]> \x00\x1b\ufffe"


@pytest.fixture
def told(page: StatusPage) -> Post:
    """A post with two updates, and an outage that nobody has written of."""
    now = timezone.now()
    post = Post.objects.create(page=page, title=f"Slow {HOSTILE}".replace("\x00", ""), state="resolved")
    for minutes, state, text in ((30, "investigating", "We *look*"), (5, "resolved", HOSTILE.replace("\x00", ""))):
        PostUpdate.objects.create(post=post, state=state, text=text, at=now - timedelta(minutes=minutes))
    monitor = Monitor.objects.get(name=SECRET_NAME)
    Incident.objects.create(
        monitor=monitor,
        started_at=now - timedelta(hours=3),
        confirmed_at=now - timedelta(hours=3),
        resolved_at=now - timedelta(hours=2),
        cause={},
    )
    return post


def items(client: Client, form: str, path: str = "/status/acme/") -> list[tuple[str, str, str]]:
    """As id, title and content, read by the standard library."""
    response = client.get(f"{path}feed.{form}")
    assert response.status_code == 200
    assert not response.cookies
    if form == "json":
        feed = json.loads(response.content)
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert feed["feed_url"] == f"http://testserver{path}feed.json"
        return [(each["id"], each["title"], each["content_html"]) for each in feed["items"]]
    root = ElementTree.fromstring(response.content)  # noqa: S314 - our own words
    if form == "rss":
        return [
            (each.findtext("guid", ""), each.findtext("title", ""), each.findtext("description", ""))
            for each in root.iter("item")
        ]
    assert root.find(f"{ATOM}id") is not None
    return [
        (each.findtext(f"{ATOM}id", ""), each.findtext(f"{ATOM}title", ""), each.findtext(f"{ATOM}summary", ""))
        for each in root.iter(f"{ATOM}entry")
    ]


@pytest.mark.parametrize("form", ["rss", "atom", "json"])
def test_a_feed_tells_each_thing_once(client: Client, told: Post, form: str) -> None:
    found = items(client, form)
    assert [title.split(":")[0] for _, title, _ in found] == ["Resolved", "Investigating", "Shop", "Shop"]
    assert [title for _, title, _ in found][2:] == ["Shop: works again", "Shop: down"]
    assert {each for each, _, _ in found} >= {update.pk.urn for update in told.updates.all()}
    assert "<em>look</em>" in found[1][2]
    assert "<script" not in found[0][2]
    assert "<script>" in found[0][1]  # a title is text, and a reader shows it as such
    everything = client.get(f"/status/acme/feed.{form}").content.decode()
    assert SECRET_NAME not in everything
    assert str(Monitor.objects.get(name=SECRET_NAME).pk) not in everything


@pytest.mark.parametrize("form", ["rss", "atom", "json"])
def test_what_has_not_changed_is_not_sent_again(client: Client, told: Post, form: str) -> None:
    first = client.get(f"/status/acme/feed.{form}")
    before = items(client, form)
    _forget()
    again = client.get(f"/status/acme/feed.{form}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    PostUpdate.objects.create(post=told, state="resolved", text="And more")
    _forget()
    assert items(client, form)[1:] == before
    changed = client.get(f"/status/acme/feed.{form}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_feed_of_nothing_is_a_feed(client: Client, page: StatusPage) -> None:
    assert [items(client, form) for form in ("rss", "atom", "json")] == [[], [], []]


FOR_PROGRAMS = ("feed.rss", "feed.atom", "feed.json", "summary.json", "widget/")


@pytest.mark.parametrize("name", FOR_PROGRAMS)
def test_who_may(client: Client, page: StatusPage, name: str) -> None:
    """Public pages to all, unlisted ones to who knows the token, those with a password to no program."""
    StatusPage.objects.update(embeddable=True)

    def ask(path: str) -> int:
        _forget()
        return client.get(path).status_code

    assert ask(f"/status/acme/{name}") == 200
    unknown = client.get(f"/status/nobody/{name}")
    assert unknown.status_code == 404
    StatusPage.objects.update(
        visibility="unlisted", token_key=secrets.key_of("t0ken"), token_sealed=secrets.seal({"token": "t0ken"})
    )
    assert ask(f"/status/acme/{name}") == 404
    assert ask(f"/status/acme/key/other/{name}") == 404
    assert ask(f"/status/acme/key/t0ken/{name}") == 200
    assert "no-store" in client.get(f"/status/acme/key/t0ken/{name}").headers["Cache-Control"]
    StatusPage.objects.update(visibility="password", password="not a hash")
    assert ask(f"/status/acme/{name}") == 404
    StatusPage.objects.update(visibility="public", published=False)
    assert ask(f"/status/acme/{name}") == 404
    assert client.get(f"/status/acme/{name}").content == unknown.content


def test_the_page_in_one_json(client: Client, told: Post) -> None:
    Post.objects.create(page=told.page, title="Open", state="identified")
    response = client.get("/status/acme/summary.json")
    said: dict[str, Any] = response.json()
    assert sorted(said) == ["as_of", "components", "incidents", "maintenance", "outages", "page", "status"]
    assert said["page"] == {"id": str(told.page_id), "title": "Acme", "url": "http://testserver/status/acme/"}
    assert sorted(said["status"]) == ["state", "words"]
    assert [(one["name"], one["section"]) for one in said["components"]] == [
        ("Shop", None),
        ("Billing", "Behind the scenes"),
    ]
    assert sorted(said["components"][0]) == ["coverage_90d", "id", "name", "section", "state", "uptime_90d"]
    assert [(one["title"], one["state"]) for one in said["incidents"]] == [("Open", "identified")]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert SECRET_NAME not in response.content.decode()


def test_the_widget_may_be_framed_and_nothing_else(client: Client, page: StatusPage) -> None:
    assert client.get("/status/acme/widget/").status_code == 404
    StatusPage.objects.update(embeddable=True, takes_subscribers=True)
    _forget()
    widget = client.get("/status/acme/widget/")
    assert "X-Frame-Options" not in widget.headers
    assert "frame-ancestors *" in widget.headers["Content-Security-Policy"]
    assert "default-src 'none'" in widget.headers["Content-Security-Policy"]
    assert not widget.cookies
    assert b"<script" not in widget.content
    for path in ("", "subscribe/", "summary.json"):
        response = client.get(f"/status/acme/{path}")
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors *" not in response.headers["Content-Security-Policy"]


def _forget() -> None:
    kept.forget("page:acme", *(f"lately:{page.pk}" for page in StatusPage.objects.all()))
