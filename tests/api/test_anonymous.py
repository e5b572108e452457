"""Every route, as somebody who has not signed in."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from tests.accounts.cast import browser, program

DOORS = {f"/api/auth/{door}" for door in ("signup", "login", "refresh", "logout", "password-reset")}
OPEN_TO_ALL = DOORS | {"/api/docs", "/api/schema", "/api/config/schema", "/api/monitoring/health"}
METHODS = ["get", "post", "put", "patch", "delete"]


def addresses(patterns: list[URLPattern | URLResolver], above: str = "/") -> Iterator[str]:
    for pattern in patterns:
        if not isinstance(pattern.pattern, RoutePattern):
            continue
        address = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, address)
        else:
            for name, converter in pattern.pattern.converters.items():
                kind = type(converter).__name__.removesuffix("Converter").lower()
                example = str(UUID(int=1)) if kind == "uuid" else "1"
                address = address.replace(f"<{kind}:{name}>", example).replace(f"<{name}>", example)
            yield address


API = sorted({address for address in addresses(get_resolver().url_patterns) if address.startswith("/api/")})


def test_the_walk_finds_the_api() -> None:
    assert OPEN_TO_ALL | {"/api/auth/me"} <= set(API)


@pytest.mark.parametrize("address", [address for address in API if address not in OPEN_TO_ALL])
@pytest.mark.django_db
def test_the_api_is_closed_to_strangers(address: str) -> None:
    for method in METHODS:
        answer = getattr(program(), method)(address)
        assert answer.status_code == 401, method
        assert answer.json()["code"] == "not_authenticated"
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("address", [address for address in API if address not in OPEN_TO_ALL])
@pytest.mark.django_db
def test_a_browser_s_session_opens_no_part_of_the_api(address: str, admin_client: object) -> None:
    assert admin_client.get(address).status_code == 401  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_description_of_the_api_is_open() -> None:
    answer = browser().get("/api/schema")
    assert answer.status_code == 200
    assert b"/api/auth/login" in answer.content


@pytest.mark.parametrize("address", ["/admin/", "/admin/accounts/user/", "/admin/jsi18n/"])
@pytest.mark.django_db
def test_the_admin_sends_strangers_to_the_door(address: str) -> None:
    answer = browser().get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
