from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Membership, User
from accounts.rules import Role
from accounts.selectors import membership_of
from tests.accounts.cast import program, program_of


def test_it_says_who_and_in_which_team(ada: User) -> None:
    team = membership_of(ada).team
    for address in ("/api/auth/me", "/api/auth/me/"):
        assert program_of(ada).get(address).json() == {
            "id": str(ada.id),
            "email": "ada@example.org",
            "email_confirmed_at": None,
            "name": "",
            "time_zone": "UTC",
            "language": "",
            "theme": "system",
            "shortcuts": True,
            "team": {"id": str(team.id), "name": "ada's team"},
            "role": "owner",
        }


@pytest.mark.parametrize("role", Role)
def test_everybody_may_change_the_own_name(ada: User, role: Role) -> None:
    Membership.objects.update(role=role)
    answer = program_of(ada).patch("/api/auth/me", {"name": "  Ada L. "})
    assert answer.status_code == 200
    assert answer.json()["name"] == "Ada L."
    ada.refresh_from_db()
    assert ada.name == "Ada L."


@pytest.mark.parametrize(
    "body",
    [
        {"is_staff": True},
        {"is_superuser": True},
        {"role": "owner"},
        {"id": "6f3b3f0e-0000-4000-8000-000000000000"},
        {"email": "else@example.org"},
        {"team": {"name": "x"}},
        {"password": "four grey herons"},
        {"name": "x", "is_active": False},
        {"name": 7},
        {"name": None},
        {"name": "x" * 121},
    ],
)
def test_nothing_else_can_be_changed(ada: User, body: dict[str, Any]) -> None:
    before = User.objects.values().get()
    client = program_of(ada)
    before["last_login"] = User.objects.get().last_login
    answer = client.patch("/api/auth/me", body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) <= set(body)
    assert User.objects.values().get() == before


@pytest.mark.django_db
def test_a_stranger_is_asked_to_sign_in() -> None:
    for method in ("get", "patch", "options", "post"):
        assert getattr(program(), method)("/api/auth/me").status_code == 401
