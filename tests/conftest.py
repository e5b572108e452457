"""A small cast with known rights, and the rows that tests begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Team, User
from accounts.rules import Role
from accounts.services import people, programs
from checks.services import days
from monitors import services as monitor_services
from monitors.models import Monitor
from monitors.services import sync_regions
from tests.alerts.sinks import Mailbox, Sink, http_sink, smtp_sink

PASSWORD = "correct horse battery"

MakeMonitor = Callable[..., Monitor]


@pytest.fixture(autouse=True)
def _quick_passwords(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Argon2 is slow on purpose; outside tests/accounts nobody's password is at stake."""
    if "accounts" not in request.path.parts:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """What one test has left there is not the next one's."""
    cache.delete_pattern("*")  # type: ignore[attr-defined]  # clear() would take the broker's queues along


@pytest.fixture(autouse=True)
def _no_faith_in_partitions_of_earlier_tests() -> None:
    """A test that runs what waits for a commit, and is rolled back then, would leave faith in a day that is gone."""
    days.forget()


@pytest.fixture(autouse=True)
def _no_raw_rows_of_earlier_tests(request: pytest.FixtureRequest) -> None:
    """Tests that commit are followed by an emptying of the tables that Django manages; the partitions are ours."""
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE checks_checkresult, checks_checkevidence")


@pytest.fixture
def regions(db: None) -> list[str]:
    sync_regions(["usa", "india"])
    return ["usa", "india"]


@pytest.fixture
def owner(db: None) -> User:
    return people.sign_up(email="olga@example.com", password=PASSWORD, name="Olga Owner")


@pytest.fixture
def stranger(db: None) -> User:
    return people.sign_up(email="sam@example.com", password=PASSWORD, name="Sam Stranger")


@pytest.fixture
def team(owner: User) -> Team:
    return owner.memberships.get().team


@pytest.fixture
def viewer(team: Team) -> User:
    user = User.objects.create_user("vera@example.com", PASSWORD)
    Membership.objects.create(team=team, user=user, role=Role.VIEWER)
    return user


@pytest.fixture
def editor(team: Team) -> User:
    user = User.objects.create_user("ed@example.com", PASSWORD)
    Membership.objects.create(team=team, user=user, role=Role.EDITOR)
    return user


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """``api(user)`` is a program signed in as that user, ``api()`` one that is not."""

    def make(user: User | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            tokens = programs.open_api_session(user=user)
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.access}")
        return client

    return make


@pytest.fixture
def make_monitor(team: Team, regions: list[str]) -> MakeMonitor:
    """A monitor of the owner's team, an hour old and checked at least once unless ``wanted`` is asked for."""

    def make(*, wanted: bool = False, team: Team = team, **fields: Any) -> Monitor:
        monitor = monitor_services.create_monitor(team=team, **{"url": "http://127.0.0.1:9/", **fields})
        if not wanted:
            an_hour_ago = timezone.now() - timedelta(hours=1)
            Monitor.objects.filter(pk=monitor.pk).update(
                wanted_at=None, created_at=an_hour_ago, status_since=an_hour_ago
            )
            monitor.refresh_from_db()
        return monitor

    return make


@pytest.fixture
def sink() -> Iterator[Sink]:
    with http_sink() as sink:
        yield sink


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    with smtp_sink() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield box
