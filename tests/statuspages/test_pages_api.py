"""Status pages by the API: made, filled, written on; by whom, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from monitors.models import Monitor
from statuspages.models import Component, Post, Section, StatusPage
from tests.conftest import MakeMonitor
from tests.statuspages.conftest import seen

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


@pytest.fixture
def program(api: Api, owner: User) -> APIClient:
    return api(owner)


def make(program: APIClient, **fields: Any) -> Any:
    return program.post("/api/status-pages", {"title": "Acme", "slug": "acme", **fields}, format="json")


def picture(form: str, size: tuple[int, int] = (600, 200)) -> str:
    out = BytesIO()
    Image.new("RGB", size, "red").save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def test_a_page_is_made_filled_ordered_written_on_and_forgotten(
    program: APIClient, shop: Monitor, make_monitor: MakeMonitor, client: Client
) -> None:
    page = make(program, published=True).data
    assert (page["url"], page["visibility"]) == ("http://testserver/status/acme/", "public")
    here = f"/api/status-pages/{page['id']}"
    section = program.post(f"{here}/sections", {"name": "Shop"}, format="json").data
    first = {"name": "Till", "monitor": str(shop.pk), "section": section["id"]}
    till = program.post(f"{here}/components", first, format="json").data
    group = {"name": "Both", "source": "group", "monitors": [str(shop.pk), str(make_monitor().pk)], "position": 0}
    both = program.post(f"{here}/components", group | {"section": section["id"]}, format="json").data
    assert [each["name"] for each in program.get(here).data["components"]] == ["Both", "Till"]
    program.patch(f"/api/status-pages/components/{both['id']}", {"position": 1}, format="json")
    told = {"kind": "incident", "title": "Slow", "text": "We look.", "components": [till["id"]]}
    post = program.post(f"{here}/posts", told, format="json").data
    said = {"state": "resolved", "text": "Mended."}
    assert program.post(f"/api/status-pages/posts/{post['id']}/updates", said, format="json").status_code == 201
    text = seen(client.get("/status/acme/"))
    assert text.index(">Till</h3>") < text.index(">Both</h3>")
    assert "Mended." in text
    assert program.get(f"/api/status-pages/posts/{post['id']}").data["ends_at"] is not None
    assert program.delete(f"/api/status-pages/sections/{section['id']}").status_code == 204
    assert Component.objects.filter(section=None).count() == 2
    assert program.delete(here).status_code == 204
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "No Slug"}, "slug"),
        ({"slug": "taken"}, "slug"),
        ({"domain": "http://x.example"}, "domain"),
        ({"domain": "testserver"}, "domain"),
        ({"domain": "status.taken.example"}, "domain"),
        ({"colours": {"accent": "yellow"}}, "colours"),
        ({"languages": ["xx"]}, "languages"),
        ({"visibility": "password"}, "password"),
        ({"visibility": "password", "password": "short"}, "password"),
        ({"visibility": "secret"}, "visibility"),
        ({"logo": "no base64 at all"}, "logo"),
        ({"logo": base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()}, "logo"),
        ({"logo": picture("PNG")[:400]}, "logo"),
        ({"logo": picture("PNG", (9_000, 9_000))}, "logo"),
        ({"logo": picture("BMP", (20, 20))}, "logo"),
        ({"team": "mine"}, "team"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(program: APIClient, team: Any, fields: dict[str, Any], field: str) -> None:
    StatusPage.objects.create(team=team, slug="taken", title="x", domain="status.taken.example")
    answer = make(program, **fields)
    assert answer.status_code == 400
    assert field in {name.split(".")[0] for name in answer.data["fields"]}
    assert StatusPage.objects.count() == 1


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_encoded_anew_and_served_with_its_page(program: APIClient, client: Client, form: str) -> None:
    page = make(program, logo=picture(form), published=True).data
    assert (page["has_logo"], "logo" in page) == (True, False)
    mark = StatusPage.objects.get().logo_mark
    assert f'src="/status/acme/logo-{mark}.png"' in seen(client.get("/status/acme/"))
    answer = client.get(f"/status/acme/logo-{mark}.png")
    assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")
    with Image.open(BytesIO(answer.content)) as ours:
        assert (ours.format, ours.size) == ("PNG", (384, 128))
    assert client.get("/status/acme/logo-0000.png").status_code == 404


def test_a_password_is_never_shown_and_kept_hashed(program: APIClient) -> None:
    answer = make(program, visibility="password", password="open sesame")
    assert answer.data["has_password"] is True
    assert "sesame" not in str(answer.data)
    assert "sesame" not in StatusPage.objects.get().password
    kept = program.patch(f"/api/status-pages/{answer.data['id']}", {"password": "", "title": "Other"}, format="json")
    assert (kept.data["has_password"], kept.data["title"]) == (True, "Other")


def test_nothing_of_another_team_can_be_put_on_a_page(
    program: APIClient, api: Api, stranger: User, shop: Monitor
) -> None:
    theirs = make(api(stranger), slug="theirs").data
    there = f"/api/status-pages/{theirs['id']}"
    component = {"name": "x", "monitor": str(shop.pk)}
    assert api(stranger).post(f"{there}/components", component, format="json").status_code == 400
    group = {"name": "x", "source": "group", "monitors": [str(shop.pk)]}
    assert api(stranger).post(f"{there}/components", group, format="json").status_code == 400
    mine = make(program).data
    section = Section.objects.create(page_id=theirs["id"], name="Theirs")
    own = {"name": "x", "monitor": str(shop.pk), "section": str(section.pk)}
    assert program.post(f"/api/status-pages/{mine['id']}/components", own, format="json").status_code == 400
    assert program.get(there).status_code == 404
    assert not Component.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": "  "}, "text"),
        ({"state": "scheduled"}, "state"),
        ({"kind": "maintenance"}, "starts_at"),
        ({"starts_at": "2026-06-02T00:00:00Z", "ends_at": "2026-06-01T00:00:00Z"}, "ends_at"),
        ({"incident": "00000000-0000-0000-0000-000000000000"}, "incident"),
        ({"components": ["00000000-0000-0000-0000-000000000000"]}, "components"),
    ],
)
def test_a_post_that_makes_no_sense_is_refused(program: APIClient, fields: dict[str, Any], field: str) -> None:
    page = make(program).data
    told = {"title": "Slow", "text": "We look.", **fields}
    answer = program.post(f"/api/status-pages/{page['id']}/posts", told, format="json")
    assert answer.status_code == 400
    assert field in answer.data["fields"]
    assert not Post.objects.exists()


def test_the_log_tells_what_was_done_to_a_page(program: APIClient, shop: Monitor) -> None:
    here = f"/api/status-pages/{make(program, published=True).data['id']}"
    section = program.post(f"{here}/sections", {"name": "Shop"}, format="json").data
    till = {"name": "Till", "monitor": str(shop.pk), "section": section["id"]}
    program.post(f"{here}/components", till, format="json")
    told = {"kind": "incident", "title": "Slow", "text": "We look."}
    post = program.post(f"{here}/posts", told, format="json").data
    said = {"state": "resolved", "text": "Mended."}
    program.post(f"/api/status-pages/posts/{post['id']}/updates", said, format="json")
    program.patch(here, {"title": "Acme Ltd", "password": "open sesame"}, format="json")
    program.delete(f"/api/status-pages/posts/{post['id']}")
    program.delete(here)
    log = AuditEntry.objects.order_by("id").filter(actor="olga@example.com").exclude(kind="monitor")
    assert [f"{entry.kind} {entry.verb}" for entry in log] == [
        "statuspage created",
        "section created",
        "component created",
        "post created",
        "post updated",
        "statuspage changed",
        "post deleted",
        "statuspage deleted",
    ]
    assert log[5].changes == {"title": ["Acme", "Acme Ltd"], "password": [None, "********"]}
