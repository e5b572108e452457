from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from pytest_django import Settings

from accounts.exceptions import RegistrationClosed
from accounts.models import Letter, Membership, Team, User
from accounts.rules import Role
from accounts.selectors import membership_of
from accounts.services import people
from tests.accounts.cast import ADA, PASSWORD, program, sign_up


@pytest.mark.django_db
def test_a_new_person_owns_a_team_of_one() -> None:
    user = sign_up(name="Ada Lovelace")
    membership = membership_of(user)
    assert membership.role == Role.OWNER
    assert membership.team.name == "Ada Lovelace's team"
    assert list(membership.team.members.all()) == [user]
    assert user.check_password(PASSWORD)
    assert user.password.startswith("argon2")


@pytest.mark.django_db
def test_the_answer_lets_the_program_go_straight_on() -> None:
    answer = program().post("/api/auth/signup", {**ADA, "name": "Ada"})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    user = User.objects.get()
    assert answer.json()["user"] == {"id": str(user.id), "email": "ada@example.org", "name": "Ada"}
    assert set(answer.json()) == {"user", "access", "refresh"}
    assert program(answer.json()["access"]).get("/api/auth/me").status_code == 200


@pytest.mark.django_db
def test_an_address_is_kept_in_lower_case_and_taken_in_every_case() -> None:
    assert sign_up(" Ada@Example.ORG ").email == "ada@example.org"
    answer = program().post("/api/auth/signup", {**ADA, "email": "ADA@example.org"})
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "urn:uptime:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": "email: This e-mail address already has an account.",
        "code": "invalid",
        "fields": {"email": ["This e-mail address already has an account."]},
    }
    assert (User.objects.count(), Team.objects.count(), Membership.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_the_owner_of_an_address_hears_of_who_tries_to_sign_up_with_it() -> None:
    """Where people come in at once the answer shows that it was taken; it is not asked in silence."""
    sign_up()
    Letter.objects.all().delete()
    answers = [program().post("/api/auth/signup", ADA).status_code for _ in range(5)]
    assert answers == [400] * 5
    assert list(Letter.objects.values_list("kind", "to")) == [("already", ADA["email"])] * 3


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_with_one_address_one_wins_and_the_other_is_told() -> None:
    def try_it(_: int) -> int:
        try:
            return program().post("/api/auth/signup", ADA).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(try_it, range(4))) == [201, 400, 400, 400]
    assert Team.objects.count() == 1


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "at least 10 characters"),
        ("password123", "too common"),
        ("4711471147114711", "entirely numeric"),
        ("ada@example.org", "too similar"),
    ],
)
@pytest.mark.django_db
def test_a_weak_password_is_refused_with_a_reason(password: str, words: str) -> None:
    answer = program().post("/api/auth/signup", {**ADA, "password": password})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["password"]
    assert words in " ".join(answer.json()["fields"]["password"])
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "a b@example.org", "a@b.org\nx@y.org"])
@pytest.mark.django_db
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError) as caught:
        sign_up(email)
    assert list(caught.value.message_dict) == ["email"]
    assert program().post("/api/auth/signup", {**ADA, "email": email}).status_code == 400


@pytest.mark.django_db
def test_a_closed_registration_says_so(settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    with pytest.raises(RegistrationClosed):
        people.sign_up(email=ADA["email"], password=PASSWORD)
    answer = program().post("/api/auth/signup", ADA)
    assert answer.status_code == 403
    assert answer.json()["code"] == "registration_closed"
    assert "closed" in answer.json()["detail"]
    assert not User.objects.exists()


@pytest.mark.parametrize("extra", ["is_staff", "is_superuser", "role", "id", "team"])
@pytest.mark.django_db
def test_nobody_signs_up_as_more_than_a_person(extra: str) -> None:
    answer = program().post("/api/auth/signup", {**ADA, extra: True})
    assert answer.status_code == 400
    assert answer.json()["fields"] == {extra: ["Unknown field."]}
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_mistyped_field_is_told_the_one_that_was_meant() -> None:
    answer = program().post("/api/auth/signup", {"emial": "ada@example.org", "password": PASSWORD})
    assert answer.json()["fields"]["emial"] == ["Unknown field. Did you mean email?"]


@pytest.mark.django_db
def test_an_operator_made_on_the_command_line_has_a_team_too() -> None:
    operator = User.objects.create_superuser("Root@Example.org", PASSWORD)
    assert operator.email == "root@example.org"
    assert membership_of(operator).role == Role.OWNER
