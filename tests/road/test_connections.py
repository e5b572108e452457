"""What tasks cost PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest

from tests.road.box import Box, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

TICKS = "SELECT coalesce(extract(epoch FROM max(at)), 0)::int FROM checks_watermark"
SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"


def test_tasks_do_not_open_a_connection_each(box: Box) -> None:
    with psycopg.connect(box.postgres.url, autocommit=True) as connection:

        def ask(query: str) -> int:
            row = connection.execute(query).fetchone()
            assert row
            return int(row[0])

        wait_until("the scheduler is at work", lambda: ask(TICKS), seconds=30)
        begun, before = ask(TICKS), ask(SESSIONS)
        wait_until("ten ticks have come, and as many tasks of other kinds", lambda: ask(TICKS) > begun + 10, seconds=60)
        assert ask(SESSIONS) - before <= 5
