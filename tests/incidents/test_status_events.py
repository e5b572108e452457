"""What becomes an event, in the transaction of the change, and what is over before anybody need hear of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from redis import Redis

from incidents import doorbell, services
from incidents.handling import outages
from incidents.models import Incident, IncidentEvent, StatusChange
from monitors.models import Monitor, Region
from monitors.services import pause
from probes.contract import Outcome, Reason
from probes.names import ALERTS_QUEUE
from tests.conftest import MakeMonitor
from tests.incidents.world import Clock, all_say, events_of, say

pytestmark = pytest.mark.django_db

UP, DOWN, DEGRADED, UNKNOWN = Outcome.UP, Outcome.DOWN, Outcome.DEGRADED, Outcome.UNKNOWN


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(make_monitor: MakeMonitor, clock: Clock) -> Monitor:
    monitor = make_monitor(name="Shop")
    Monitor.objects.update(status_since=clock.now)
    all_say(clock, UP, monitor)
    return monitor


def status_of(monitor: Monitor) -> str:
    return str(Monitor.objects.values_list("status", flat=True).get(pk=monitor.pk))


def test_an_outage_is_opened_and_resolved_and_its_steps_are_told_to_nobody(shop: Monitor, clock: Clock) -> None:
    say(clock, shop, usa=DOWN, india=UP)
    say(clock, shop, usa=DOWN)
    assert status_of(shop) == "partial"
    all_say(clock, DOWN, shop)
    assert events_of(shop) == ["opened"]
    assert events_of(shop, told=False) == ["partial", "suspected", "opened"]
    opened = IncidentEvent.objects.get(kind="opened")
    assert "usa: connect_refused" in opened.data["reason"]
    all_say(clock, UP, shop)
    assert events_of(shop) == ["opened", "resolved"]
    resolved = IncidentEvent.objects.get(kind="resolved")
    assert (resolved.data["why"], resolved.data["status"]) == ("recovered", "up")
    incident = Incident.objects.get()
    assert incident.recovered_at == incident.resolved_at == clock.now
    assert incident.cause["usa"]["good_slot"] < incident.cause["usa"]["first_slot"]


def test_a_partial_outage_that_lasts_is_told_and_so_is_its_end(shop: Monitor, clock: Clock) -> None:
    say(clock, shop, usa=DOWN, india=UP)
    say(clock, shop, usa=DOWN)
    [event] = IncidentEvent.objects.held(now=clock.now)
    assert (event.kind, event.held_until) == ("partial", clock.now + timedelta(seconds=60))
    say(clock, shop, usa=UP, india=UP, after_s=90)
    assert (status_of(shop), events_of(shop)) == ("up", ["partial", "recovered"])


def test_a_partial_outage_that_is_over_at_once_is_told_to_nobody(shop: Monitor, clock: Clock) -> None:
    say(clock, shop, usa=DOWN, india=UP)
    say(clock, shop, usa=DOWN)
    say(clock, shop, usa=UP, india=UP, after_s=30)
    assert (events_of(shop), events_of(shop, told=False)) == ([], ["partial"])


@pytest.mark.parametrize("what", ["silence", "maintenance"])
def test_what_we_lose_sight_of_before_it_is_told_is_told_to_nobody(shop: Monitor, clock: Clock, what: str) -> None:
    say(clock, shop, usa=DOWN, india=UP)
    say(clock, shop, usa=DOWN)
    if what == "maintenance":
        Monitor.objects.update(maintenance_until=clock.now + timedelta(hours=1))
        say(clock, shop, usa=DOWN)
    else:
        Region.objects.filter(code="india").update(offline_since=clock.now)
        say(clock, shop, usa=DOWN)
    assert status_of(shop) == {"maintenance": "maintenance", "silence": "unknown"}[what]
    Monitor.objects.update(maintenance_until=None)
    Region.objects.update(offline_since=None)
    all_say(clock, UP, shop)
    assert status_of(shop) == "up"
    assert (events_of(shop), events_of(shop, told=False)) == ([], ["partial"])


def test_an_outage_shorter_than_alert_after_is_an_incident_that_nobody_hears_of(shop: Monitor, clock: Clock) -> None:
    Monitor.objects.update(policy={"alert_after_s": 300})
    all_say(clock, DOWN, shop)
    opened = IncidentEvent.objects.get(kind="opened")
    assert opened.held_until == Incident.objects.get().started_at + timedelta(seconds=300)
    all_say(clock, UP, shop)
    assert events_of(shop) == []
    assert Incident.objects.get().resolved_at is not None
    all_say(clock, DOWN, shop)
    clock.on(400)
    all_say(clock, UP, shop)
    assert events_of(shop) == ["opened", "resolved"]


def test_what_is_held_is_planned_when_its_time_has_come(shop: Monitor, clock: Clock) -> None:
    all_say(clock, DOWN, shop)
    IncidentEvent.objects.update(held_until=timezone.now() + timedelta(hours=1))
    assert not IncidentEvent.objects.unplanned()
    IncidentEvent.objects.update(held_until=timezone.now())
    assert [event.kind for event in IncidentEvent.objects.unplanned()] == ["opened"]


def test_a_certificate_that_runs_out_is_warned_of_once_a_week(shop: Monitor, clock: Clock) -> None:
    for day in range(10):
        words = f"the certificate ends in {14 - day} days"
        all_say(clock, DEGRADED, shop, reason=Reason.CERT_EXPIRING, message=words)
        clock.on(86_400)
    assert events_of(shop) == ["certificate", "certificate"]
    first = IncidentEvent.objects.filter(kind="certificate").earliest("id")
    assert "usa: the certificate ends in 14 days" in first.data["reason"]
    all_say(clock, UP, shop)
    assert events_of(shop) == ["certificate", "certificate"]  # it was never said to be degraded


def test_nothing_is_told_of_what_is_not_known(shop: Monitor, clock: Clock) -> None:
    for _ in range(5):
        say(clock, shop, usa=UNKNOWN, india=UNKNOWN, after_s=60)
    assert status_of(shop) == "unknown"
    all_say(clock, UP, shop)
    assert status_of(shop) == "up"
    assert events_of(shop, told=False) == []


def test_many_changes_become_one_flapping_incident_until_it_is_calm(shop: Monitor, clock: Clock) -> None:
    for _ in range(6):
        all_say(clock, DOWN, shop)
        all_say(clock, UP, shop)
        clock.on(60)
    assert events_of(shop) == ["opened", "resolved"] * 3 + ["flapping"]
    assert Incident.objects.count() == 4
    incident = Incident.objects.open().get()
    assert (incident.flapping, status_of(shop)) == (True, "up")
    assert outages.calm_down(now=clock.on(1_700)) == 0
    assert outages.calm_down(now=clock.on(100)) == 1
    assert events_of(shop)[-2:] == ["calm", "resolved"]
    assert not Incident.objects.open().exists()


def test_flapping_that_ends_in_an_outage_leaves_an_ordinary_one(shop: Monitor, clock: Clock) -> None:
    for _ in range(4):
        all_say(clock, DOWN, shop)
        all_say(clock, UP, shop)
    all_say(clock, DOWN, shop)
    assert outages.calm_down(now=clock.on(1_801)) == 1
    incident = Incident.objects.open().get()
    assert (incident.flapping, incident.recovered_at) == (False, None)
    assert events_of(shop)[-2:] == ["calm", "opened"]
    all_say(clock, UP, shop)
    assert events_of(shop)[-1] == "resolved"


def test_pausing_ends_an_incident_also_one_that_was_closed_by_hand(shop: Monitor, clock: Clock) -> None:
    all_say(clock, DOWN, shop)
    incident = Incident.objects.get()
    outages.resolve_by_hand(incident, actor=shop.team.memberships.get().user, now=clock.on(1))
    pause(shop)
    services.close_paused(now=clock.on(1))
    incident.refresh_from_db()
    assert incident.recovered_at == clock.now
    assert services.close_paused(now=clock.on(1)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_status_never_changes_without_its_incident(make_monitor: MakeMonitor, clock: Clock) -> None:
    """OpenStatus sets the state first and stores the incident after: what fails in between is never told."""
    shop = make_monitor()
    Monitor.objects.update(status_since=clock.now)
    all_say(clock, UP, shop)
    all_say(clock, DOWN, shop, times=1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE incidents_incidentevent ADD CONSTRAINT refuse CHECK (kind <> 'opened')")
        try:
            with pytest.raises(DatabaseError):
                all_say(clock, DOWN, shop, times=1)
            assert status_of(shop) == "up"
            assert not Incident.objects.exists()
            assert not StatusChange.objects.filter(after="down").exists()
        finally:
            cursor.execute("ALTER TABLE incidents_incidentevent DROP CONSTRAINT refuse")
    all_say(clock, DOWN, shop, times=1)  # the report comes again
    assert (status_of(shop), events_of(shop)) == ("down", ["opened"])


@pytest.mark.parametrize(("freshness", "quiet"), [(1, True), (2, False), (10, False)])
def test_silence_is_noticed_by_the_policys_own_measure(
    shop: Monitor, clock: Clock, freshness: int, quiet: bool
) -> None:
    Monitor.objects.update(policy={"freshness": freshness}, status_since=clock.now - timedelta(days=1))
    now = clock.on(100)  # an interval and a half
    assert services.notice_silence(regions={"usa", "india"}, now=now) == int(quiet)
    assert status_of(shop) == ("unknown" if quiet else "up")


def test_those_who_tell_people_are_rung_for_where_there_is_something_to_tell(
    shop: Monitor, clock: Clock, django_capture_on_commit_callbacks: Any
) -> None:
    others = waiting_rings()
    with django_capture_on_commit_callbacks(execute=True):
        all_say(clock, UP, shop)
        say(clock, shop, usa=DOWN)
    assert waiting_rings() == others  # one failure in one region is nobody's business yet
    changes = StatusChange.objects.filter(before__in=["up", "partial"]).order_by("id")
    with django_capture_on_commit_callbacks(execute=True):
        all_say(clock, DOWN, shop)
        all_say(clock, DOWN, shop)
    assert status_of(shop) == "down"
    assert list(changes.values_list("after", flat=True)) == ["partial", "down"]
    assert waiting_rings() == others + 2


def waiting_rings() -> int:
    with Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        waiting = broker.lrange(ALERTS_QUEUE, 0, -1)
    return sum(json.loads(message)["headers"]["task"] == doorbell.TELL for message in waiting)
