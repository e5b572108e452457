from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from pytest_django import Settings

from accounts.models import User
from accounts.services import oidc
from tests.accounts import cast
from tests.accounts.provider import CLIENT, SECRET, Provider, serving


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real Argon2 at its least cost: a hundred MiB for every test person would take a minute."""
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)


@pytest.fixture
def ada(db: None) -> User:
    return cast.sign_up()


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    with serving() as one:
        settings.OIDC_SERVER_URL, settings.OIDC_NAME = one.url, "Corp"
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
        oidc._told.cache_clear()
        yield one
