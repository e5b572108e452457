"""What is one's own, by a program: the profile, the address, the password, sessions, the end."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from accounts.models import Letter, Membership, User
from accounts.services import factors
from accounts.services.sessions import sessions_of
from accounts.services.tokens import TokenPair
from tests.accounts.cast import ADA, PASSWORD, csrf_token, program, program_of, sign_in, sign_up
from tests.accounts.test_sessions import is_alive

NEW = "four grey herons"


def signed_in_browser() -> Client:
    window = Client(headers={"User-Agent": "Heron 1.0"})
    form = {"username": ADA["email"], "password": PASSWORD, "csrfmiddlewaretoken": csrf_token(window)}
    assert window.post("/login/", form).status_code == 302
    return window


def test_clocks_language_and_look_are_changed(ada: User) -> None:
    wanted = {"time_zone": "Europe/Berlin", "language": "de", "theme": "dark", "shortcuts": False}
    answer = program_of(ada).patch("/api/auth/me", wanted)
    assert answer.status_code == 200
    assert answer.json().items() >= wanted.items()
    ada.refresh_from_db()
    assert (ada.time_zone, ada.language, ada.theme, ada.shortcuts) == ("Europe/Berlin", "de", "dark", False)


@pytest.mark.parametrize("body", [{"time_zone": "Mars/Base"}, {"language": "tlh"}, {"theme": "pink"}])
def test_what_no_page_could_show_is_refused(ada: User, body: dict[str, str]) -> None:
    answer = program_of(ada).patch("/api/auth/me", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, list(body))


def test_a_new_password_ends_all_sessions_and_gives_tokens_of_a_new_one(ada: User) -> None:
    window, elsewhere, here = signed_in_browser(), sign_in(ada), sign_in(ada)
    client = program(here.access)
    refused = client.post("/api/auth/me/password", {"password": "not it", "new_password": NEW})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["password"])
    weak = client.post("/api/auth/me/password", {"password": PASSWORD, "new_password": "1234567890"})
    assert (weak.status_code, list(weak.json()["fields"])) == (400, ["new_password"])
    answer = client.post("/api/auth/me/password", {"password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert is_alive(answer.json()["access"])
    assert not is_alive(here.access)
    assert not is_alive(elsewhere.access)
    assert window.get("/account/").status_code == 302


def test_sessions_are_listed_and_ended_one_by_one_and_at_once(ada: User) -> None:
    signed_in_browser()
    here, old, older = sign_in(ada), sign_in(ada), sign_in(ada)
    stranger = sign_in(sign_up("bob@example.org"))
    client = program(here.access)
    listed = client.get("/api/auth/me/sessions").json()["results"]
    assert [session["kind"] for session in listed] == ["program"] * 3 + ["browser"]
    assert [session["current"] for session in listed].count(True) == 1
    assert listed[-1]["client"] == "Heron 1.0"

    for unknown in (id_of(stranger), "1" * 30, "nobody"):
        assert client.delete(f"/api/auth/me/sessions/{unknown}").status_code == 404
    assert is_alive(stranger.access)

    assert client.delete(f"/api/auth/me/sessions/{listed[-1]['id']}").status_code == 204
    assert not sessions_of(ada)
    assert client.delete(f"/api/auth/me/sessions/{id_of(old)}").status_code == 204
    assert (is_alive(old.access), is_alive(older.access)) == (False, True)
    assert client.delete("/api/auth/me/sessions").status_code == 204
    assert (is_alive(older.access), is_alive(here.access)) == (False, True)


def id_of(pair: TokenPair) -> str:
    """Of the session that a pair of tokens belongs to, as its own list marks it."""
    listed = program(pair.access).get("/api/auth/me/sessions").json()["results"]
    return str(next(session["id"] for session in listed if session["current"]))


def test_the_address_changes_by_a_mail_and_takes_the_password(ada: User) -> None:
    client = program_of(ada)
    Letter.objects.all().delete()
    wrong = client.post("/api/auth/me/email", {"email": "new@example.org", "password": "not it"})
    assert wrong.status_code == 400
    assert not Letter.objects.filter(to="new@example.org").exists()
    answer = client.post("/api/auth/me/email", {"email": "new@example.org", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (202, "check_mail")
    assert Letter.objects.filter(kind=Letter.Kind.CONFIRM, to="new@example.org").exists()
    assert client.post("/api/auth/me/email/again").status_code == 202
    assert Letter.objects.filter(kind=Letter.Kind.CONFIRM, to=ada.email).exists()


@pytest.mark.parametrize("email", [ADA["email"], "nobody@example.org"])
def test_a_reset_is_asked_for_and_the_answer_tells_nobody_who_has_an_account(ada: User, email: str) -> None:
    answer = program().post("/api/auth/password-reset", {"email": email})
    assert (answer.status_code, answer.json()["code"]) == (202, "check_mail")
    assert Letter.objects.filter(kind=Letter.Kind.RESET, to=email).exists()


def test_factors_are_told_without_their_secrets(ada: User) -> None:
    client = program_of(ada)
    assert client.get("/api/auth/me/factors").json() == {"on": False, "app": None, "keys": [], "codes_left": 0}
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    factors.new_codes(ada)
    told = client.get("/api/auth/me/factors").json()
    assert (told["on"], told["app"]["name"], told["codes_left"]) == (True, "Authenticator app", 10)
    assert set(told["app"]) == {"name", "created_at", "last_used_at"}


def test_who_is_in_no_team_still_has_an_account(ada: User) -> None:
    Membership.objects.all().delete()
    client = program_of(ada)
    assert client.get("/api/auth/me/sessions").status_code == 200
    assert client.post("/api/teams", {"name": "Anew"}).status_code == 201
    assert client.get("/api/auth/me").json()["team"]["name"] == "Anew"


def test_an_account_is_deleted_by_its_owner_alone(ada: User) -> None:
    client = program_of(ada)
    assert client.post("/api/auth/me/delete", {"password": "not it"}).status_code == 400
    assert client.post("/api/auth/me/delete", {"password": PASSWORD}).status_code == 204
    assert not User.objects.exists()
