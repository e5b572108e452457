"""Who tries to get in, to stay in, or to be more than they are: rows 23, 29-36 and 45, and variants of our own."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail, signing
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import ApiSession, Letter, Membership, Team, User
from accounts.rules import Role
from accounts.services import factors, letters, people, programs, sessions, teams
from accounts.services.letters import EMAIL_SALT
from accounts.services.tokens import TokenPair
from tests.conftest import PASSWORD

ANOTHER = "seven quiet lanterns"
WRONG = "seven loud lanterns"

Api = Callable[..., APIClient]


def row(number: int | str, *values: Any, name: str = "") -> Any:
    """A case of row so-and-so of the list; rows of our own begin with v."""
    return pytest.param(*values, id="-".join(filter(None, [f"row{number}", name])))


# --- how people knock ---


def post(client: Client, path: str, headers: Any = None, **form: Any) -> Any:
    """As the page's own form would: with its CSRF token."""
    client.get("/login/")
    if "csrftoken" not in client.cookies:  # one who is in is led away from the log-in
        client.get("/account/")
    return client.post(path, {**form, "csrfmiddlewaretoken": client.cookies["csrftoken"].value}, headers=headers)


def visitor() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def by_page(user: User, password: str, **options: Any) -> Any:
    return post(visitor(), "/login/", username=user.email, password=password, **options)


def by_api(user: User, password: str, headers: dict[str, str] | None = None, **more: str) -> Any:
    return APIClient().post("/api/auth/login", {"email": user.email, "password": password, **more}, headers=headers)


def browser_of(user: User, password: str = PASSWORD) -> Client:
    client = visitor()
    assert post(client, "/login/", username=user.email, password=password).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def lives(access: str) -> bool:
    return APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {access}"}).status_code == 200


def renews(refresh: str) -> int:
    return APIClient(raise_request_exception=False).post("/api/auth/refresh", {"refresh": refresh}).status_code


def mails() -> list[Any]:
    """What is in the mailboxes by now, but for the links that confirm an address: signing up sends one to everybody."""
    Letter.objects.filter(kind=Letter.Kind.CONFIRM).delete()
    letters.post(now=timezone.now())
    return list(mail.outbox)


def link_in(text: str) -> str:
    found = re.search(r"http://testserver(/\S+)", text)
    assert found, text
    return found[1]


def reset(client: Client, link: str, password: str) -> Any:
    form = client.get(link, follow=True)
    return post(client, form.request["PATH_INFO"], password=password)


def with_app(user: User) -> str:
    """Give them an authenticator app; its secret."""
    secret = str(generate_totp_secret())
    factors.add_app(user=user, secret=secret, code=code(secret))
    return secret


def code(secret: str, *, step: int = 0) -> str:
    """The app's code of now, or of so many steps of 30 s later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step)))


# --- 23: fields that are nobody's to set ---

MORE_THAN_ALLOWED = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "role": "owner",
    "id": "00000000-0000-0000-0000-000000000001",
    "email": "root@example.com",
    "email_confirmed_at": "2026-01-01T00:00:00Z",
    "session_epoch": 7,
    "password": WRONG,
}


@pytest.mark.parametrize("field", [row(23, name, name=name) for name in MORE_THAN_ALLOWED])
def test_nobody_makes_themselves_more(viewer: User, api: Api, field: str) -> None:
    before = User.objects.filter(pk=viewer.pk).values().get()
    answer = api(viewer).patch("/api/auth/me", {"name": "Vera", field: MORE_THAN_ALLOWED[field]})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    window = visitor()
    window.force_login(viewer)
    form = {"name": "", "time_zone": "UTC", "theme": "system", "shortcuts": "on", field: MORE_THAN_ALLOWED[field]}
    assert post(window, "/account/", **form).status_code == 302
    after = User.objects.filter(pk=viewer.pk).values().get()
    assert {**after, "last_login": None} == {**before, "last_login": None}
    assert viewer.memberships.get().role == Role.VIEWER


# --- 29: forged tokens ---


def _resigned(token: str, settings: Settings, *, algorithm: str = "HS256", key: str = "", **claims: Any) -> str:
    words = jwt.decode(token, options={"verify_signature": False}) | claims
    return str(jwt.encode(words, key or str(settings.SIMPLE_JWT["SIGNING_KEY"]), algorithm))


def _unsigned(token: str, _settings: Settings) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


FORGERIES: dict[str, Callable[[str, Settings], str]] = {
    "alg none": _unsigned,
    "HS512": lambda token, settings: _resigned(token, settings, algorithm="HS512"),
    "another key": lambda token, settings: _resigned(token, settings, key="k" * 64),
    "expired": lambda token, settings: _resigned(token, settings, exp=int(time.time()) - 1),
    "wrong audience": lambda token, settings: _resigned(token, settings, aud="somebody-else"),
    "refresh as access": lambda token, settings: _resigned(token, settings, token_type="refresh"),
}


@pytest.mark.parametrize("forgery", [row(29, name, name=name.replace(" ", "-")) for name in FORGERIES])
def test_a_forged_token_is_refused(owner: User, settings: Settings, forgery: str) -> None:
    access = programs.open_api_session(user=owner).access
    assert lives(access)
    assert not lives(FORGERIES[forgery](access, settings))


# --- 30: a refresh token used twice ---


@pytest.mark.parametrize("again", [row(30, 1, name="at-once"), row(30, 3, name="after-three-rounds")])
def test_a_replayed_refresh_token_ends_the_family(owner: User, again: int) -> None:
    first = pair = programs.open_api_session(user=owner)
    for _ in range(again):
        pair = TokenPair(**APIClient().post("/api/auth/refresh", {"refresh": pair.refresh}).json())
    assert renews(first.refresh) == 401
    assert not lives(pair.access)
    assert renews(pair.refresh) == 401


# --- 31: what ends sessions ---


def _in_the_admin(change: dict[str, Any], *, inline: dict[str, Any] | None = None) -> Callable[[User, Client], Any]:
    def act(user: User, _window: Client) -> None:
        root = User.objects.create_superuser("root@example.com", ANOTHER)
        office = Client()
        office.force_login(root)
        membership = user.memberships.get()
        rows = {
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 1,
            "memberships-0-id": membership.pk,
            "memberships-0-user": user.pk,
            "memberships-0-team": membership.team_id,
            "memberships-0-role": membership.role,
        }
        form = {"email": user.email, "name": user.name, "is_active": "on", **rows, **(inline or {}), **change}
        answer = office.post(f"/admin/accounts/user/{user.pk}/change/", {k: v for k, v in form.items() if v != ""})
        assert answer.status_code == 302, answer.content

    return act


def _another(user: User) -> Membership:
    """A second owner of the same team."""
    other, _ = User.objects.get_or_create(email="second@example.com")
    return Membership.objects.get_or_create(team=user.teams.get(), user=other, defaults={"role": "owner"})[0]


def _not_alone(user: User) -> Membership:
    _another(user)
    return user.memberships.get()


ENDINGS: dict[str, Callable[[User, Client], Any]] = {
    "new password": lambda user, _: people.change_password(user=user, password=ANOTHER),
    "deactivated": lambda user, _: User.objects.filter(pk=user.pk).update(is_active=False),
    "deactivated in the admin": _in_the_admin({"is_active": ""}),
    "made staff in the admin": _in_the_admin({"is_staff": "on"}),
    "other role in the admin": _in_the_admin({}, inline={"memberships-0-role": "editor"}),
    "out of the team in the admin": _in_the_admin({}, inline={"memberships-0-DELETE": "on"}),
    "sessions ended": lambda user, _: sessions.end_sessions(user=user),
    "other role": lambda user, _: teams.change_role(_not_alone(user), role="editor", by=None),
    "out of the team": lambda user, _: teams.remove(_not_alone(user)),
    "team taken over": lambda user, _: teams.transfer(_not_alone(user), to=_another(user)),
    "team handed over": lambda user, _: teams.transfer(_another(user), to=_not_alone(user)),
    "deleted": lambda user, _: people.delete_account(user=user),
    "deleted by hand": lambda user, _: user.delete(),
}


@pytest.mark.parametrize("ending", [row(31, name, name=name.replace(" ", "-")) for name in ENDINGS])
def test_what_ends_sessions_ends_them_all_at_the_next_request(owner: User, ending: str) -> None:
    window, pair = browser_of(owner), programs.open_api_session(user=owner)
    assert is_in(window)
    assert lives(pair.access)
    ENDINGS[ending](owner, window)
    assert not is_in(window)
    assert not lives(pair.access)
    assert renews(pair.refresh) == 401, "not 500 either"


# --- 32: guessing passwords ---

PROXIES = [row(32, 0, name="no-proxy"), row(32, 1, name="one-proxy"), row(32, 2, name="two-proxies")]


@pytest.mark.parametrize("proxies", PROXIES)
def test_thirty_bad_passwords_through_every_door(owner: User, settings: Settings, proxies: int) -> None:
    """Whatever the client writes into X-Forwarded-For stands before what our proxies write."""
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}

    def headers(n: int) -> dict[str, str]:
        ours = ["203.0.113.7", "10.0.0.1"][:proxies]
        return {"X-Forwarded-For": ", ".join([f"198.51.100.{n}", *ours])}

    doors = [by_page, by_api, lambda *a, **k: by_page(*a, **k)]
    answers = [doors[n % 3](owner, WRONG, headers=headers(n)) for n in range(8)]
    assert [answer.status_code == 429 for answer in answers] == [False] * 5 + [True] * 3
    assert all(60 < int(answer["Retry-After"]) <= 900 for answer in answers[5:])
    assert by_api(owner, PASSWORD, headers=headers(9)).json()["code"] == "locked", "right or wrong"
    assert by_page(owner, PASSWORD, headers=headers(9)).status_code == 429

    (notice,) = mails()
    assert notice.to == [owner.email]
    assert "wrong password" in notice.subject.lower()

    post(visitor(), "/password/reset/", email=owner.email)
    assert reset(visitor(), link_in(mails()[-1].body), ANOTHER).status_code == 302
    assert by_api(owner, ANOTHER, headers=headers(10)).status_code == 200, "the owner is in again"


def test_row32_many_addresses_share_a_slower_limit(owner: User) -> None:
    answers = [
        APIClient(REMOTE_ADDR=f"203.0.113.{n}").post("/api/auth/login", {"email": owner.email, "password": WRONG})
        for n in range(32)
    ]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429] * 2
    assert len(mails()) == 1


def test_v1_another_spelling_of_the_address_is_not_another_account(owner: User) -> None:
    spellings = ["olga@example.com", "OLGA@example.com", " olga@Example.com", "Olga@EXAMPLE.com ", "oLga@example.com"]
    for spelling in spellings:
        assert APIClient().post("/api/auth/login", {"email": spelling, "password": WRONG}).status_code == 401
    assert by_api(owner, PASSWORD).status_code == 429


@pytest.mark.parametrize(
    "path", [row("v2", f"/account/{part}/", name=part) for part in ("delete", "password", "email")]
)
def test_a_stolen_browser_cannot_guess_the_password_either(owner: User, path: str) -> None:
    window = browser_of(owner)
    form = {"new_password": ANOTHER, "email": "thief@example.com"}
    answers = [post(window, path, password=WRONG, **form).status_code for _ in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert post(window, path, password=PASSWORD, **form).status_code == 429
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


# --- 33: the second factor ---


def owes_a_code(user: User) -> Client:
    window = visitor()
    answer = post(window, "/login/", username=user.email, password=PASSWORD)
    assert answer["Location"] == "/login/code/"
    return window


def test_row33_a_code_opens_once(owner: User) -> None:
    secret = str(generate_totp_secret())
    used = code(secret)
    factors.add_app(user=owner, secret=secret, code=used)
    assert by_api(owner, PASSWORD, otp=used).status_code == 401, "it was used to set the app up"
    fresh = code(secret, step=1)
    window = owes_a_code(owner)
    assert post(window, "/login/code/", code=fresh).status_code == 302
    assert is_in(window)
    assert by_api(owner, PASSWORD, otp=fresh).json()["code"] == "wrong_code"
    assert post(owes_a_code(owner), "/login/code/", code=fresh).status_code == 200


def test_row33_guessing_codes_ends_soon(owner: User) -> None:
    secret = with_app(owner)
    right = {code(secret, step=step) for step in (-1, 0, 1, 2)}
    guesses = [guess for n in range(20) if (guess := f"{n:06}") not in right]
    window = owes_a_code(owner)
    answers = [post(window, "/login/code/", code=guess).status_code for guess in guesses[:3]]
    answers += [by_api(owner, PASSWORD, otp=guess).status_code for guess in guesses[3:8]]
    assert answers == [200] * 3 + [401] * 2 + [429] * 3
    assert by_api(owner, PASSWORD, otp=code(secret, step=1)).status_code == 429
    assert post(window, "/login/code/", code=code(secret, step=1)).status_code == 429
    assert not is_in(window)


def test_row33_a_recovery_code_opens_once(owner: User) -> None:
    secret = generate_totp_secret()
    one, *others = factors.add_app(user=owner, secret=secret, code=code(secret))
    assert len({one, *others}) == 10
    assert by_api(owner, PASSWORD, otp=one).status_code == 200
    assert by_api(owner, PASSWORD, otp=one).status_code == 401
    assert by_api(owner, PASSWORD, otp=others[0]).status_code == 200


def test_v3_with_a_second_factor_the_password_alone_opens_nothing(owner: User) -> None:
    with_app(owner)
    answer = by_api(owner, PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
    assert by_api(owner, WRONG).json()["code"] == "wrong_credentials", "nobody else learns of the factor"
    window = owes_a_code(owner)
    assert not is_in(window)
    assert window.get("/monitors/").status_code == 302
    assert not ApiSession.objects.exists()
    people.change_password(user=owner, password=ANOTHER)
    assert window.get("/login/code/")["Location"] == "/login/", "half a log-in ends with the password it began with"


def test_v4_a_copy_of_the_database_makes_no_codes(owner: User) -> None:
    secret = with_app(owner)
    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not Authenticator.objects.filter(data__seed__regex="^[0-9a-f]{80}$").exists()


# --- 34: who has an account ---


class CountingHasher(MD5PasswordHasher):
    """Counts the work that takes the time of a log-in."""

    algorithm = "counting"
    runs = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).runs += 1
        return super().encode(password, salt)


def _answer(door: str, email: str) -> tuple[int, bytes, str, int]:
    before = CountingHasher.runs
    if door == "api":
        answer = APIClient().post("/api/auth/login", {"email": email, "password": WRONG})
    elif door == "api-signup":
        answer = APIClient().post("/api/auth/signup", {"email": email, "password": ANOTHER})
    elif door == "login":
        answer = post(visitor(), "/login/", username=email, password=WRONG)
    else:
        answer = post(visitor(), f"/{door}/", email=email, password=ANOTHER)
    body = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", answer.content).replace(email.encode(), b"")
    return answer.status_code, body, answer.get("Location", ""), CountingHasher.runs - before


@pytest.mark.parametrize(
    "door", [row(34, door, name=door) for door in ("login", "api", "password/reset", "signup", "api-signup")]
)
def test_no_answer_tells_who_has_an_account(settings: Settings, door: str, db: None) -> None:
    """Sign-up can only keep it where addresses are confirmed first: who comes straight in sees that it was free."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    settings.EMAIL_VERIFICATION = "mandatory"
    people.sign_up(email="known@example.com", password=PASSWORD)
    Letter.objects.all().delete()
    assert _answer(door, "known@example.com") == _answer(door, "unknown@example.com")
    asked = 0 if door in {"login", "api"} else 2
    assert Letter.objects.count() == asked, "the same work for both"


# --- 35: forms from elsewhere ---

ACTIONS = [
    "/login/",
    "/signup/",
    "/logout/",
    "/password/reset/",
    "/account/",
    "/account/email/",
    "/account/password/",
    "/account/sessions/",
    "/account/delete/",
]


@pytest.mark.parametrize("path", [row(35, path, name=path.strip("/").replace("/", "-")) for path in ACTIONS])
def test_a_form_from_elsewhere_is_refused(owner: User, path: str) -> None:
    window = visitor()
    window.get("/login/")
    token = window.cookies["csrftoken"].value
    if path not in {"/login/", "/signup/", "/password/reset/"}:
        window.force_login(owner)
    form = {"username": owner.email, "email": "x@example.com", "password": PASSWORD, "all": "yes"}
    tries = [
        window.post(path, form),
        window.post(path, form, headers={"HX-Request": "true"}),
        window.post(path, form | {"csrfmiddlewaretoken": "x" * 64}),
        window.post(path, form | {"csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.test"}),
    ]
    assert [answer.status_code for answer in tries] == [403] * 4
    assert User.objects.get().check_password(PASSWORD)
    assert window.get("/logout/").status_code == 405


# --- 36: where a log-in leads ---

HOSTILE = {"slashes": "//evil", "backslash": "/\\evil", "script": "javascript:alert(1)", "no-host": "https:evil"}


@pytest.mark.parametrize(
    "target",
    [
        row(36, target, name=str(n))
        for n, target in enumerate(["//evil", "/\\evil", "javascript:alert(1)", "https:evil"])
    ],
)
def test_a_log_in_leads_nowhere_else(owner: User, target: str) -> None:
    answer = post(visitor(), "/login/", username=owner.email, password=PASSWORD, next=target)
    assert answer["Location"] == "/"
    secret = with_app(owner)
    window = visitor()
    post(window, "/login/", username=owner.email, password=PASSWORD, next=target)
    assert post(window, "/login/code/", code=code(secret, step=1))["Location"] == "/"


# --- 45: another Host ---


@pytest.mark.parametrize("host", [row(45, "evil.test", name="foreign"), row(45, "localhost", name="allowed")])
def test_links_in_mails_lead_to_the_site_itself(owner: User, host: str) -> None:
    window = Client(headers={"Host": host}, raise_request_exception=False)
    answer = window.post("/password/reset/", {"email": owner.email})
    assert answer.status_code == (302 if host == "localhost" else 400)
    Letter.objects.exclude(kind=Letter.Kind.RESET).delete()
    sent = mails()
    assert len(sent) == (1 if host == "localhost" else 0)
    assert all("http://testserver/password/reset/" in letter.body and host not in letter.body for letter in sent)


# --- variants of our own ---


def test_v5_who_signs_up_with_anothers_address_cannot_bar_its_owner(owner: User) -> None:
    with_app(owner)
    Letter.objects.all().delete()
    people.ask_for_reset(email=owner.email)
    assert reset(visitor(), link_in(mails()[0].body), ANOTHER).status_code == 302
    assert by_api(owner, ANOTHER).status_code == 200, "no factor was set up by who proved the address"
    owner.refresh_from_db()
    assert owner.email_confirmed_at

    secret = with_app(owner)
    people.ask_for_reset(email=owner.email)
    reset(visitor(), link_in(mails()[-1].body), PASSWORD)
    assert by_api(owner, PASSWORD).status_code == 401, "once the address is proven, a stolen mailbox is not enough"
    assert by_api(owner, PASSWORD, otp=code(secret, step=1)).status_code == 200


def test_v6_a_link_that_confirms_an_address_is_bound_to_person_and_time(owner: User, stranger: User) -> None:
    def token(person: User, before: str, address: str, salt: str = EMAIL_SALT) -> str:
        return signing.dumps([str(person.pk), before, address], salt=salt)

    good = token(owner, owner.email, "olga@new.example.com")
    assert visitor().get(f"/email/confirm/{good}/").status_code == 200
    owner.refresh_from_db()
    assert owner.email == "olga@example.com", "looking changes nothing"
    refused = [
        token(owner, "older@example.com", "thief@example.com"),
        token(owner, owner.email, stranger.email),
        token(owner, owner.email, "thief@example.com", salt="another"),
        good + "x",
    ]
    assert [post(visitor(), f"/email/confirm/{each}/").status_code for each in refused] == [400] * 4
    assert post(visitor(), f"/email/confirm/{good}/").status_code == 302
    assert post(visitor(), f"/email/confirm/{good}/").status_code == 400, "once"
    owner.refresh_from_db()
    assert owner.email == "olga@new.example.com"
    assert any(letter.to == ["olga@example.com"] and "changed" in letter.subject for letter in mails())


def test_v7_a_link_for_a_new_password_works_once_and_goes_stale(owner: User) -> None:
    Letter.objects.all().delete()
    for _ in range(5):
        people.ask_for_reset(email=owner.email)
    first, second, third = mails()
    assert reset(visitor(), link_in(first.body), ANOTHER).status_code == 302
    for late in (first, second, third):
        assert b"no longer good" in visitor().get(link_in(late.body), follow=True).content


def test_v8_nobody_ends_anothers_sessions(owner: User, stranger: User) -> None:
    window, pair = browser_of(owner), programs.open_api_session(user=owner)
    thief = browser_of(stranger)
    browser, program = UserSession.objects.get(user=owner).pk, ApiSession.objects.get().pk
    post(thief, "/account/sessions/", browser=browser)
    post(thief, "/account/sessions/", program=program)
    post(thief, "/account/sessions/", all="yes")
    assert is_in(window)
    assert lives(pair.access)
    post(browser_of(owner), "/account/sessions/", all="yes")
    assert not is_in(window)
    assert not lives(pair.access)
    assert is_in(thief)


def test_v9_a_session_planted_before_the_log_in_is_worth_nothing(owner: User) -> None:
    with_app(owner)
    window = owes_a_code(owner)
    planted = window.cookies["sessionid"].value
    post(window, "/login/", username=owner.email, password=PASSWORD)
    assert window.cookies["sessionid"].value != planted
    factors.remove_all(user=owner)
    halfway = window.cookies["sessionid"].value
    post(window, "/login/", username=owner.email, password=PASSWORD)
    assert window.cookies["sessionid"].value not in {planted, halfway}
    for old in (planted, halfway):
        copy = visitor()
        copy.cookies["sessionid"] = old
        assert not is_in(copy)


def test_v10_the_last_owner_of_a_shared_team_cannot_leave_it_to_nobody(owner: User, viewer: User) -> None:
    window = browser_of(owner)
    answer = post(window, "/account/delete/", password=PASSWORD)
    assert (answer.status_code, User.objects.filter(pk=owner.pk).exists()) == (200, True)
    viewer.memberships.update(role=Role.OWNER)
    assert post(window, "/account/delete/", password=PASSWORD).status_code == 302
    assert not User.objects.filter(pk=owner.pk).exists()
    assert Membership.objects.get().user == viewer
    viewer_window = browser_of(viewer)
    assert post(viewer_window, "/account/delete/", password=PASSWORD).status_code == 302
    assert not Team.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        row("v11", p, name=p.strip("/").replace("/", "-") or "home")
        for p in ("/account/", "/account/factors/app/", "/account/sessions/", "/login/", "/monitors/", "/api/auth/me")
    ],
)
def test_what_is_private_is_kept_by_no_cache(owner: User, api: Api, path: str) -> None:
    client: Any = api(owner) if path.startswith("/api/") else visitor()
    if path not in {"/login/", "/api/auth/me"}:
        client.force_login(owner)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
