"""What the world sees of a page, and what it does not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitors.models import Monitor
from statuspages import kept
from statuspages.models import Component, Post, StatusPage
from tests.conftest import MakeMonitor
from tests.dashboard.story import tell
from tests.dashboard.test_hostile import WORDS, offences
from tests.statuspages.conftest import SECRET_NAME, past_days, seen

pytestmark = pytest.mark.django_db


def states(text: str) -> dict[str, str]:
    found = re.findall(r'data-name="([^"]*)" data-status="([^"]*)"', text)
    return dict(found)


def test_components_in_words_and_colour(client: Client, page: StatusPage, shop: Monitor) -> None:
    tell(shop, usa="..xx", india="..xx")
    first, second = Monitor.objects.filter(tags=["billing"])
    tell(first, usa="....", india="....")
    tell(second, usa="..xx", india="..xx")
    text = seen(client.get("/status/acme/"))
    assert states(text) == {"Acme": "down", "Shop": "down", "Billing": "partial"}
    assert "Something is down" in text
    assert "50.00 % uptime" in text
    assert "Behind the scenes" in text
    assert offences(text) == []


def test_no_address_and_no_name_of_a_monitor_appears(client: Client, page: StatusPage, shop: Monitor) -> None:
    tell(shop, usa="..xx", india="..xx", message=f"{SECRET_NAME} refused")
    for path in ("", "live/", "history/"):
        text = seen(client.get(f"/status/acme/{path}"))
        assert SECRET_NAME not in text
        assert "9/hidden" not in text
        assert str(shop.pk) not in text
        assert "127.0.0.1" not in text


def test_what_is_paused_or_of_another_team_is_not_there(
    client: Client, page: StatusPage, shop: Monitor, make_monitor: MakeMonitor, stranger: object
) -> None:
    Monitor.objects.filter(pk=shop.pk).update(paused=True, status="paused")
    their_team = stranger.memberships.get().team  # type: ignore[attr-defined]
    theirs = make_monitor(team=their_team, tags=["billing"])
    Monitor.objects.filter(pk=theirs.pk).update(status="down")
    group = Component.objects.create(page=page, name="Stolen", source="group")
    group.group.add(theirs)
    assert states(seen(client.get("/status/acme/"))) == {"Acme": "unknown", "Billing": "unknown"}


def test_days_of_which_nothing_is_known_are_gaps(client: Client, page: StatusPage, shop: Monitor) -> None:
    past_days(shop, {1: {"up": 6, "unknown": 2}})
    text = seen(client.get("/status/acme/"))
    assert "The last 90 days: no trouble on 1, no data on 89." in text
    assert "100 % uptime" in text
    assert "known for 75.00 % of the time" in text
    assert "The last 90 days: no data on 90." in text  # of Billing


def test_an_unpublished_page_is_as_unknown_as_none(client: Client, page: StatusPage) -> None:
    StatusPage.objects.update(published=False)
    hidden, missing = client.get("/status/acme/"), client.get("/status/nothing/")
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)


def test_posts_with_updates_planned_work_and_outages(client: Client, page: StatusPage, shop: Monitor) -> None:
    now = timezone.now()
    tell(shop, usa="..xx", india="..xx")
    assert "Is down" in seen(client.get("/status/acme/live/"))
    incident = shop.incidents.get()
    post = Post.objects.create(page=page, title="Orders fail", state="identified", incident=incident)
    post.updates.create(state="investigating", text="We **look**.", at=now - timedelta(minutes=5))
    post.updates.create(state="identified", text="It is [this](https://example.org/a).")
    soon = {"starts_at": now + timedelta(days=1), "ends_at": now + timedelta(days=1, hours=2)}
    Post.objects.create(page=page, kind="maintenance", title="New disks", state="scheduled", **soon)
    kept.forget("page:acme")
    text = seen(client.get("/status/acme/live/"))
    assert "Is down" not in text  # the post speaks of it
    assert text.index("Cause found") < text.index("Investigating")
    assert "We <strong>look</strong>." in text
    assert '<a href="https://example.org/a" rel="nofollow noopener noreferrer">' in text
    assert "New disks" in text
    assert "Planned" in text
    assert "Orders fail" in seen(client.get("/status/acme/history/"))


@pytest.mark.parametrize("words", [*WORDS, "[x](javascript:alert(1))", "![x](http://127.0.0.1/spy.png)", "<style>*{}"])
def test_hostile_words_stay_text(client: Client, page: StatusPage, shop: Monitor, words: str) -> None:
    StatusPage.objects.update(title=words, description=words)
    Component.objects.update(name=words, description=words)
    post = Post.objects.create(page=page, title=words, state="identified")
    post.updates.create(state="identified", text=words)
    post.components.set(Component.objects.all())
    for path in ("", "live/", "history/"):
        text = seen(client.get(f"/status/acme/{path}"))
        assert offences(text) == []
        assert 'href="javascript' not in text
        assert "{{7*7}}" in text or "7*7" not in words


def test_nothing_new_is_not_sent_again(client: Client, page: StatusPage, shop: Monitor) -> None:
    first = client.get("/status/acme/live/")
    again = client.get("/status/acme/live/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["Cache-Control"] == "public, max-age=10"
    assert not first.cookies
    tell(shop, usa="..xx", india="..xx")
    kept.forget("page:acme")
    assert client.get("/status/acme/live/", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
