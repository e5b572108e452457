"""What planned work does to checks, statuses and incidents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Team
from checks.models import CheckBatch, CheckResult, MonitorStats
from checks.services import dispatch, recount, stats
from incidents import services as incidents
from incidents.models import Incident, IncidentEvent
from maintenance import services
from maintenance.models import Window
from monitors.models import Monitor
from monitors.services import request_check
from probes.contract import Outcome
from tests.checks.road import answer_all, status_of
from tests.conftest import MakeMonitor
from tests.regions.road import run

pytestmark = pytest.mark.django_db


def begin(team: Team, **fields: Any) -> Window:
    return services.start_now(team=team, by=None, **{"title": "Deploy", "minutes": 30, "everything": True, **fields})


def look(monitor: Monitor, outcome: Outcome) -> None:
    """All regions check it twice, so that nobody is in doubt."""
    for _ in range(2):
        request_check(monitor)
        dispatch.dispatch_wanted()
        answer_all(outcome)


def told() -> list[str]:
    return list(IncidentEvent.objects.order_by("id").values_list("kind", flat=True))


def test_a_failure_during_planned_work_is_told_once_when_it_ends(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    look(monitor, Outcome.UP)
    window = begin(team)
    assert status_of(monitor) == "maintenance"
    look(monitor, Outcome.DOWN)
    assert status_of(monitor) == "maintenance"
    assert not Incident.objects.exists()
    services.stop(window)
    assert status_of(monitor) == "down"
    assert told().count("opened") == 1
    look(monitor, Outcome.DOWN)
    assert told().count("opened") == 1


def test_what_broke_and_mended_during_planned_work_is_never_told(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    look(monitor, Outcome.UP)
    before = told()
    window = begin(team)
    look(monitor, Outcome.DOWN)
    look(monitor, Outcome.UP)
    services.stop(window)
    assert status_of(monitor) == "up"
    assert told() == before


def test_an_incident_from_before_is_closed_after(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    look(monitor, Outcome.DOWN)
    window = begin(team)
    look(monitor, Outcome.UP)
    assert Incident.objects.open().count() == 1
    services.stop(window)
    assert status_of(monitor) == "up"
    assert (told().count("opened"), told().count("resolved")) == (1, 1)


def test_an_incident_from_before_goes_on_where_it_still_fails(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    look(monitor, Outcome.DOWN)
    services.stop(begin(team))
    assert status_of(monitor) == "down"
    assert Incident.objects.count() == 1


def test_nothing_is_checked_where_checks_are_paused_and_the_watch_begins_anew(
    team: Team, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()
    look(monitor, Outcome.UP)
    window = begin(team, pauses_checks=True)
    CheckBatch.objects.all().delete()
    request_check(monitor)
    assert dispatch.dispatch_wanted() == 0
    now = run(since=timezone.now(), seconds=65, living="usa india")
    assert not CheckBatch.objects.exists()
    incidents.notice_silence(regions={"usa", "india"}, now=now + timedelta(minutes=20))
    assert status_of(monitor) == "maintenance"
    services.stop(window)
    assert status_of(monitor) == "pending"
    assert dispatch.dispatch_wanted() == 1
    answer_all(Outcome.UP)
    assert status_of(monitor) == "up"
    assert not Incident.objects.exists()


def test_a_paused_monitor_stays_paused(team: Team, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    Monitor.objects.filter(pk=monitor.pk).update(paused=True, status="paused")
    services.stop(begin(team, pauses_checks=True))
    assert status_of(monitor) == "paused"


@pytest.mark.parametrize(("counts", "uptime"), [(False, None), (True, 0.0)])
def test_planned_work_counts_as_uptime_only_by_choice(
    team: Team, make_monitor: MakeMonitor, counts: bool, uptime: float | None
) -> None:
    monitor = make_monitor()
    begin(team, counts_as_uptime=counts)
    look(monitor, Outcome.DOWN)
    rows = set(CheckResult.objects.filter(monitor=monitor).values_list("outcome", "reason"))
    assert rows == {("down" if counts else "maintenance", "connect_refused")}
    stats.compute([monitor.pk], now=timezone.now())
    assert MonitorStats.objects.get(monitor=monitor).uptime_24h == uptime
    assert not list(recount.differences(timezone.now().date(), now=timezone.now()))
