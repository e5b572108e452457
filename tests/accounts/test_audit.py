"""The audit log: written with the change, by whoever is at work, never changed again, and without secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import signing
from django.db import Error, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import audit
from accounts.models import AuditEntry, Letter, Membership, Team, User
from accounts.rules import Role
from accounts.selectors import membership_of
from accounts.services import factors, keys, letters, people, sessions, teams
from tests.accounts.cast import program, program_of, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(ada: User) -> Team:
    return membership_of(ada).team


def last() -> AuditEntry:
    return AuditEntry.objects.latest("id")


def test_who_what_and_from_where(ada: User, team: Team) -> None:
    client = program_of(ada)
    client.patch("/api/team", {"name": "Ops"}, headers={"User-Agent": "curl/8\x1b[31m" + "x" * 500})
    entry = last()
    assert (entry.by, entry.actor, entry.actor_id) == ("user", "ada@example.org", ada.pk)
    assert (entry.verb, entry.kind, entry.object_id, entry.name) == ("renamed", "team", str(team.pk), "Ops")
    assert entry.changes == {"name": ["ada's team", "Ops"]}
    assert entry.address == "127.0.0.1"
    assert entry.user_agent.startswith("curl/8 [31mxxx")
    assert len(entry.user_agent) == 120
    assert entry.request_id


def test_a_key_is_named_and_so_is_its_person(ada: User, team: Team) -> None:
    _, of_team = keys.create_key(team=team, by=ada, name="Terraform", scope="admin")
    _, of_ada = keys.create_token(membership=membership_of(ada), name="laptop", scope="admin")
    for secret, actor in ((of_team, "Terraform"), (of_ada, "laptop of ada@example.org")):
        assert program(secret).patch("/api/team", {"name": actor}).status_code == 200
        assert (last().by, last().actor) == ("key", actor)
        assert secret[12:] not in str(AuditEntry.objects.values_list())


def test_outside_of_a_request_it_was_the_system(team: Team) -> None:
    teams.rename_team(team, name="By a task")
    assert (last().by, last().actor, last().address) == ("system", "", None)


def test_what_changes_nothing_and_what_is_refused_leave_no_entry(ada: User, team: Team) -> None:
    client = program_of(ada)
    assert client.patch("/api/team", {"name": team.name}).status_code == 200
    assert client.patch("/api/team", {"name": ""}).status_code == 400
    with transaction.atomic():
        teams.rename_team(team, name="Rolled back")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.filter(verb="renamed").exists()


def test_what_happens_to_an_account_is_told_in_every_team_of_the_person(ada: User, team: Team) -> None:
    other = teams.create_team(name="Ops", owner=ada)
    secret = generate_totp_secret()
    _, present, _ = yield_hotp_counters_from_time()
    code = format_hotp_value(hotp_value(secret, present))
    factors.add_app(user=ada, secret=secret, code=code)
    factors.remove(user=ada, pk=factors.of(ada)["app"].pk)
    people.change_password(user=ada, password="four grey herons")
    sessions.end_other_sessions(user=ada, key=None)
    people.confirm_email(token=signing.dumps([str(ada.pk), ada.email, "ada@new.example"], salt=letters.EMAIL_SALT))
    letters.leave(Letter.Kind.LOCKED, to="ada@new.example")
    letters.leave(Letter.Kind.LOCKED, to="nobody@example.org")
    letters.post(now=timezone.now())
    expected = [
        "second factor added",
        "recovery codes made",
        "second factor removed",
        "password changed",
        "other sessions ended",
        "e-mail address confirmed",
        "log-in locked",
    ]
    for team_id in (team.pk, other.pk):
        told = AuditEntry.objects.filter(team_id=team_id, kind="user").order_by("id")
        assert [entry.verb for entry in told] == expected
        assert told[5].changes == {"email": ["ada@example.org", "ada@new.example"]}
    assert secret not in str(AuditEntry.objects.values_list())


def test_a_deleted_account_is_told_where_it_is_missed(ada: User, team: Team) -> None:
    bob = sign_up("bob@example.org")
    Membership.objects.create(team=team, user=bob, role=Role.EDITOR)
    people.delete_account(user=bob)
    told = AuditEntry.objects.get(team_id=team.pk, verb="account deleted")
    assert told.name == "bob@example.org"
    assert AuditEntry.objects.get(verb="deleted", kind="team").name == "bob's team"


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_attack_32_the_address_is_seen_past_our_own_proxies_only(
    ada: User, settings: Settings, proxies: int, address: str
) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    forwarded = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7, 203.0.113.9"}
    program_of(ada).patch("/api/team", {"name": "Ops"}, headers=forwarded)
    assert last().address == address


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"name": "a"}, {"name": "b"}, {"name": ["a", "b"]}),
        ({"name": "a"}, {"name": "a"}, {}),
        ({}, {"tags": ["a", "b"]}, {"tags": [None, "a, b"]}),
        ({"spec": {"url": "a", "n": 1}}, {"spec": {"url": "b", "n": 1}}, {"spec.url": ["a", "b"]}),
        ({"sealed": "gAAA"}, {"sealed": "gBBB"}, {"sealed": ["********", "********"]}),
        ({"x": {"api_token": ""}}, {"x": {"api_token": "hunter2"}}, {"x.api_token": [None, "********"]}),
        ({"note": "a"}, {"note": "n" * 999}, {"note": ["a", "n" * 300 + "…"]}),
    ],
)
def test_what_is_shown_of_a_change(before: dict[str, Any], after: dict[str, Any], shown: dict[str, Any]) -> None:
    assert audit.difference(audit.flat(before), audit.flat(after)) == shown


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor = 'nobody'",
        "DELETE FROM accounts_auditentry",
        "UPDATE accounts_auditentry SET at = now() - interval '31 days'",
        "TRUNCATE accounts_auditentry",
    ],
)
def test_the_database_itself_refuses_to_forget(team: Team, statement: str) -> None:
    audit.done(team, "looked at")
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 1


def test_what_is_past_the_retention_goes(team: Team) -> None:
    now = timezone.now()
    for days in (10, 40, 400):
        AuditEntry.objects.create(team_id=team.pk, verb="renamed", at=now - timedelta(days=days))
    assert audit.forget_old(now=now, retention_days=365) == 1
    assert audit.forget_old(now=now, retention_days=30) == 1
    assert AuditEntry.objects.count() == 1


def test_the_log_is_read_by_owners_page_by_page(ada: User, team: Team) -> None:
    bob = sign_up("bob@example.org")
    Membership.objects.create(team=team, user=bob, role=Role.EDITOR)
    for number in range(3):
        teams.rename_team(team, name=f"Name {number}")
    client, names = program_of(ada), []
    cursor: str | None = ""
    for _ in range(3):
        answer = client.get(f"/api/audit-log?verb=renamed&limit=1&cursor={cursor}").json()
        names += [entry["name"] for entry in answer["results"]]
        cursor = answer["next"]
    assert names == ["Name 2", "Name 1", "Name 0"]
    assert cursor is None
    assert client.get("/api/audit-log?who=nobody").json()["results"] == []
    assert client.get("/api/audit-log?since=yesterday").status_code == 400
    refused = program_of(bob).get("/api/audit-log", headers={"X-Team": str(team.pk)})
    assert refused.status_code == 403
