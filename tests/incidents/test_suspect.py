"""A region that fails for fifty unrelated sites at once is in trouble itself, and nobody's site is called down."""

from __future__ import annotations

import pytest

from incidents import services
from incidents.models import Incident, IncidentEvent, RegionTrouble
from monitors.models import Monitor
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.incidents.world import Clock, all_say, say

pytestmark = pytest.mark.django_db

UP, DOWN = Outcome.UP, Outcome.DOWN
BOTH = {"usa", "india"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_sites(make_monitor: MakeMonitor, clock: Clock, *, regions: list[str], related: bool = False) -> list[Monitor]:
    """Fifty monitors that every region finds well."""
    name = "{}.shops.example" if related else "www.site-{}.example"
    sites = [make_monitor(url=f"http://{name.format(number)}/") for number in range(50)]
    Monitor.objects.update(status_since=clock.now, regions=regions)
    say(clock, *sites, **dict.fromkeys(regions, UP))  # type: ignore[arg-type]
    assert statuses() == {"up": 50}
    clock.on(90)
    return sites


def statuses() -> dict[str, int]:
    found = list(Monitor.objects.values_list("status", flat=True))
    return {status: found.count(status) for status in set(found)}


def region_events() -> list[tuple[str, str]]:
    return list(IncidentEvent.objects.filter(monitor=None).order_by("id").values_list("kind", "region"))


def test_fifty_failures_in_the_last_second_are_seen_before_the_first_is_called_an_outage(
    make_monitor: MakeMonitor, clock: Clock
) -> None:
    sites = make_sites(make_monitor, clock, regions=["usa"])
    for _ in range(3):
        say(clock, *sites, usa=DOWN)
    assert statuses() == {"unknown": 50}
    assert not Incident.objects.exists()
    assert region_events() == [("region_suspect", "usa")]
    event = IncidentEvent.objects.get()
    assert (event.team, event.data["failing"], event.data["sites"]) == (None, 50, 50)
    assert "usa: region_suspect" in Monitor.objects.all()[0].status_reason


def test_it_is_noticed_by_the_clock_as_well_and_given_back_when_it_is_well(
    make_monitor: MakeMonitor, clock: Clock
) -> None:
    sites = make_sites(make_monitor, clock, regions=["usa", "india"])
    say(clock, *sites, usa=DOWN, india=UP)
    services.watch_regions(regions=BOTH, now=clock.on(1))
    assert region_events() == [("region_suspect", "usa")]
    say(clock, *sites, usa=DOWN, india=UP)
    assert statuses() == {"unknown": 50}  # one of two regions may be heard, and that is too few
    services.watch_regions(regions=BOTH, now=clock.on(1))
    assert RegionTrouble.objects.get().well_at is None
    say(clock, *sites[:45], usa=UP)
    services.watch_regions(regions=BOTH, now=clock.on(1))
    assert region_events() == [("region_suspect", "usa"), ("region_well", "usa")]
    assert statuses() == {"up": 45, "partial": 5}  # its word counts again, at once
    assert not Incident.objects.exists()


def test_related_sites_are_simply_down(make_monitor: MakeMonitor, clock: Clock) -> None:
    sites = make_sites(make_monitor, clock, regions=["usa"], related=True)
    say(clock, *sites, usa=DOWN)
    say(clock, *sites, usa=DOWN)
    assert statuses() == {"down": 50}
    assert not RegionTrouble.objects.exists()


def test_what_other_regions_see_as_well_is_the_sites_trouble(make_monitor: MakeMonitor, clock: Clock) -> None:
    """Half of the sites go down at once, at a provider that all of them use: every region sees it."""
    sites = make_sites(make_monitor, clock, regions=["usa", "india"])
    all_say(clock, DOWN, *sites[:25], times=1)
    all_say(clock, UP, *sites[25:], times=1)
    all_say(clock, DOWN, *sites[:25], times=1)
    assert statuses() == {"down": 25, "up": 25}
    assert not RegionTrouble.objects.exists()


def test_when_all_regions_see_everything_fail_the_trouble_is_ours(make_monitor: MakeMonitor, clock: Clock) -> None:
    """All regions behind one line that is dead: our own outage is never the customers'."""
    sites = make_sites(make_monitor, clock, regions=["usa", "india"])
    all_say(clock, DOWN, *sites)
    assert statuses() == {"unknown": 50}
    assert set(region_events()) == {("region_suspect", "usa"), ("region_suspect", "india")}
    assert not Incident.objects.exists()


def test_what_was_down_before_the_trouble_stays_down(make_monitor: MakeMonitor, clock: Clock) -> None:
    sites = make_sites(make_monitor, clock, regions=["usa"])
    say(clock, sites[0], usa=DOWN)
    say(clock, sites[0], usa=DOWN)
    assert statuses() == {"down": 1, "up": 49}
    clock.on(100)
    say(clock, *sites, usa=DOWN)
    say(clock, *sites, usa=DOWN)
    assert statuses() == {"down": 1, "unknown": 49}
    assert Incident.objects.open().get().monitor == sites[0]


def test_a_plain_result_asks_nothing_about_regions(
    make_monitor: MakeMonitor, clock: Clock, django_assert_num_queries: object
) -> None:
    sites = make_sites(make_monitor, clock, regions=["usa"])
    with django_assert_num_queries(2):  # type: ignore[operator]  # the savepoint aside: fold, once for the region
        say(clock, *sites, usa=UP)
