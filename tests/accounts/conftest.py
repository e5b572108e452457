from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache

from accounts.models import User
from tests.accounts import cast


@pytest.fixture(autouse=True)
def _fresh_throttles() -> Iterator[None]:
    """Everybody here calls from 127.0.0.1."""
    yield
    cache.delete_pattern("throttle_*")  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real Argon2 at its least cost: a hundred MiB for every test person would take a minute."""
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)


@pytest.fixture
def ada(db: None) -> User:
    return cast.sign_up()
