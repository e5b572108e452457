"""A job of the owner's, and a clock for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from heartbeats import services
from heartbeats.models import Ear, Ping
from heartbeats.rules import Word
from heartbeats.selectors import WEB
from monitors import services as monitor_services
from monitors.models import Monitor

MakeJob = Callable[..., Monitor]


@pytest.fixture
def make_job(team: Team, regions: list[str]) -> MakeJob:
    """An hourly job with ten minutes of grace, made a month ago; the web server has listened all the time."""
    services.listen(WEB)
    now = timezone.now()
    Ear.objects.update(since=now - timedelta(days=30), last=now + timedelta(days=1))

    def make(*, team: Team = team, **spec: Any) -> Monitor:
        spec = spec or {"period": 3600, "grace": 600}
        monitor = monitor_services.create_monitor(team=team, kind="heartbeat", name="Backup", spec=spec)
        made = now - timedelta(days=30)
        Monitor.objects.filter(pk=monitor.pk).update(created_at=made, status_since=made, wanted_at=None)
        monitor.refresh_from_db()
        return monitor

    return make


def token_of(monitor: Monitor) -> str:
    return str(monitor.ping_url).rpartition("/")[2]


def ping_at(monitor: Monitor, at: datetime, word: Word = Word.SUCCESS, **fields: Any) -> None:
    """A ping of the past."""
    Ping.objects.create(monitor=monitor, at=at, word=word, **fields)
