from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.shortcuts import resolve_url
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.selectors import membership_of
from tests.accounts.cast import ADA, PASSWORD, browser, csrf_token


@pytest.fixture
def home(settings: Settings) -> str:
    return resolve_url(settings.LOGIN_REDIRECT_URL)


class Elements(HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for found, attrs in self.found if found == tag]


def sign_up_by_page(client: Client, address: str = "/signup/", **fields: str) -> str | int:
    """Where the page leads, or the status of a page that says why not."""
    form = {**ADA, "csrfmiddlewaretoken": csrf_token(client, "/signup/"), **fields}
    answer = client.post(address, form)
    return answer["Location"] if answer.status_code == 302 else answer.status_code


def log_in_by_page(client: Client, address: str = "/login/", **fields: str) -> str | int:
    form = {
        "username": ADA["email"],
        "password": PASSWORD,
        "csrfmiddlewaretoken": csrf_token(client),
        **fields,
    }
    answer = client.post(address, form)
    return answer["Location"] if answer.status_code == 302 else answer.status_code


def who(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


@pytest.mark.django_db
def test_after_signing_up_one_is_in_and_at_the_dashboard(home: str) -> None:
    window = browser()
    assert sign_up_by_page(window, email="Ada@Example.org") == home
    user = User.objects.get()
    assert user.email == "ada@example.org"
    assert membership_of(user).team.name == "ada's team"
    assert who(window) == str(user.id)


def test_logging_in_and_out(ada: User, home: str) -> None:
    window = browser()
    assert log_in_by_page(window, username="ADA@example.org") == home
    assert who(window) == str(ada.id)
    answer = window.post("/logout/", {"csrfmiddlewaretoken": window.cookies["csrftoken"].value})
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert who(window) is None


def test_a_session_copied_before_logging_out_is_dead_afterwards(ada: User) -> None:
    window, copy = browser(), browser()
    csrf = csrf_token(window)
    window.force_login(ada)
    copy.cookies = window.cookies.__class__(window.cookies.output(header=""))
    assert copy.get("/login/").status_code == 302
    window.post("/logout/", {"csrfmiddlewaretoken": csrf})
    assert copy.get("/login/").status_code == 200


def test_the_page_says_the_same_for_every_wrong_log_in(ada: User) -> None:
    User.objects.create_user("off@example.org", PASSWORD, is_active=False)
    for email, password in [
        (ada.email, "three pink herons"),
        ("nobody@example.org", PASSWORD),
        ("off@example.org", PASSWORD),
    ]:
        window = browser()
        form = {"username": email, "password": password, "csrfmiddlewaretoken": csrf_token(window)}
        answer = window.post("/login/", form)
        assert answer.status_code == 200
        assert b"The e-mail address or the password is wrong." in answer.content
        assert password.encode() not in answer.content


def test_sign_up_mistakes_stand_at_their_fields(ada: User) -> None:
    window = browser()
    form = {
        "email": "ADA@example.org",
        "password": "short",
        "csrfmiddlewaretoken": csrf_token(window, "/signup/"),
    }
    page = Elements(window.post("/signup/", form).content)
    (password,) = (field for field in page.named("input") if field["name"] == "password")
    assert password["aria-invalid"] == "true"
    assert "id_password_error" in (password["aria-describedby"] or "")
    assert {"id_password_error", "form-errors"} <= {attrs.get("id") for _, attrs in page.found}
    taken = window.post("/signup/", form | {"password": PASSWORD})
    assert b"already has an account" in taken.content
    assert Elements(taken.content).named("form")[0]["aria-describedby"] == "form-errors"


@pytest.mark.parametrize(
    ("page", "autocomplete"),
    [("/login/", {"username", "current-password"}), ("/signup/", {"username", "new-password"})],
)
@pytest.mark.django_db
def test_every_field_has_a_label_and_a_hint_for_password_managers(page: str, autocomplete: set[str]) -> None:
    elements = Elements(browser().get(page).content)
    fields = [field for field in elements.named("input") if field["type"] != "hidden"]
    assert {field["autocomplete"] for field in fields} == autocomplete
    assert {field["id"] for field in fields} <= {label["for"] for label in elements.named("label")}
    assert not any("style" in attrs or "onclick" in attrs for _, attrs in elements.found)


@pytest.mark.django_db
def test_a_closed_registration_shows_no_form(settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    window = browser()
    answer = window.get("/signup/")
    assert b"Registration is closed" in answer.content
    assert b"<form" not in answer.content
    assert b"Sign up" not in window.get("/login/").content
    proof = csrf_token(window)
    answer = window.post("/signup/", {**ADA, "csrfmiddlewaretoken": proof})
    assert answer.status_code == 403
    assert b"Registration is closed" in answer.content
    assert not User.objects.exists()


@pytest.mark.parametrize("page", ["/login/", "/signup/", "/login/?next=/somewhere", "/admin/login/?next=/admin/"])
def test_one_who_is_in_is_led_to_the_dashboard(ada: User, page: str) -> None:
    window = browser()
    window.force_login(ada)
    assert window.get(page, follow=True).redirect_chain[-1][0] == "/monitors/"


HOSTILE = [
    "https://evil.test/",
    "//evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "///evil.test",
    "javascript:alert(1)",
    "data:text/html,x",
    "https:evil.test",
    " //evil.test",
    "http://testserver@evil.test/",
    "/\t/evil.test",
]


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("enter", [sign_up_by_page, log_in_by_page])
@pytest.mark.django_db
def test_nobody_is_led_to_another_host(enter: object, target: str, home: str) -> None:
    if enter is log_in_by_page:
        User.objects.create_user(ADA["email"], PASSWORD)
    assert enter(browser(), next=target) == home  # type: ignore[operator]
    page = browser().get("/login/", {"next": target}).content
    assert b"evil" not in page
    assert b"javascript:" not in page


@pytest.mark.parametrize("enter", [sign_up_by_page, log_in_by_page])
@pytest.mark.django_db
def test_one_is_led_to_where_one_wanted_to_go(enter: object) -> None:
    if enter is log_in_by_page:
        User.objects.create_user(ADA["email"], PASSWORD)
    assert enter(browser(), next="/monitors/7?tab=a&x=%22") == "/monitors/7?tab=a&x=%22"  # type: ignore[operator]


@pytest.mark.parametrize("page", ["/login/", "/signup/", "/logout/"])
@pytest.mark.parametrize(
    ("token", "headers"),
    [(None, {}), ("x" * 64, {}), ("right", {"Origin": "https://evil.test"}), ("right", {"Origin": "null"})],
)
def test_a_form_from_elsewhere_is_refused(ada: User, page: str, token: str | None, headers: dict[str, str]) -> None:
    window = browser()
    right = csrf_token(window)
    if page == "/logout/":
        window.force_login(ada)
    form = {"username": ada.email, **ADA, "email": "new@example.org"}
    if token:
        form["csrfmiddlewaretoken"] = right if token == "right" else token
    answer = window.post(page, form, headers=headers)
    assert answer.status_code == 403
    assert b"This form could not be accepted" in answer.content
    assert User.objects.count() == 1
    assert who(window) == (str(ada.id) if page == "/logout/" else None)


def test_reading_a_page_logs_nobody_out(ada: User) -> None:
    window = browser()
    window.force_login(ada)
    assert window.get("/logout/").status_code == 405
    assert who(window) == str(ada.id)


def test_a_name_that_is_markup_stays_text(ada: User) -> None:
    window = browser()
    form = {
        "email": '"><svg onload=alert(1)>',
        "password": "x",
        "csrfmiddlewaretoken": csrf_token(window, "/signup/"),
    }
    page = window.post("/signup/", form).content
    assert b"<svg onload" not in page
    assert b"&lt;svg onload" in page


def test_nobody_keeps_these_pages(ada: User) -> None:
    assert "no-store" in browser().get("/login/")["Cache-Control"]
