"""Settings: the team, its keys and its audit log, as people use them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Team, User
from accounts.rules import fingerprint
from accounts.selectors import members_of
from accounts.services import teams
from tests.conftest import PASSWORD
from tests.dashboard.conftest import Visit

pytestmark = pytest.mark.django_db


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_key_is_shown_once(visit: Visit, owner: User) -> None:
    client = visit(owner)
    made = client.post("/settings/keys/new/", {"key-name": "CI <b>", "key-scope": "read", "key-days": "30"})
    found = re.search(r"uptk_[\w-]{43}", made.content.decode())
    assert found
    assert "no-store" in made.headers["Cache-Control"]
    page = text(client, "/settings/keys/")
    assert found[0] not in page
    assert "CI &lt;b&gt;" in page
    client.post(f"/settings/keys/{ApiKey.objects.get().pk}/revoke/")
    assert "CI &lt;b&gt;" not in text(client, "/settings/keys/").partition("notices")[2].partition("keys-title")[2]


def test_the_answer_that_made_a_key_makes_no_second_one_when_it_is_loaded_again(visit: Visit, owner: User) -> None:
    client = visit(owner)
    once = re.search(r'name="once" value="(\w+)"', text(client, "/settings/keys/"))
    assert once
    form = {"key-name": "CI", "key-scope": "read", "key-days": "30", "once": once[1]}
    assert client.post("/settings/keys/new/", form).status_code == 200
    again = client.post("/settings/keys/new/", form, follow=True)
    assert "made already" in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_key_that_is_good_for_ever_is_shown_on_any_clock(visit: Visit, owner: User) -> None:
    client = visit(owner)
    client.post("/settings/keys/new/", {"key-name": "CI", "key-scope": "read", "key-days": "30"})
    ApiKey.objects.update(expires_at=datetime.max.replace(tzinfo=UTC))
    for zone, seen in (("Pacific/Kiritimati", "23:59:59 UTC"), ("Pacific/Pago_Pago", "12:59:59 SST")):
        User.objects.filter(pk=owner.pk).update(time_zone=zone)
        assert f"31 Dec 9999, {seen}" in text(client, "/settings/keys/")


def test_one_changes_between_ones_teams_and_a_new_session_begins_there(visit: Visit, owner: User) -> None:
    second = teams.create_team(name="Second", owner=owner)
    client = visit(owner)
    client.post("/settings/team/switch/", {"team": str(second.pk)})
    assert "<h1>Second</h1>" in text(client, "/settings/team/")
    assert "<h1>Second</h1>" in text(visit(User.objects.get(pk=owner.pk)), "/settings/team/")


def test_attack_24_one_does_not_change_to_the_team_of_others(visit: Visit, owner: User, stranger: User) -> None:
    client, theirs = visit(owner), stranger.memberships.get().team
    client.post("/settings/team/switch/", {"team": str(theirs.pk)})
    session = client.session
    session["team"] = str(theirs.pk)
    session.save()
    assert theirs.name not in text(client, "/settings/team/")


def test_who_changes_their_own_role_stays_in_this_browser_alone(visit: Visit, owner: User, editor: User) -> None:
    client, elsewhere = visit(owner), visit(owner)
    client.post(f"/settings/team/members/{editor.pk}/role/", {"role": "owner"})
    assert client.post(f"/settings/team/members/{owner.pk}/role/", {"role": "viewer"}).status_code == 302
    assert "<h1>" in text(client, "/settings/team/")
    assert elsewhere.get("/settings/team/").status_code == 302


def test_a_team_is_handed_over_and_left_only_after_asking(
    visit: Visit, owner: User, editor: User, stranger: User, team: Team
) -> None:
    client = visit(owner)
    page = text(client, "/settings/team/transfer/")
    assert str(editor.pk) in page
    assert str(owner.pk) not in page
    for nobody in (owner, stranger):
        assert client.post("/settings/team/transfer/", {"user": str(nobody.pk)}).status_code == 200
    assert team.memberships.get(user=owner).role == "owner"
    client.post("/settings/team/transfer/", {"user": str(editor.pk)})
    assert {one.user: one.role for one in members_of(team)} == {owner: "editor", editor: "owner"}
    assert "in the hands of" in text(client, "/settings/team/")  # and this browser is still signed in
    assert "Only a new invitation brings you back." in text(client, "/settings/team/leave/")
    client.post("/settings/team/leave/")
    assert [one.user for one in members_of(team)] == [editor]


def test_the_settings_begin_with_the_team(client: Client, visit: Visit, owner: User) -> None:
    assert visit(owner).get("/settings/", follow=True).redirect_chain[-1][0] == "/settings/team/"
    assert client.get("/settings/", follow=True).redirect_chain[-1][0] == "/login/?next=/settings/team/"


def test_who_is_in_no_team_makes_one(visit: Visit, owner: User) -> None:
    Membership.objects.all().delete()
    client = visit(owner)
    assert client.get("/monitors/").headers["Location"] == "/settings/team/new/"
    client.post("/settings/team/new/", {"name": "Fresh"})
    assert "Fresh" in text(client, "/settings/team/")


def test_the_log_is_filtered_and_taken_away_inert(visit: Visit, owner: User, team: Team) -> None:
    for name in ("=HYPERLINK(1)", "Shop"):
        teams.rename_team(team, name=name)
    client = visit(owner)
    assert "Nothing fits." in text(client, "/settings/audit/?who=nobody")
    assert "Nothing fits." in text(client, "/settings/audit/?until=2001-01-01")
    assert "Nothing fits." not in text(client, "/settings/audit/?since=2001-01-01&until=9999-12-31")
    assert "Nothing fits." not in text(client, "/settings/audit/?cursor=nonsense")
    assert "<ins>Shop</ins>" in text(client, "/settings/audit/?kind=team&who=system")
    exported = client.get("/settings/audit/export/?as=csv").getvalue().decode()
    assert "'=HYPERLINK(1)" in exported
    assert len(client.get("/settings/audit/export/?as=json").getvalue().splitlines()) == AuditEntry.objects.count() + 2


def test_an_invited_person_joins_by_the_page(client: Client, visit: Visit, owner: User, team: Team) -> None:
    visit(owner).post("/settings/team/invite/", {"email": "new@example.com", "role": "viewer"})
    Invitation.objects.update(token_key=fingerprint("known"))
    assert "Create account and join" in text(client, "/invitations/known/")
    client.post("/invitations/known/", {"name": "Nina", "password": PASSWORD})
    assert members_of(team).filter(user__email="new@example.com", role="viewer").exists()
    assert client.get("/invitations/known/").status_code == 404
