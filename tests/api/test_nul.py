"""Text that PostgreSQL cannot hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts.models import User


@pytest.mark.parametrize(
    "where",
    ["monitor?search=%00", "monitor?tag=%00", "monitor?region=%00", "audit-log?who=%00", "tags?x=%00"],
)
def test_a_nul_in_a_filter_is_no_failure_of_ours(where: str, api: Callable[..., APIClient], owner: User) -> None:
    assert api(owner).get(f"/api/{where}").status_code == 400
