"""Members, roles, invitations: who gets in, who gets out, and that somebody stays responsible."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.exceptions import AnotherPerson, InvitationGone, LastOwner
from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Team, User
from accounts.rules import Role
from accounts.selectors import members_of, membership_of
from accounts.services import keys, people, teams
from tests.accounts.cast import PASSWORD, program_of, sign_up

EVE = "eve@example.org"


@pytest.fixture
def team(ada: User) -> Team:
    return membership_of(ada).team


@pytest.fixture
def bob(team: Team) -> Membership:
    return Membership.objects.create(team=team, user=sign_up("bob@example.org"), role=Role.EDITOR)


def token_of(message: mail.EmailMessage) -> str:
    found = re.search(r"http://testserver/invitations/([^/\s]+)/", str(message.body))
    assert found, message.body
    return found[1]


def invited(team: Team, ada: User, email: str = EVE, role: Role = Role.EDITOR) -> str:
    """The token in the mail that goes to somebody who is invited."""
    teams.invite(team=team, email=email, role=role, by=ada)
    teams.send_invitations(now=timezone.now())
    return token_of(mail.outbox[-1])


# --- invitations ---


@pytest.mark.django_db
def test_an_invited_stranger_signs_up_into_the_team(ada: User, team: Team, settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    token = invited(team, ada)
    assert token not in str(list(Invitation.objects.values()))
    eve = people.sign_up_invited(token=token, password=PASSWORD)
    assert [(one.team, one.role) for one in eve.memberships.all()] == [(team, Role.EDITOR)]
    with pytest.raises(InvitationGone):
        people.sign_up_invited(token=token, password=PASSWORD)


@pytest.mark.django_db
def test_an_invited_user_joins_once_and_works_there_from_then_on(ada: User, team: Team) -> None:
    eve = sign_up(EVE)
    token = invited(team, ada, role=Role.VIEWER)
    teams.accept(token=token, user=eve)
    eve.refresh_from_db()
    assert eve.last_team == team
    with pytest.raises(InvitationGone):
        teams.accept(token=token, user=eve)


@pytest.mark.django_db
def test_a_forwarded_mail_lets_nobody_else_in(ada: User, team: Team) -> None:
    token, mallory = invited(team, ada), sign_up("mallory@example.org")
    with pytest.raises(AnotherPerson):
        teams.accept(token=token, user=mallory)
    assert not mallory.memberships.filter(team=team).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["expired", "revoked", "replaced", "team deleted"])
def test_a_link_that_is_over_is_like_one_that_never_was(ada: User, team: Team, end: str) -> None:
    token = invited(team, ada)
    invitation, eve = Invitation.objects.get(), sign_up(EVE)
    if end == "expired":
        Invitation.objects.update(expires_at=timezone.now())
    elif end == "revoked":
        teams.revoke_invitation(invitation)
    elif end == "replaced":
        teams.send_again(invitation)
    else:
        teams.delete_team(team, name=team.name)
    with pytest.raises(InvitationGone):
        teams.accept(token=token, user=eve)


@pytest.mark.django_db
def test_attack_34_the_answer_does_not_tell_who_has_an_account(ada: User) -> None:
    sign_up("known@example.org")
    client, answers = program_of(ada), []
    for email in ("known@example.org", "unknown@example.org"):
        answer = client.post("/api/team/invitations", {"email": email, "role": "viewer"})
        answers.append((answer.status_code, sorted(answer.json()), answer.json()["sent_at"]))
    assert answers[0] == answers[1] == (201, answers[0][1], None)


@pytest.mark.django_db
def test_a_mail_that_does_not_go_out_is_tried_again_later(ada: User, team: Team, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, now = "127.0.0.1", 9, timezone.now()
    teams.invite(team=team, email=EVE, role=Role.VIEWER, by=ada)
    assert teams.send_invitations(now=timezone.now()) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert teams.send_invitations(now=now) == 0
    assert teams.send_invitations(now=now + timedelta(minutes=6)) == 1
    assert token_of(mail.outbox[0])


@pytest.mark.django_db
def test_attack_41_a_teams_name_writes_no_mail_headers(ada: User, team: Team) -> None:
    Team.objects.update(name="Shop\r\nBcc: all@example.org\n\nBuy <b>now</b>")
    invited(team, ada)
    assert "\n" not in mail.outbox[0].subject
    assert mail.outbox[0].recipients() == [EVE]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "role", "field"),
    [
        ("no address", "viewer", "email"),
        ("bob@example.org", "viewer", "email"),  # in the team already
        ("TWICE@example.org ", "viewer", "email"),
        (EVE, "root", "role"),
    ],
)
def test_what_is_no_invitation(ada: User, team: Team, bob: Membership, email: str, role: str, field: str) -> None:
    invited(team, ada, "twice@example.org")
    with pytest.raises(ValidationError) as refusal:
        teams.invite(team=team, email=email, role=role, by=ada)
    assert list(refusal.value.message_dict) == [field]


# --- members ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    "act",
    [
        teams.leave,
        teams.remove,
        partial(teams.change_role, role=Role.EDITOR, by=None),
        lambda mine: teams.transfer(mine, to=mine),
    ],
)
def test_a_team_keeps_an_owner(ada: User, team: Team, bob: Membership, act: Callable[[Membership], object]) -> None:
    with pytest.raises((LastOwner, ValidationError)):
        act(membership_of(ada))
    assert members_of(team).get(user=ada).role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_do_not_both(ada: User, team: Team, bob: Membership) -> None:
    Membership.objects.filter(team=team).update(role=Role.OWNER)
    start, refused = threading.Barrier(2), []

    def go(membership: Membership) -> None:
        start.wait(10)
        try:
            teams.leave(membership)
        except LastOwner:
            refused.append(membership)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=[one]) for one in members_of(team)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (members_of(team).filter(role=Role.OWNER).count(), len(refused)) == (1, 1)


@pytest.mark.django_db
def test_a_team_is_handed_over(ada: User, team: Team, bob: Membership) -> None:
    teams.transfer(membership_of(ada), to=bob)
    assert {one.user_id: one.role for one in members_of(team)} == {ada.pk: Role.EDITOR, bob.user_id: Role.OWNER}


@pytest.mark.django_db
def test_a_team_is_not_handed_to_an_account_that_is_switched_off(ada: User, bob: Membership) -> None:
    User.objects.filter(pk=bob.user_id).update(is_active=False)
    with pytest.raises(ValidationError):
        teams.transfer(membership_of(ada), to=bob)
    assert membership_of(ada).role == Role.OWNER


@pytest.mark.django_db
def test_who_is_removed_loses_the_tokens_for_good(ada: User, team: Team, bob: Membership) -> None:
    keys.create_token(membership=bob, name="laptop", scope="write")
    teams.remove(bob)
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.django_db
def test_a_team_is_deleted_by_its_name_and_its_story_stays(ada: User, team: Team) -> None:
    with pytest.raises(ValidationError):
        teams.delete_team(team, name="something else")
    teams.delete_team(team, name=f" {team.name} ")
    assert not Team.objects.filter(pk=team.pk).exists()
    assert AuditEntry.objects.get(team_id=team.pk, verb="deleted").name == team.name


# --- which of one's teams ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("named", "status", "team_name"),
    [
        (None, 200, "ada's team"),
        ("second", 200, "Second"),
        pytest.param("bobs", 404, None, id="attack-24-another-tenant"),
        ("x' OR 1=1", 404, None),
        ("", 404, None),
    ],
)
def test_a_program_names_one_of_its_persons_teams(
    ada: User, named: str | None, status: int, team_name: str | None
) -> None:
    second, bobs = teams.create_team(name="Second", owner=ada), membership_of(sign_up("bob@example.org")).team
    team_id = {"second": str(second.pk), "bobs": str(bobs.pk)}.get(named or "", named)
    headers = {} if team_id is None else {"X-Team": team_id}
    answer = program_of(ada).get("/api/team", headers=headers)
    assert answer.status_code == status
    assert answer.json().get("name") == team_name
