"""The breaker around the database: its states by a table, its return with a PostgreSQL that really goes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery.exceptions import Reject, SoftTimeLimitExceeded
from django.core.cache import cache
from django.db import IntegrityError, OperationalError, connection
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from checks import tasks
from checks.selectors.health import BREAKER_WORD, breaker_word
from checks.services import breaker
from onebox.servers import Postgres


@pytest.fixture(autouse=True)
def _closed_before_and_after() -> Iterator[None]:
    cache.delete(BREAKER_WORD)
    breaker.database.close()
    yield
    breaker.database.close()
    breaker.database.reset_timeout = breaker.HALF_OPEN_AFTER_S


@pytest.fixture
def postgres(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Postgres]:
    """A server of the test's own, as the one that the process is connected to."""
    server = Postgres(tmp_path / "postgres", durable=False)
    server.start()
    usual = dict(connection.settings_dict)
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict |= {"NAME": server.database, "USER": "uptime", "PORT": ""}
        connection.settings_dict["HOST"] = str(server.socket_dir)
        try:
            yield server
        finally:
            connection.close()
            connection.settings_dict |= usual
            server.stop()


WORK = {
    ".": None,
    "i": IntegrityError("a row that is there already"),
    "x": OperationalError("server closed the connection unexpectedly"),
    "h": SoftTimeLimitExceeded(),
}


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("....", "closed"),
        ("xxxx", "closed"),
        ("xxxx.xxxx", "closed"),  # in a row
        ("xxxxixxxx", "closed"),  # the database answered, if only with a no
        ("xxxxx", "open"),
        ("hhhhh", "open"),
        ("xxxxx...", "open"),  # not tried
        ("xxxxx a", "half-open"),
        ("xxxxx a.", "half-open"),
        ("xxxxx a..", "closed"),
        ("xxxxx a.x", "open"),
        ("xxxxx a.xa.", "half-open"),  # counted anew
        ("xxxxx m.", "half-open"),
        ("xxxxx m..", "closed"),
        ("xxxxx mx", "open"),
        ("xxxxx a..xxxx", "closed"),
    ],
)
def test_its_states(story: str, state: str) -> None:
    """``.`` and ``i`` pass, ``x`` and ``h`` fail, ``a``: the database answers again, ``m``: a minute goes by."""
    for step in story.replace(" ", ""):
        if step == "a":
            breaker.database.half_open()
        elif step == "m":
            breaker.database.reset_timeout = 0
        else:
            _try(step)
            breaker.database.reset_timeout = breaker.HALF_OPEN_AFTER_S
    assert breaker.database.current_state == state


def _try(step: str) -> None:
    def work() -> None:
        if error := WORK[step]:
            raise error

    with suppress(breaker.Open, OperationalError, IntegrityError, SoftTimeLimitExceeded):
        breaker.database.call(work)


def test_work_waits_in_the_queue_while_postgresql_is_away_and_goes_on_when_it_answers(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(tasks, "DATABASE_PAUSE_S", 0)
    monkeypatch.setattr(tasks, "DATABASE_PATIENCE_S", 0.2)
    tries = []

    def store(report: object) -> None:
        tries.append(report)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    monkeypatch.setattr("checks.services.ingest.ingest", store)
    tasks.ingest({"batch": "1"})
    postgres.stop()
    for _ in range(8):
        connection.close_if_unusable_or_obsolete()  # as Celery does between tasks
        with pytest.raises(Reject) as refused:
            tasks.ingest({"batch": "2"})
        assert vars(refused.value)["requeue"]
    assert len(tries) == 1 + breaker.FAILURES_OPEN  # the last three waited, and were not tried
    assert breaker_word()["state"] == "open"
    postgres.start()
    monkeypatch.setattr(tasks, "DATABASE_PATIENCE_S", 30)
    tasks.ingest({"batch": "2"})
    assert breaker_word()["state"] == "half-open"
    tasks.ingest({"batch": "3"})
    word = breaker_word()
    assert (word["state"], word["failures"]) == ("closed", 0)


def test_health_tells_of_it_when_the_database_cannot(postgres: Postgres) -> None:
    for _ in range(breaker.FAILURES_OPEN):
        _try("x")
    postgres.stop()
    connection.close()
    answer = APIClient().get("/api/monitoring/health")
    assert answer.status_code == 503
    assert answer.json()["breaker"].items() >= {"state": "open", "failures": 5}.items()
    parts = {"database": "failing", "ingest": "failing", "broker": "ok", "regions": "unknown", "scheduler": "unknown"}
    assert answer.json()["parts"].items() >= parts.items()
    assert answer.json() == APIClient().get("/readyz").json()
