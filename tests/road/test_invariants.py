"""The judges judged: what is owed and missing is found, and what is not owed is not asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from bench.stage import invariants
from checks.services import rollups, store
from incidents.models import Incident, IncidentEvent
from monitors import rules
from monitors.models import Monitor, Region
from monitors.services import sync_regions
from probes.contract import Outcome, Reason
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

SINCE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=10)
PLACES = {"usa": 0, "india": 1}


def slots(monitor: Monitor, region: str, *, interval: int = 0) -> list[datetime]:
    interval = interval or monitor.interval
    turn = rules.region_turn(interval, PLACES[region], 2)
    due = rules.slots_between(
        phase=monitor.phase,
        turn=turn,
        interval=interval,
        after=int(SINCE.timestamp()) - 1,
        until=int(UNTIL.timestamp()),
    )
    return [datetime.fromtimestamp(second, UTC) for second in due]


def keep(monitor: Monitor, region: str, when: Iterable[datetime]) -> None:
    store_all((result(monitor, slot, region=region) for slot in when), now=UNTIL)


def missing(query: str = invariants.LOST_OR_UNRECORDED) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [SINCE, UNTIL] if query is invariants.LOST_OR_UNRECORDED else [])
        return sorted(cursor.fetchall(), key=str)


@pytest.fixture
def watched(make_monitor: MakeMonitor) -> Callable[..., Monitor]:
    def make(**fields: Any) -> Monitor:
        monitor = make_monitor(interval=60, name="site", **fields)
        long_ago = SINCE - timedelta(days=2)
        Monitor.objects.filter(pk=monitor.pk).update(created_at=long_ago, updated_at=long_ago)
        monitor.refresh_from_db()
        return monitor

    return make


def change(monitor: Monitor, **fields: Any) -> None:
    Monitor.objects.filter(pk=monitor.pk).update(**fields)


@pytest.mark.parametrize("region", ["usa", "india"])
def test_a_slot_without_a_row_is_found(watched: Callable[..., Monitor], region: str) -> None:
    monitor = watched(regions=["usa", "india"])
    for each in ("usa", "india"):
        due = slots(monitor, each)
        keep(monitor, each, [*due[:3], *due[4:]] if each == region else due)
    assert missing() == [("site", region, slots(monitor, region)[3])]


def test_a_gap_stands_for_as_many_slots_as_it_says(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["usa"])
    due = slots(monitor, "usa")
    keep(monitor, "usa", due[5:])
    gap = result(monitor, due[4], outcome=Outcome.UNKNOWN, slots=4)
    store.store_new([gap._replace(reason=Reason.SCHEDULER_GAP)])
    assert missing() == [("site", "usa", due[0])]


def test_who_stands_in_owes_the_slots_of_who_is_away(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["india"], fallback_regions=["usa"])
    due = slots(monitor, "india")
    keep(monitor, "usa", due[:-1])
    assert missing() == [("site", "india", due[-1])]


def test_a_region_that_is_off_or_drained_owes_nothing(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["india"])
    assert len(missing()) == len(slots(monitor, "india"))
    Region.objects.filter(pk="india").update(draining=True)
    assert missing() == []
    change(monitor, stand_ins={"india": "usa"})
    assert len(missing()) == len(slots(monitor, "india"))
    sync_regions(["usa"])
    assert missing() == []


def test_what_an_absent_region_will_write_down_on_its_return_is_not_lost(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["india"])
    due = slots(monitor, "india")
    Region.objects.filter(pk="india").update(offline_since=due[3], missed_since=due[3])
    assert missing() == [("site", "india", slot) for slot in due[:4]]
    change(monitor, stand_ins={"india": "usa"})
    assert len(missing()) == len(due)


def test_a_slowed_monitor_owes_its_slower_slots(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["usa", "india"])
    for region in ("usa", "india"):
        keep(monitor, region, slots(monitor, region)[:2])
    change(monitor, slowed_to=120)
    counted = slots(monitor, "india")[1] + timedelta(seconds=5)  # india's turn is never one of the slower slots
    kept = slots(monitor, "usa")[:2]
    slower = [slot for slot in slots(monitor, "usa", interval=120) if slot > counted and slot not in kept]
    assert [slot for _, region, slot in missing() if region == "usa"] == slower
    for region in ("usa", "india"):
        keep(monitor, region, slots(monitor, region, interval=120))
    assert missing() == []


@pytest.mark.parametrize("when", ["created_at", "updated_at", "eager_since"])
def test_nothing_is_owed_from_before_a_change(watched: Callable[..., Monitor], when: str) -> None:
    monitor = watched(regions=["usa"])
    moment = SINCE + timedelta(minutes=3)
    change(monitor, **{when: moment})
    later = [slot for slot in slots(monitor, "usa") if slot >= moment + timedelta(seconds=5)]
    assert missing() == [("site", "usa", slot) for slot in later]


def test_a_paused_monitor_owes_nothing(watched: Callable[..., Monitor]) -> None:
    change(watched(regions=["usa"]), paused=True)
    assert missing() == []


@pytest.mark.parametrize("table", ["checks_rolluphour", "checks_rollupday"])
def test_sums_that_differ_are_found(watched: Callable[..., Monitor], table: str) -> None:
    monitor = watched(regions=["usa"])
    keep(monitor, "usa", slots(monitor, "usa"))
    assert missing(invariants.ROLLUPS_DIFFER) == []
    rollups.close(now=SINCE + timedelta(days=2))
    assert missing(invariants.ROLLUPS_DIFFER) == []
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET up = up + 1")  # noqa: S608 - named above
    assert len(missing(invariants.ROLLUPS_DIFFER)) == 2


def test_an_incident_without_failures_behind_it_is_found(watched: Callable[..., Monitor]) -> None:
    monitor = watched(regions=["usa", "india"])
    first, second = SINCE, SINCE + timedelta(seconds=30)
    failures = [result(monitor, slot, outcome=Outcome.DOWN, region=each) for slot in (first, second) for each in PLACES]
    store_all(failures, now=second)
    assert Monitor.objects.get(pk=monitor.pk).status == "down"
    assert missing(invariants.BUILT_FROM_UNKNOWNS) == missing(invariants.TOLD_WRONGLY) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checks_checkresult SET outcome = 'unknown' WHERE region = 'india'")
    assert len(missing(invariants.BUILT_FROM_UNKNOWNS)) == 1
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_incident SET resolved_at = now()")
    assert len(missing(invariants.TOLD_WRONGLY)) == 1


@pytest.mark.parametrize(
    ("kinds", "is_over", "is_right"),
    [
        ("opened", False, True),
        ("opened resolved", True, True),
        ("opened resolved reopened", False, True),
        ("opened resolved reopened resolved", True, True),
        ("flapping", False, True),
        ("flapping resolved", True, True),
        ("flapping calm resolved", True, True),
        ("flapping calm opened", False, True),
        ("flapping calm opened resolved", True, True),
        ("", False, False),
        ("resolved", True, False),
        ("opened", True, False),
        ("opened opened", False, False),
        ("opened resolved resolved", True, False),
        ("opened resolved", False, False),
        ("flapping opened", False, False),  # never said to be calm, and told a second time
        ("flapping flapping", False, False),
        ("opened calm", False, False),
        ("flapping calm calm resolved", True, False),
        ("opened reopened", False, False),
    ],
)
def test_what_is_told_of_an_incident(
    watched: Callable[..., Monitor], kinds: str, is_over: bool, is_right: bool
) -> None:
    monitor = watched()
    incident = Incident.objects.create(
        monitor=monitor, started_at=SINCE, confirmed_at=SINCE, resolved_at=UNTIL if is_over else None, cause={}
    )
    for kind in kinds.split():
        IncidentEvent.objects.create(kind=kind, monitor=monitor, incident=incident, happened_at=SINCE)
    assert bool(missing(invariants.TOLD_WRONGLY)) is not is_right
