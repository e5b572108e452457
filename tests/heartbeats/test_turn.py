"""From pings to results, statuses and incidents."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Team
from alerts.models import Delivery
from alerts.services import planning
from checks.models import CheckEvidence, CheckResult
from checks.services import dispatch
from heartbeats import selectors, services
from heartbeats.models import Ear, Heartbeat, Ping
from heartbeats.rules import Word
from incidents import services as incidents
from incidents.models import Incident, IncidentEvent
from maintenance import services as maintenance
from monitors import services as monitor_services
from monitors.models import Monitor
from tests.checks.road import open_batches, status_of
from tests.heartbeats.conftest import MakeJob, ping_at

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=0) + timedelta(hours=2)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def outcomes(monitor: Monitor) -> list[tuple[str, str | None]]:
    return list(CheckResult.objects.filter(monitor=monitor).order_by("slot").values_list("outcome", "reason"))


def told() -> list[str]:
    kinds = {IncidentEvent.Kind.OPENED, IncidentEvent.Kind.RESOLVED}
    return list(IncidentEvent.objects.filter(kind__in=kinds).order_by("id").values_list("kind", flat=True))


def test_no_region_looks_at_a_job(make_job: MakeJob) -> None:
    monitor = make_job()
    monitor_services.request_check(monitor)
    dispatch.dispatch_wanted()
    for seconds in range(0, 3_700, 300):
        dispatch.dispatch(now=timezone.now() + timedelta(seconds=seconds))
    assert not open_batches()
    assert not CheckResult.objects.exists()
    incidents.notice_silence(regions={"usa", "india"}, now=NOW)
    assert status_of(monitor) == "pending"


def test_a_missed_ping_opens_one_incident_and_the_next_ping_resolves_it(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 3 * HOUR)
    services.turn(now=NOW - 2 * HOUR)
    assert status_of(monitor) == "up"
    for minutes in (0, 9, 11, 12, 71, 72):
        services.turn(now=NOW - 2 * HOUR + minutes * MINUTE)
    assert status_of(monitor) == "down"
    assert "no ping was heard" in monitor.status_reason
    assert outcomes(monitor) == [("up", None), ("down", "heartbeat_missed"), ("down", "heartbeat_missed")]
    ping_at(monitor, NOW)
    services.turn(now=NOW + MINUTE)
    services.turn(now=NOW + MINUTE)
    assert status_of(monitor) == "up"
    assert told() == ["opened", "resolved"]
    incident = Incident.objects.get()
    assert incident.started_at == NOW - 2 * HOUR + 10 * MINUTE
    assert incident.cause["heartbeat"]["reason"] == "heartbeat_missed"


def test_one_failure_is_enough_and_keeps_what_the_job_said(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 2 * MINUTE, Word.FAIL, exit_code=3, body="disk full")
    services.turn(now=NOW)
    assert status_of(monitor) == "down"
    assert monitor.status_reason == "heartbeat: the job ended with exit code 3"
    assert CheckEvidence.objects.get().seen == {"seen": {"exit_code": 3, "body": "disk full"}}
    ping_at(monitor, NOW - MINUTE)
    services.turn(now=NOW)
    assert (status_of(monitor), told()) == ("up", ["opened", "resolved"])


def test_what_a_run_took_is_kept(make_job: MakeJob) -> None:
    monitor, run = make_job(), uuid.uuid4()
    ping_at(monitor, NOW - 5 * MINUTE, Word.START, run=run)
    services.turn(now=NOW - 3 * MINUTE)
    assert selectors.job(monitor, now=NOW - 3 * MINUTE)["state"] == "started"
    ping_at(monitor, NOW - 2 * MINUTE, run=run)
    services.turn(now=NOW)
    assert list(Ping.objects.order_by("at").values_list("duration_s", "heard")) == [(None, True), (180.0, True)]


def test_runs_that_overlap_are_degraded(make_job: MakeJob) -> None:
    monitor = make_job()
    for minutes in (9, 5):
        ping_at(monitor, NOW - minutes * MINUTE, Word.START, run=uuid.uuid4())
    services.turn(now=NOW)
    assert status_of(monitor) == "degraded"
    assert outcomes(monitor) == [("degraded", "heartbeat_overlap")]


def test_our_own_absence_is_unknown(make_job: MakeJob) -> None:
    """The web server came back after the job must have reported; the next deadline is the job's again."""
    monitor = make_job()
    ping_at(monitor, NOW - 2 * HOUR)
    Ear.objects.update(since=NOW - 55 * MINUTE)
    services.turn(now=NOW - 40 * MINUTE)
    assert outcomes(monitor) == [("up", None), ("unknown", "scheduler_gap")]
    assert (status_of(monitor), Incident.objects.count()) == ("up", 0)
    services.turn(now=NOW + 11 * MINUTE)
    assert (status_of(monitor), Incident.objects.count()) == ("down", 1)


def test_while_the_web_server_is_away_nobody_is_blamed(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 2 * HOUR)
    Ear.objects.update(last=NOW - MINUTE)
    services.turn(now=NOW)
    assert outcomes(monitor) == [("up", None), ("unknown", "scheduler_gap")]


def test_the_scheduler_may_be_away_while_the_web_server_listens(make_job: MakeJob) -> None:
    """Pings carry their times, so what is decided late is decided the same."""
    monitor = make_job()
    for hours in (5, 4, 3):
        ping_at(monitor, NOW - hours * HOUR)
    services.turn(now=NOW)
    assert [outcome for outcome, _ in outcomes(monitor)] == ["up", "up", "up", "down", "down"]


def test_an_ear_begins_anew_after_a_break_and_after_a_refusal(db: None) -> None:
    services.listen("web")
    first = Ear.objects.get()
    services.listen("web")
    second = Ear.objects.get()
    assert (second.since, second.last > first.last) == (first.since, True)
    services.listen("web", missed=True)
    third = Ear.objects.get()
    assert third.since > second.since
    for away in (-timedelta(seconds=20), timedelta(seconds=5)):  # a break; a clock that was set back
        Ear.objects.update(since=third.since, last=timezone.now() + away)
        services.listen("web")
        assert Ear.objects.get().since > third.since


def test_a_paused_job_is_not_missed_and_counts_from_its_resumption(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 3 * HOUR)
    services.turn(now=NOW - 2 * HOUR)
    monitor_services.pause(monitor)
    services.turn(now=NOW)
    ping_at(monitor, NOW)  # heard, and of no consequence
    services.turn(now=NOW + MINUTE)
    assert (status_of(monitor), len(outcomes(monitor))) == ("paused", 1)
    assert not Ping.objects.filter(heard=False).exists()
    monitor_services.resume(monitor)
    services.turn(now=NOW + HOUR)
    assert status_of(monitor) == "pending"
    services.turn(now=NOW + 2 * HOUR + 9 * MINUTE)
    assert status_of(monitor) == "pending"
    services.turn(now=NOW + 2 * HOUR + 11 * MINUTE)
    assert status_of(monitor) == "down"


def test_the_first_ping_after_a_resumption_is_news(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 10 * MINUTE)
    services.turn(now=NOW - 9 * MINUTE)
    monitor_services.resume(monitor_services.pause(monitor))
    ping_at(monitor, NOW - 5 * MINUTE)
    services.turn(now=NOW)
    assert status_of(monitor) == "up"


def test_a_new_schedule_counts_from_the_change(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 50 * MINUTE)
    services.turn(now=NOW)
    monitor_services.update_monitor(monitor, spec={"period": 60, "grace": 60})
    services.turn(now=NOW)
    assert Heartbeat.objects.get().deadline == NOW + 2 * MINUTE
    assert outcomes(monitor) == [("up", None)]


def test_planned_work_opens_no_incident(team: Team, make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 3 * HOUR)
    services.turn(now=NOW - 2 * HOUR)
    window = maintenance.start_now(team=team, by=None, title="Deploy", minutes=600, everything=True)
    services.turn(now=NOW - HOUR)
    assert (status_of(monitor), Incident.objects.count()) == ("maintenance", 0)
    ping_at(monitor, NOW - 30 * MINUTE)
    services.turn(now=NOW)
    maintenance.stop(window)
    assert (status_of(monitor), told()) == ("up", [])


def test_planned_work_that_pauses_expects_nothing(team: Team, make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - 3 * HOUR)
    services.turn(now=NOW - 2 * HOUR)
    maintenance.start_now(team=team, by=None, title="Move", minutes=600, everything=True, pauses_checks=True)
    services.turn(now=NOW)
    assert outcomes(monitor) == [("up", None)]


def test_pings_are_kept_within_bounds(make_job: MakeJob) -> None:
    monitor, old = make_job(), make_job()
    Ping.objects.bulk_create(
        Ping(monitor=monitor, at=NOW - seconds * timedelta(seconds=1), word=Word.SUCCESS) for seconds in range(130)
    )
    ping_at(old, NOW - timedelta(days=40), heard=True)
    services.turn(now=NOW)
    assert Ping.objects.filter(monitor=monitor).count() == services.PINGS_KEPT
    assert services.forget_old(now=NOW, retention_days=30) == 1
    assert not Ping.objects.filter(monitor=old).exists()


def test_a_schedule_that_cannot_be_read_stops_nobody(make_job: MakeJob) -> None:
    broken, well = make_job(), make_job()
    Monitor.objects.filter(pk=broken.pk).update(spec={"cron": "0 0 * * *", "zone": "Abolished/Zone"})
    for monitor in (broken, well):
        ping_at(monitor, NOW)
    services.turn(now=NOW + MINUTE)
    assert (status_of(well), status_of(broken)) == ("up", "pending")
    assert selectors.waiting(settled=NOW + HOUR, limit=10) == []
    ping_at(broken, NOW + MINUTE)
    services.turn(now=NOW + HOUR)
    assert selectors.waiting(settled=NOW + timedelta(days=3), limit=10) == [well.pk]


def test_a_deleted_job_takes_its_pings_along(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW)
    services.turn(now=NOW + MINUTE)
    monitor_services.delete_monitor(monitor)
    assert not Ping.objects.exists()
    assert not Heartbeat.objects.exists()


def test_people_are_told_of_it_as_of_any_other(make_job: MakeJob) -> None:
    monitor = make_job()
    ping_at(monitor, NOW - MINUTE, Word.FAIL)
    services.turn(now=NOW)
    planning.plan(now=NOW)
    delivery = Delivery.objects.get(team=monitor.team)
    assert (delivery.kind, delivery.event.monitor) == ("down", monitor)
    assert "Backup" in delivery.subject
