"""What a team sees of its page's subscribers, and does with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from statuspages.models import Notice, StatusPage, Subscriber
from statuspages.rules import Road
from statuspages.services import subscribers
from tests.dashboard.test_hostile import offences

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


@pytest.fixture
def ann(page: StatusPage) -> Subscriber:
    subscribers.ask(page, kind=Road.EMAIL, address="=ann@example.org", now=timezone.now())
    return Subscriber.objects.get()


def test_editors_see_addresses_and_viewers_do_not(
    client: Client, page: StatusPage, ann: Subscriber, editor: User, viewer: User, api: Api
) -> None:
    path, listed = f"/status-pages/{page.pk}/share/", f"/api/status-pages/{page.pk}/subscribers"
    client.force_login(viewer)
    shown = client.get(path).content.decode()
    assert "=…@example.org" in shown
    assert "ann@example.org" not in shown
    assert client.post(f"/status-pages/{page.pk}/subscribers.csv").status_code == 403
    assert api(viewer).get(listed).json()["results"][0]["address"] == "=…@example.org"
    client.force_login(editor)
    shown = client.get(path).content.decode()
    assert "=ann@example.org" in shown
    assert "has not confirmed yet" in shown
    assert offences(shown) == []
    assert client.get(f"/status-pages/{page.pk}/subscribers.csv").status_code == 405
    assert not AuditEntry.objects.filter(verb="subscribers exported").exists()
    file = b"".join(client.post(f"/status-pages/{page.pk}/subscribers.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "email,'=ann@example.org," in file  # no formula
    assert AuditEntry.objects.get(verb="subscribers exported").actor == editor.email
    assert api(editor).get(listed).json()["results"][0]["address"] == "=ann@example.org"


def test_an_editor_opens_removes_and_sends_again(
    client: Client, page: StatusPage, ann: Subscriber, editor: User
) -> None:
    path = f"/status-pages/{page.pk}/share/"
    client.force_login(editor)
    client.post(path, {"do": "open"})
    assert StatusPage.objects.get().takes_subscribers
    Notice.objects.update(state="dead", reason="no <b>such</b> person", settled_at=timezone.now())
    shown = client.get(path).content.decode()
    assert "1 message never arrived." in shown
    assert "no &lt;b&gt;such" in shown
    client.post(path, {"do": "again"})
    assert Notice.objects.get().state == "waiting"
    assert client.post(path, {"do": "remove", "subscriber": "x"}).status_code == 404
    client.post(path, {"do": "remove", "subscriber": str(ann.pk)})
    assert not Subscriber.objects.exists()
    log = AuditEntry.objects.filter(team_id=page.team_id)
    assert {"subscriber removed", "dead messages sent again"} <= set(log.values_list("verb", flat=True))
    assert not any("ann@" in str(entry.__dict__) for entry in log)


def test_the_list_comes_page_by_page(page: StatusPage, owner: User, api: Api) -> None:
    for number in range(3):
        subscribers.ask(page, kind=Road.EMAIL, address=f"p{number}@example.org", now=timezone.now())
    path, program = f"/api/status-pages/{page.pk}/subscribers", api(owner)
    first = program.get(path, {"limit": 2}).json()
    second = program.get(path, {"limit": 2, "cursor": first["next"]}).json()
    listed = first["results"] + second["results"]
    assert [one["address"] for one in listed] == [f"p{number}@example.org" for number in range(3)]
    assert second["next"] is None
    assert program.get(path, {"cursor": "WzEsMl0"}).status_code == 400
    assert program.delete(f"/api/status-pages/subscribers/{listed[0]['id']}").status_code == 204
    assert Subscriber.objects.count() == 2
