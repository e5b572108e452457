"""The outbox: every event says whose it is, and nobody is told of what was before there was anybody to tell."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from checks.services import dispatch
from incidents.models import IncidentEvent
from monitors import services as monitor_services
from probes.contract import Outcome
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


def test_an_event_names_its_monitor_and_team_and_waits_to_be_planned(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    [event] = IncidentEvent.objects.unplanned()
    assert (event.kind, event.monitor, event.team) == ("opened", monitor, monitor.team)
    assert event.incident is not None


def test_events_of_old_are_carried_over_as_told(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    IncidentEvent.objects.update(monitor=None, team=None, planned_at=None)
    import_module("incidents.migrations.0003_old_events").carry_over(apps, connection.schema_editor())
    event = IncidentEvent.objects.get(kind="opened")
    assert (event.monitor, event.team, event.planned_at) == (monitor, monitor.team, event.happened_at)
    monitor_services.request_check(monitor)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    assert [each.kind for each in IncidentEvent.objects.unplanned()] == ["resolved"]
