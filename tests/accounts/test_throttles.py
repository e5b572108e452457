from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import Settings

from accounts.access.throttles import ScopedThrottle
from accounts.models import User
from tests.accounts.cast import ADA, browser, csrf_token, program

WRONG = {"email": "ada@example.org", "password": "three pink herons"}


@pytest.fixture(autouse=True)
def _five_tries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"login": "5/day", "signup": "5/day", "refresh": "5/day"})
    return (yield)


def knock(**where: Any) -> int:
    return program().post("/api/auth/login", WRONG, **where).status_code


@pytest.mark.django_db
def test_the_sixth_try_is_told_to_wait() -> None:
    assert [knock() for _ in range(5)] == [401] * 5
    answer = program().post("/api/auth/login", ADA)
    assert answer.status_code == 429
    assert answer.json()["code"] == "throttled"
    assert 1 <= int(answer["Retry-After"]) <= 86_400


@pytest.mark.django_db(transaction=True)
def test_tries_that_come_at_once_are_all_counted() -> None:
    def knock_and_leave(_: int) -> int:
        try:
            return knock()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(knock_and_leave, range(16)))
    assert sorted(answers) == [401] * 5 + [429] * 11


@pytest.mark.parametrize(
    ("door", "body", "status"),
    [("signup", {"email": "x"}, 400), ("refresh", {"refresh": "x"}, 401), ("logout", {"refresh": "x"}, 401)],
)
@pytest.mark.django_db
def test_every_door_has_its_limit(door: str, body: dict[str, str], status: int) -> None:
    answers = [program().post(f"/api/auth/{door}", body).status_code for _ in range(6)]
    assert answers == [status] * 5 + [429]


@pytest.mark.django_db
def test_the_page_and_the_api_share_one_bucket(ada: User) -> None:
    assert [knock() for _ in range(4)] == [401] * 4
    window = browser()
    form = {"username": ada.email, "password": "wrong", "csrfmiddlewaretoken": csrf_token(window)}
    assert window.post("/login/", form).status_code == 200
    answer = window.post("/login/", form | {"password": ADA["password"]})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert b"Too many tries" in answer.content
    assert knock() == 429
    assert window.get("/login/").status_code == 200, "looking at the page is free"


@pytest.mark.django_db
def test_the_sign_up_page_has_the_limit_too() -> None:
    window = browser()
    form = {"email": "x", "password": "x", "csrfmiddlewaretoken": csrf_token(window, "/signup/")}
    assert [window.post("/signup/", form).status_code for _ in range(6)] == [200] * 5 + [429]
    assert program().post("/api/auth/signup", ADA).status_code == 429


# --- who is counted ---


def _behind(settings: Settings, proxies: int) -> None:
    words = deepcopy(settings.REST_FRAMEWORK)
    words["NUM_PROXIES"] = proxies
    settings.REST_FRAMEWORK = words


@pytest.mark.django_db
def test_without_a_proxy_a_made_up_forwarding_header_changes_nothing(settings: Settings) -> None:
    _behind(settings, 0)
    answers = [knock(headers={"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(7)]
    assert answers == [401] * 5 + [429] * 2


@pytest.mark.django_db
def test_behind_a_proxy_only_the_part_that_the_proxy_wrote_counts(settings: Settings) -> None:
    _behind(settings, 1)
    answers = [knock(headers={"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.7"}) for n in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert knock(headers={"X-Forwarded-For": "203.0.113.7, 203.0.113.8"}) == 401, "another client, another bucket"


@pytest.mark.django_db
def test_one_ipv6_network_is_one_client() -> None:
    answers = [knock(REMOTE_ADDR=f"2001:db8:1:2::{n:x}") for n in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert knock(REMOTE_ADDR="2001:db8:1:3::1") == 401


@pytest.mark.parametrize("address", ["", "unix:", "not an address", "::ffff:203.0.113.7"])
@pytest.mark.django_db
def test_an_odd_address_is_a_client_like_any_other(address: str) -> None:
    assert [knock(REMOTE_ADDR=address) for _ in range(6)] == [401] * 5 + [429]


# --- when Redis is away ---


def test_without_redis_the_limits_hold_and_who_is_right_comes_in(ada: User, settings: Settings) -> None:
    caches = deepcopy(settings.CACHES)
    caches["default"]["LOCATION"] = "redis://127.0.0.1:1/0"
    settings.CACHES = caches
    assert cache.incr("x") is None
    assert program().post("/api/auth/login", ADA).status_code == 200
    assert [knock() for _ in range(6)] == [401] * 4 + [429] * 2
