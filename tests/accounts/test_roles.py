from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import path
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.exceptions import NoTeam
from accounts.models import Membership, Team, User
from accounts.rules import Role
from accounts.selectors import membership_of
from tests.accounts.cast import program_of, sign_up


class Ordinary(APIView):
    """A view as colleagues write them: nothing said about rights."""

    def get(self, request: Request) -> Response:
        return Response({"team": str(membership_of(request.user).team.id)})

    post = put = patch = delete = get


class OwnersOnly(Ordinary):
    needed_role = Role.OWNER


urlpatterns = [
    path("api/ordinary", Ordinary.as_view()),
    path("api/owners", OwnersOnly.as_view()),
]
handler404 = "uptime.errors.refused"

READS = ["get", "head", "options"]
WRITES = ["post", "put", "patch", "delete"]


@pytest.mark.parametrize(
    ("role", "needed", "covers"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.OWNER, Role.EDITOR, True),
        (Role.OWNER, Role.VIEWER, True),
        (Role.EDITOR, Role.OWNER, False),
        (Role.EDITOR, Role.EDITOR, True),
        (Role.EDITOR, Role.VIEWER, True),
        (Role.VIEWER, Role.OWNER, False),
        (Role.VIEWER, Role.EDITOR, False),
        (Role.VIEWER, Role.VIEWER, True),
    ],
)
def test_a_role_includes_the_ones_below(role: Role, needed: Role, covers: bool) -> None:
    assert role.covers(needed) is covers


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("role", "where", "methods", "status"),
    [
        (Role.VIEWER, "ordinary", READS, 200),
        (Role.VIEWER, "ordinary", WRITES, 403),
        (Role.EDITOR, "ordinary", READS + WRITES, 200),
        (Role.OWNER, "ordinary", READS + WRITES, 200),
        (Role.VIEWER, "owners", READS, 200),
        (Role.EDITOR, "owners", READS, 200),
        (Role.EDITOR, "owners", WRITES, 403),
        (Role.OWNER, "owners", READS + WRITES, 200),
    ],
)
def test_who_may_what(ada: User, role: Role, where: str, methods: list[str], status: int) -> None:
    Membership.objects.update(role=role)
    client = program_of(ada)
    for method in methods:
        answer = getattr(client, method)(f"/api/{where}")
        assert answer.status_code == status, method
        if status == 403:
            assert answer.json()["code"] == "role_too_low"


@pytest.mark.urls(__name__)
def test_a_changed_role_counts_from_the_next_request(ada: User) -> None:
    client = program_of(ada)
    assert client.post("/api/ordinary").status_code == 200
    Membership.objects.update(role=Role.VIEWER)
    assert client.post("/api/ordinary").status_code == 403


@pytest.mark.urls(__name__)
def test_one_without_a_team_is_told_so(ada: User) -> None:
    client = program_of(ada)
    Membership.objects.all().delete()
    answer = client.get("/api/ordinary")
    assert answer.status_code == 403
    assert answer.json()["code"] == "no_team"


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("claim", [{"headers": {"X-Org": "x"}}, {"QUERY_STRING": "team=x&org=x"}])
def test_the_team_comes_from_the_credentials_alone(ada: User, claim: dict[str, Any]) -> None:
    sign_up("bob@example.org")
    answer = program_of(ada).get("/api/ordinary", **claim)
    assert answer.json() == {"team": str(membership_of(ada).team.id)}


def test_the_earliest_membership_is_the_present_one(ada: User) -> None:
    first = membership_of(ada)
    Membership.objects.create(team=Team.objects.create(name="A later one"), user=ada, role=Role.VIEWER)
    assert membership_of(User.objects.get(id=ada.id)) == first


def test_the_membership_is_read_once_a_request(ada: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = User.objects.get(id=ada.id)
    with django_assert_num_queries(1):
        assert membership_of(user).team.name == "ada's team"
        assert membership_of(user).allows(Role.OWNER)


def test_a_stranger_has_no_membership() -> None:
    with pytest.raises(NoTeam):
        membership_of(AnonymousUser())
