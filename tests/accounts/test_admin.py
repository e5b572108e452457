from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.test import Client

from accounts.models import AuditEntry, Membership, Team, User
from accounts.rules import Role
from accounts.selectors import membership_of
from accounts.services import keys
from maintenance.models import Window
from tests.accounts.cast import PASSWORD, program, sign_in, sign_up


@pytest.fixture
def office(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", PASSWORD))
    return client


def _form(user: User, **changes: str) -> dict[str, str]:
    inline = {
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    return {"email": user.email, "name": user.name, "is_active": "on", **inline, **changes}


@pytest.mark.parametrize(
    "page",
    [
        "/admin/",
        "/admin/accounts/user/",
        "/admin/accounts/user/?q=ada",
        "/admin/accounts/user/?is_active__exact=1&memberships__role__exact=owner",
        "/admin/accounts/user/add/",
        "/admin/accounts/team/",
        "/admin/accounts/team/?q=ada@example.org",
        "/admin/autocomplete/?term=ad&app_label=accounts&model_name=membership&field_name=user",
        "/admin/accounts/team/add/",
    ],
)
def test_the_pages_open(office: Client, ada: User, page: str) -> None:
    assert office.get(page).status_code == 200


def test_people_and_teams_are_found_and_show_each_other(office: Client, ada: User) -> None:
    team = membership_of(ada).team
    for term in ("ADA@ex", str(team.id), str(ada.id)):
        assert b"ada@example.org" in office.get("/admin/accounts/user/", {"q": term}).content
    assert b"ada@example.org" not in office.get("/admin/accounts/user/?q=da@ex").content, "only from the beginning"
    assert b"memberships-0-role" in office.get(f"/admin/accounts/user/{ada.id}/change/").content
    assert b"memberships-0-role" in office.get(f"/admin/accounts/team/{team.id}/change/").content
    for term in ("ada@example.org", "A'S TE", str(team.id)):
        assert b"ada&#x27;s team" in office.get("/admin/accounts/team/", {"q": term}).content


def test_a_person_made_here_is_like_any_other(office: Client) -> None:
    form = {
        "email": "New@Example.org",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = office.post("/admin/accounts/user/add/", form | inline)
    assert answer.status_code == 302, answer.content
    user = User.objects.get(email="new@example.org")
    assert membership_of(user).role == Role.OWNER
    assert program().post("/api/auth/login", {"email": user.email, "password": PASSWORD}).status_code == 200


def test_an_address_in_other_case_is_still_taken(office: Client, ada: User) -> None:
    bob = sign_up("bob@example.org")
    answer = office.post(f"/admin/accounts/user/{bob.id}/change/", _form(bob, email="ADA@example.org"))
    assert b"This e-mail address already has an account." in answer.content
    assert office.post(f"/admin/accounts/user/{bob.id}/change/", _form(bob, email="B@Example.org")).status_code == 302
    bob.refresh_from_db()
    assert bob.email == "b@example.org"


def test_switching_a_person_off_and_on_again_does_not_revive_old_tokens(office: Client, ada: User) -> None:
    pair = sign_in(ada)
    off = _form(ada)
    del off["is_active"]
    assert office.post(f"/admin/accounts/user/{ada.id}/change/", off).status_code == 302
    assert program(pair.access).get("/api/auth/me").status_code == 401
    assert office.post(f"/admin/accounts/user/{ada.id}/change/", _form(ada)).status_code == 302
    assert User.objects.get(id=ada.id).is_active
    assert program(pair.access).get("/api/auth/me").status_code == 401


def test_a_password_set_here_ends_the_person_s_tokens(office: Client, ada: User) -> None:
    pair = sign_in(ada)
    form = {"usable_password": "true", "password1": "four grey herons", "password2": "four grey herons"}
    assert office.post(f"/admin/accounts/user/{ada.id}/password/", form).status_code == 302
    assert program(pair.access).get("/api/auth/me").status_code == 401


def test_the_admin_has_no_door_of_its_own(ada: User) -> None:
    stranger = Client()
    answer = stranger.get("/admin/accounts/user/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/login/?next={quote('/admin/accounts/user/', safe='')}"
    answer = stranger.post("/admin/login/", {"username": ada.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert "_auth_user_id" not in stranger.session


def test_a_person_without_rights_stays_out(ada: User) -> None:
    window = Client()
    window.force_login(ada)
    assert window.get("/admin/accounts/user/").status_code == 302
    assert (Team.objects.count(), Membership.objects.count()) == (1, 1)


def test_what_is_done_here_stands_in_the_logs_of_the_teams(office: Client, ada: User) -> None:
    membership = membership_of(ada)
    rows = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(membership.pk),
        "memberships-0-user": str(ada.pk),
        "memberships-0-team": str(membership.team_id),
    }
    _, secret = keys.create_token(membership=membership, name="laptop", scope="read")
    page = f"/admin/accounts/team/{membership.team_id}/change/"
    changed = {"name": "Ops", **rows, "memberships-0-role": "editor"}
    assert office.post(page, changed).status_code == 302
    assert office.post(page, {**changed, "memberships-0-DELETE": "on"}).status_code == 302
    told = AuditEntry.objects.filter(team_id=membership.team_id, actor="root@example.org").order_by("id")
    assert [entry.verb for entry in told] == [
        "role changed",
        "changed by an operator",
        "removed",
        "changed by an operator",
    ]
    assert told[0].changes == {"role": ["owner", "editor"]}
    assert "Name" in told[1].changes["what"][1]
    assert not Membership.objects.filter(pk=membership.pk).exists()
    Membership.objects.create(team=membership.team, user=ada, role=Role.OWNER)
    assert program(secret).get("/api/teams").status_code == 401, "a token does not come back with its person"


def test_a_window_that_is_deleted_here_is_told_to_its_team(office: Client, ada: User) -> None:
    now, team = datetime.now(UTC), membership_of(ada).team
    window = Window.objects.create(team=team, title="Moving", day=now.date(), time=now.time(), minutes=30)
    assert office.post(f"/admin/maintenance/window/{window.pk}/delete/", {"post": "yes"}).status_code == 302
    told = AuditEntry.objects.get(team_id=team.pk, actor="root@example.org")
    assert (told.verb, told.name) == ("deleted by an operator", "Moving")
