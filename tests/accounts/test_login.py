from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts.models import User
from tests.accounts.cast import ADA, PASSWORD, program


def test_the_right_password_opens_in_any_spelling_of_the_address(ada: User) -> None:
    answer = program().post("/api/auth/login", {"email": " ADA@Example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["user"] == {"id": str(ada.id), "email": "ada@example.org", "name": ""}
    assert program(answer.json()["access"]).get("/api/auth/me").json()["email"] == "ada@example.org"
    ada.refresh_from_db()
    assert ada.last_login is not None


def _counted(work: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    def counted(hasher: Argon2PasswordHasher, *words: str) -> Any:
        seen.append("round")
        return work(hasher, *words)

    return counted


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every round of Argon2 that the server runs: by far the longest part of a log-in."""
    seen: list[str] = []
    for work in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, work, _counted(getattr(Argon2PasswordHasher, work), seen))
    return seen


@pytest.mark.django_db
def test_an_unknown_address_a_wrong_password_and_a_switched_off_account_look_the_same(
    ada: User, rounds: list[str]
) -> None:
    User.objects.create_user("off@example.org", PASSWORD, is_active=False)
    tries = [
        {"email": "nobody@example.org", "password": PASSWORD},
        {"email": ada.email, "password": "three pink herons"},
        {"email": "off@example.org", "password": PASSWORD},
    ]
    answers = []
    for words in tries:
        rounds.clear()
        answers.append(program().post("/api/auth/login", words))
        assert len(rounds) == 1, "or the clock would tell"
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json() == {
        "type": "urn:uptime:problem:wrong_credentials",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The e-mail address or the password is wrong.",
        "code": "wrong_credentials",
    }
    assert answers[0]["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_stale_token_does_not_bar_the_way_to_a_new_one(ada: User) -> None:
    assert program("no.such.token").post("/api/auth/login", ADA).status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": ADA["email"]}, {"password"}),
        ({**ADA, "password": 1234567890}, {"password"}),
        ({**ADA, "email": ["ada@example.org"]}, {"email"}),
        ({**ADA, "email": {"$ne": ""}}, {"email"}),
        ({**ADA, "email": None}, {"email"}),
        ({**ADA, "email": "ada\0@example.org"}, {"email"}),
        ({**ADA, "password": "\ud800" * 12}, {"password"}),
        ({**ADA, "password": "x" * 1001}, {"password"}),
        ({**ADA, "cookie": "perhaps"}, {"cookie"}),
        ({**ADA, "emial": "x", "remember": 1}, {"emial", "remember"}),
        ([], set()),
        ("ada", set()),
        (None, set()),
    ],
)
@pytest.mark.django_db
def test_a_wrong_body_is_refused_field_by_field(body: object, fields: set[str]) -> None:
    answer = program().post("/api/auth/login", json.dumps(body), content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert set(answer.json().get("fields", {})) == fields
    assert answer.json()["code"] == "invalid"
