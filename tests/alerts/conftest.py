"""Incidents as the deciding part would write them, channels that lead to local sinks, and a clock of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from alerts.models import Channel, Delivery, Rule, TeamDefaults
from alerts.services import channels, planning, rulebook, sending, upkeep
from incidents.models import Incident, IncidentEvent
from monitors.models import Monitor
from tests.alerts.sinks import Sink

VOTES = [{"region": "usa", "outcome": "down", "reason": "connect_refused", "message": "refused", "excluded": None}]


@pytest.fixture
def without_defaults(team: Team) -> Team:
    """A team that has thrown away its first channel and rule."""
    TeamDefaults.objects.create(team=team)
    return team


MakeChannel = Callable[..., Channel]
MakeRule = Callable[..., Rule]


@pytest.fixture
def make_channel(without_defaults: Team) -> MakeChannel:
    def make(url: str, **settings: Any) -> Channel:
        return channels.create_channel(team=without_defaults, kind="webhook", settings={"url": url, **settings})

    return make


@pytest.fixture
def channel(make_channel: MakeChannel, sink: Sink) -> Channel:
    return make_channel(sink.url)


@pytest.fixture
def make_rule(without_defaults: Team) -> MakeRule:
    def make(*channels: Channel, **fields: Any) -> Rule:
        return rulebook.create_rule(team=without_defaults, channels=[one.pk for one in channels], **fields)

    return make


@dataclass
class Story:
    """What happens, one thing after the other. ``now`` stands still unless ``wait`` moves it."""

    now: datetime = field(default_factory=timezone.now)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def event(self, kind: str, monitor: Monitor | None, incident: Incident | None = None, **more: Any) -> IncidentEvent:
        return IncidentEvent.objects.create(
            kind=kind,
            monitor=monitor,
            team=monitor.team if monitor else None,
            incident=incident,
            happened_at=self.now,
            votes=VOTES,
            **more,
        )

    def goes_down(self, monitor: Monitor) -> Incident:
        incident = Incident.objects.create(
            monitor=monitor,
            started_at=self.now - timedelta(seconds=20),
            confirmed_at=self.now,
            cause={"usa": {"reason": "connect_refused", "message": "refused"}},
        )
        Monitor.objects.filter(pk=monitor.pk).update(status="down", status_since=self.now)
        self.event("opened", monitor, incident)
        return incident

    def comes_back(self, incident: Incident) -> None:
        Incident.objects.filter(pk=incident.pk).update(resolved_at=self.now)
        Monitor.objects.filter(pk=incident.monitor_id).update(status="up", status_since=self.now)
        self.event("resolved", incident.monitor, incident)

    def tick(self) -> None:
        """Plan, look after what is held, send all that is due."""
        planning.plan(now=self.now)
        upkeep.sweep(now=self.now)
        for _ in range(200):
            if not self.send():
                return
        raise AssertionError("there was always something to send")

    def send(self) -> bool:
        while (claimed := sending.claim(now=self.now)) is not None:
            if isinstance(claimed, sending.Claimed):
                sending.record(claimed, sending.attempt(claimed), now=self.now)
                return True
        return False

    def later(self, **span: float) -> None:
        self.wait(**span)
        self.tick()


@pytest.fixture
def story() -> Story:
    return Story()


def states() -> list[tuple[str, str]]:
    """Every delivery as (kind, state), in the order of their making."""
    return [(one.kind, one.state) for one in Delivery.objects.order_by("created_at", "step", "id")]
