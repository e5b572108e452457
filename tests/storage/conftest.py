"""Tests that commit leave no raw rows behind: what pytest-django empties are the tables that Django manages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection


@pytest.fixture(autouse=True)
def _empty_partitions(request: pytest.FixtureRequest) -> Iterator[None]:
    marker = request.node.get_closest_marker("django_db")
    yield
    if marker and marker.kwargs.get("transaction"):
        request.getfixturevalue("django_db_blocker")
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE checks_checkresult, checks_checkevidence")
