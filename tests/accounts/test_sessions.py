"""A session of a program: renewed, replayed, ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import tasks
from accounts.models import ApiSession, User
from accounts.services import people, sessions
from accounts.services.tokens import TokenPair, read_refresh
from tests.accounts.cast import ADA, PASSWORD, browser, program, sign_in, sign_up


def renew(refresh: str) -> TokenPair | None:
    answer = program().post("/api/auth/refresh", {"refresh": refresh})
    if answer.status_code == 200:
        assert set(answer.json()) == {"access", "refresh"}
        return TokenPair(**answer.json())
    assert answer.status_code == 401, answer.content
    assert answer.json()["code"] == "token_refused"
    return None


def is_alive(access: str) -> bool:
    return program(access).get("/api/auth/me").status_code == 200


def test_a_refresh_token_gives_a_new_pair(ada: User) -> None:
    first = sign_in(ada)
    second = renew(first.refresh)
    assert second is not None
    assert is_alive(second.access)
    assert is_alive(first.access), "the access token of before is good until it expires"
    third = renew(second.refresh)
    assert third is not None
    assert len({first.refresh, second.refresh, third.refresh}) == 3


def test_a_replayed_refresh_token_ends_the_whole_session(ada: User) -> None:
    first, elsewhere = sign_in(ada), sign_in(ada)
    second = renew(first.refresh)
    assert second is not None
    assert renew(first.refresh) is None
    assert not is_alive(second.access)
    assert renew(second.refresh) is None
    assert is_alive(elsewhere.access), "another log-in of the same person goes on"


@pytest.mark.django_db(transaction=True)
def test_of_many_that_use_one_token_at_once_at_most_one_is_served_and_the_session_ends() -> None:
    pair = sign_in(sign_up())

    def use(_: int) -> TokenPair | None:
        try:
            return renew(pair.refresh)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        served = [answer for answer in pool.map(use, range(4)) if answer]
    assert len(served) <= 1
    assert not any(is_alive(answer.access) or renew(answer.refresh) for answer in served)


def test_the_database_never_holds_a_usable_token(ada: User) -> None:
    pair = sign_in(ada)
    assert not OutstandingToken.objects.exists()
    renew(pair.refresh)
    assert BlacklistedToken.objects.count() == 1
    assert OutstandingToken.objects.get().token == ""


def _deactivate(user: User) -> None:
    User.objects.filter(id=user.id).update(is_active=False)


def _set_password_anywhere(user: User) -> None:
    """As the admin and ``manage.py changepassword`` do, without our service."""
    user.set_password("four grey herons")
    user.save()


ENDINGS: dict[str, Callable[[User], object]] = {
    "deactivated": _deactivate,
    "deleted": lambda user: user.delete(),
    "password changed": lambda user: people.change_password(user=user, password="four grey herons"),
    "password changed elsewhere": _set_password_anywhere,
    "all sessions ended": lambda user: sessions.end_api_sessions(user=user),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_a_person_s_sessions_ends_every_token_on_its_next_use(ada: User, ending: str) -> None:
    pair = sign_in(ada)
    ENDINGS[ending](ada)
    assert not is_alive(pair.access)
    assert renew(pair.refresh) is None


def test_a_new_password_ends_the_other_browsers_too(ada: User) -> None:
    window = browser()
    window.force_login(ada)
    assert window.get("/login/").status_code == 302
    people.change_password(user=ada, password="four grey herons")
    assert window.get("/login/").status_code == 200
    assert program().post("/api/auth/login", ADA).status_code == 401
    assert program().post("/api/auth/login", ADA | {"password": "four grey herons"}).status_code == 200


def test_a_weak_new_password_changes_nothing(ada: User) -> None:
    pair = sign_in(ada)
    with pytest.raises(ValidationError) as caught:
        people.change_password(user=ada, password="1234567890")
    assert list(caught.value.message_dict) == ["password"]
    assert is_alive(pair.access)
    assert User.objects.get().check_password(PASSWORD)


LOGOUTS: dict[str, Callable[[TokenPair], tuple[APIClient, dict[str, str]]]] = {
    "bearer token": lambda pair: (program(pair.access), {}),
    "refresh token": lambda pair: (program(), {"refresh": pair.refresh}),
    "both": lambda pair: (program(pair.access), {"refresh": pair.refresh}),
    "a dead bearer token and the refresh token": lambda pair: (program("x.y.z"), {"refresh": pair.refresh}),
    "bearer token and rubbish": lambda pair: (program(pair.access), {"refresh": "rubbish"}),
}


@pytest.mark.parametrize("way", LOGOUTS)
def test_logout_ends_access_and_refresh_at_once(ada: User, way: str) -> None:
    pair, elsewhere = sign_in(ada), sign_in(ada)
    client, body = LOGOUTS[way](pair)
    answer = client.post("/api/auth/logout", body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not is_alive(pair.access)
    assert renew(pair.refresh) is None
    assert is_alive(elsewhere.access)


def test_logging_out_twice_is_no_error(ada: User) -> None:
    pair = sign_in(ada)
    assert program(pair.access).post("/api/auth/logout").status_code == 204
    assert program(pair.access).post("/api/auth/logout").status_code == 204


@pytest.mark.parametrize("body", [{}, {"refresh": "rubbish"}])
@pytest.mark.django_db
def test_logout_of_nobody_is_refused(body: dict[str, str]) -> None:
    assert program().post("/api/auth/logout", body).status_code == 401


# --- the refresh token in a cookie ---


@pytest.fixture
def window(ada: User) -> APIClient:
    """A browser client that signed in with the cookie."""
    client = program()
    answer = client.post("/api/auth/login", {**ADA, "cookie": True})
    assert set(answer.json()) == {"user", "access"}
    return client


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(window: APIClient) -> None:
    cookie = window.cookies["uptime_refresh"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/api/auth"
    assert cookie["max-age"] == 14 * 24 * 3600
    assert not cookie["secure"], "SITE_URL is http in the tests"


def test_the_cookie_is_secure_where_the_site_is(ada: User, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    client = program()
    client.post("/api/auth/login", {**ADA, "cookie": True})
    assert client.cookies["uptime_refresh"]["secure"]


def test_the_cookie_renews_and_rotates(window: APIClient) -> None:
    before = window.cookies["uptime_refresh"].value
    answer = window.post("/api/auth/refresh", headers={"X-CSRFToken": window.cookies["csrftoken"].value})
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"access"}
    assert is_alive(answer.json()["access"])
    assert window.cookies["uptime_refresh"].value != before


@pytest.mark.parametrize("door", ["refresh", "logout"])
@pytest.mark.parametrize("proof", [None, "", "x" * 32, "x" * 64])
def test_the_cookie_alone_is_not_enough(window: APIClient, door: str, proof: str | None) -> None:
    headers = {} if proof is None else {"X-CSRFToken": proof}
    answer = window.post(f"/api/auth/{door}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"
    assert ApiSession.objects.get().ended_at is None


def test_a_foreign_origin_is_refused_with_the_right_token(window: APIClient) -> None:
    headers = {"X-CSRFToken": window.cookies["csrftoken"].value, "Origin": "https://evil.test"}
    assert window.post("/api/auth/refresh", headers=headers).status_code == 403


def test_logout_by_cookie_ends_the_session_and_clears_the_cookie(window: APIClient) -> None:
    refresh = window.cookies["uptime_refresh"].value
    answer = window.post("/api/auth/logout", headers={"X-CSRFToken": window.cookies["csrftoken"].value})
    assert answer.status_code == 204
    assert window.cookies["uptime_refresh"].value == ""
    assert window.cookies["uptime_refresh"]["path"] == "/api/auth"
    assert renew(refresh) is None


def test_a_good_bearer_token_needs_no_csrf_token_to_log_out(window: APIClient) -> None:
    session = ApiSession.objects.get()
    window.credentials(HTTP_AUTHORIZATION=f"Bearer {TokenPair.for_session(session.id).access}")
    assert window.post("/api/auth/logout").status_code == 204
    session.refresh_from_db()
    assert session.ended_at is not None


def test_a_replayed_cookie_ends_the_session(window: APIClient) -> None:
    stolen = window.cookies["uptime_refresh"].value
    proof = {"X-CSRFToken": window.cookies["csrftoken"].value}
    access = window.post("/api/auth/refresh", headers=proof).json()["access"]
    assert renew(stolen) is None
    assert not is_alive(access)
    assert window.post("/api/auth/refresh", headers=proof).status_code == 401


@pytest.mark.django_db
def test_sign_up_can_ask_for_the_cookie_too() -> None:
    client = program()
    answer = client.post("/api/auth/signup", {**ADA, "cookie": True})
    assert answer.status_code == 201
    assert "refresh" not in answer.json()
    assert client.cookies["uptime_refresh"].value
    assert client.cookies["csrftoken"].value


@pytest.mark.django_db
def test_refresh_without_any_token_says_what_is_missing() -> None:
    answer = program().post("/api/auth/refresh")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["refresh"]


# --- housekeeping ---


def test_only_what_no_token_can_refer_to_is_forgotten(ada: User) -> None:
    now = timezone.now()
    kept, old = sign_in(ada), sign_in(ada)
    kept_next, old_next = renew(kept.refresh), renew(old.refresh)
    assert kept_next is not None
    assert old_next is not None
    ApiSession.objects.filter(id=read_refresh(old.refresh).session_id).update(renewed_at=now - timedelta(days=15))
    OutstandingToken.objects.filter(jti=read_refresh(old.refresh)["jti"]).update(expires_at=now - timedelta(days=1))

    tasks.forget_old_sessions()

    assert ApiSession.objects.count() == 1
    assert OutstandingToken.objects.count() == BlacklistedToken.objects.count() == 1
    assert is_alive(kept_next.access)
    assert not is_alive(old_next.access)
    assert renew(kept.refresh) is None, "a used token is remembered as long as it could still be replayed"
