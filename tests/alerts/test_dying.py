"""kill -9 between every two steps of sending: nothing is lost, and only one thing can arrive twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.utils import timezone

from alerts.models import Attempt, Channel, Delivery
from monitors.models import Monitor
from tests.alerts.conftest import MakeRule, Story, states
from tests.alerts.dying import ARRIVES_TWICE, MOMENTS
from tests.alerts.sinks import Sink
from tests.conftest import MakeMonitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Shop")


def die(moment: str) -> None:
    """Run a sender on the test's own database until it is killed at that moment."""
    server = urlsplit(os.environ["DATABASE_URL"])
    process = subprocess.run(
        [sys.executable, "-m", "tests.alerts.dying", moment],
        env={**os.environ, "DATABASE_URL": urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))},
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr[-2000:]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sender_that_is_killed_loses_nothing(
    moment: str, monitor: Monitor, channel: Channel, make_rule: MakeRule, sink: Sink
) -> None:
    make_rule(channel)
    story = Story(timezone.now())
    incident = story.goes_down(monitor)
    die(moment)
    story.now = timezone.now()
    story.later(seconds=26)  # its lease has run out
    story.comes_back(incident)
    story.later(seconds=1)
    story.later(hours=1)

    assert sorted(states()) == [("down", "sent"), ("up", "sent")]
    assert sink.kinds == ["down", "down", "up"] if moment in ARRIVES_TWICE else sink.kinds == ["down", "up"]
    assert len({one.key for one in sink.received if one.json["kind"] == "down"}) == 1
    lost = Attempt.objects.filter(ok__isnull=True)
    assert all("may have arrived" in one.reason for one in lost)
    assert Delivery.objects.get(kind="down").attempts.filter(ok=True).count() == 1
