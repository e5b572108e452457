"""Who gets in: unlisted pages, pages with a password, and domains of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from monitors import secrets
from statuspages import kept
from statuspages.models import StatusPage
from statuspages.services import pages
from tests.statuspages.conftest import seen

pytestmark = pytest.mark.django_db

PARTS = ["", "live/", "history/"]


def change(page: StatusPage, **fields: Any) -> None:
    StatusPage.objects.filter(pk=page.pk).update(**fields)
    kept.forget(f"page:{page.slug}", "domains")


# --- unlisted ---


@pytest.mark.parametrize("part", PARTS)
def test_an_unlisted_page_is_at_its_secret_address_only(client: Client, page: StatusPage, part: str) -> None:
    page = pages.change_page(page, visibility="unlisted")
    kept.forget("page:acme")
    answer = client.get(f"/status/acme/key/{page.token}/{part}")
    assert "Acme" in seen(answer)
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    unknown = client.get("/status/nothing/")
    for wrong in ("/status/acme/", f"/status/acme/{part}", f"/status/acme/key/{secrets.new_token()}/{part}"):
        answer = client.get(wrong)
        assert (answer.status_code, answer.content) == (404, unknown.content)


def test_a_new_address_ends_the_old_one(client: Client, page: StatusPage) -> None:
    page = pages.change_page(page, visibility="unlisted")
    old = page.path
    new = pages.renew_token(page).path
    kept.forget("page:acme")
    assert [client.get(path).status_code for path in (old, new)] == [404, 200]


def test_what_is_not_there_is_said_in_the_language_of_the_page_where_it_may_be_known(
    client: Client, page: StatusPage
) -> None:
    english, german = {"Accept-Language": "en"}, {"Accept-Language": "de"}
    change(page, languages=["de"])
    within = client.get("/status/acme/history/1990/1/", headers=english).content.decode()
    assert "Hier ist nichts" in within
    assert 'href="/status/acme/"' in within
    assert "Hier ist nichts" in client.get("/status/nothing/", headers=german).content.decode()
    change(page, visibility="unlisted")
    assert "There is nothing here" in client.get("/status/acme/", headers=english).content.decode()


def test_a_public_page_has_no_other_address(client: Client, page: StatusPage) -> None:
    assert client.get("/status/acme/key/anything/").status_code == 404


# --- with a password ---


@pytest.fixture
def locked(page: StatusPage) -> StatusPage:
    change(
        page, visibility="password", password=make_password("open sesame"), logo_mark="abc", colours={"up": "#123456"}
    )
    return page


def test_nothing_of_a_locked_page_is_seen_without_the_password(client: Client, locked: StatusPage) -> None:
    door = client.get("/status/acme/")
    assert "Shop" not in seen(door)
    assert "noindex" in door.headers["X-Robots-Tag"]
    for part in [*PARTS[1:], "logo-abc.png", "style-abc.css"]:
        assert client.get(f"/status/acme/{part}").headers["Location"] == "/status/acme/"


def test_the_password_lets_in_until_it_changes(client: Client, locked: StatusPage) -> None:
    wrong = client.post("/status/acme/", {"password": "open barley"})
    assert (wrong.status_code, "That is not the password" in wrong.content.decode()) == (403, True)
    right = client.post("/status/acme/", {"password": "open sesame"})
    assert (right.status_code, right.headers["Location"]) == (302, "/status/acme/")
    cookie = right.cookies[f"status_{locked.pk.hex}"]
    assert (cookie["httponly"], cookie["path"], cookie["max-age"]) == (True, "/status/acme/", "")
    assert "Shop" in seen(client.get("/status/acme/"))
    change(locked, password=make_password("open sesame"))  # even to the same one
    assert "Shop" not in seen(client.get("/status/acme/"))


def test_the_pass_of_one_page_opens_no_other(client: Client, locked: StatusPage) -> None:
    other = StatusPage.objects.create(team=locked.team, slug="other", title="Other", published=True)
    change(other, visibility="password", password=make_password("another one"))
    client.post("/status/acme/", {"password": "open sesame"})
    client.cookies[f"status_{other.pk.hex}"] = client.cookies[f"status_{locked.pk.hex}"].value
    assert "those who know its password" in seen(client.get("/status/other/"))


def test_tries_are_limited(client: Client, locked: StatusPage) -> None:
    answers = [client.post("/status/acme/", {"password": f"guess {n}"}).status_code for n in range(11)]
    assert answers == [403] * 10 + [429]
    last = client.post("/status/acme/", {"password": "open sesame"})
    assert (last.status_code, int(last.headers["Retry-After"]) > 0) == (429, True)


def test_the_form_needs_the_mark_of_our_own_page(locked: StatusPage) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/status/acme/", {"password": "open sesame"}).status_code == 403
    assert "csrfmiddlewaretoken" in seen(client.get("/status/acme/"))


# --- a domain of its own ---

HOST = {"Host": "status.acme.example"}


def test_a_domain_shows_its_page_and_nothing_else(client: Client, page: StatusPage) -> None:
    change(page, domain="status.acme.example")
    assert 'hx-get="/live/"' in seen(client.get("/", headers=HOST))
    assert seen(client.get("/history/", headers=HOST))
    for other in ("/monitors/", "/login/", "/api/schema", "/admin/", "/status/acme/", "/readyz", "/metrics"):
        assert client.get(other, headers=HOST).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "status.acme.example.evil.example", "STATUS.acme.example@evil", ""])
def test_other_hosts_are_refused(client: Client, page: StatusPage, host: str) -> None:
    change(page, domain="status.acme.example")
    for path in ("/", "/status/acme/", "/login/"):
        assert client.get(path, headers={"Host": host}).status_code == 400


def test_the_domain_of_an_unpublished_page_is_any_other_host(client: Client, page: StatusPage) -> None:
    change(page, domain="status.acme.example", published=False)
    assert client.get("/", headers=HOST).status_code == 400


def test_a_locked_page_opens_at_its_domain(page: StatusPage, locked: StatusPage) -> None:
    change(locked, domain="status.acme.example")
    client = Client(enforce_csrf_checks=True)
    seen(client.get("/", headers=HOST))
    given = {"password": "open sesame", "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    answer = client.post("/", given, headers={**HOST, "Origin": "http://status.acme.example"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    evil = client.post("/", given, headers={**HOST, "Origin": "http://evil.example"})
    assert evil.status_code == 403


def test_our_own_names_cannot_be_taken(page: StatusPage, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["uptime.example.com", ".inner.example"]
    settings.SITE_URL = "https://uptime.example.org"
    for name in ("uptime.example.com", "uptime.example.org", "a.inner.example"):
        with pytest.raises(ValidationError, match="this server itself"):
            pages.change_page(page, domain=name)
