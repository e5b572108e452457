from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User

Visit = Callable[..., Client]


@pytest.fixture
def visit() -> Visit:
    """``visit(user)`` is that user's browser, ``visit()`` one that is not logged in."""

    def open_browser(user: User | None = None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return open_browser
