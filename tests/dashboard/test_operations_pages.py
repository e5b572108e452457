"""Regions for everybody, and the operator's page for staff alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team, User
from alerts.models import Channel, Delivery
from alerts.rules import State
from alerts.services import channels, planning
from checks.models import CheckBatch, RegionWorker
from checks.services import ingest
from incidents.models import IncidentEvent, RegionTrouble
from monitors.models import Monitor, RegionEvent
from probes.contract import LifeSign
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit

OPERATOR_QUERIES = 28


@pytest.fixture
def staff(owner: User) -> User:
    owner.is_staff = True
    owner.save()
    return owner


def sign(region: str, worker: str, *, clock_ahead_s: float = 0.0, spooled: int = 0) -> None:
    now = timezone.now().timestamp()
    life = LifeSign(region, worker, "1.2", 32, sent_at=now + clock_ahead_s, spooled=spooled)
    ingest.life_sign(life.to_wire())


def test_regions_are_told_with_their_workers_and_clocks(visit: Visit, viewer: User, make_monitor: MakeMonitor) -> None:
    make_monitor(regions=["usa", "india"])
    make_monitor(regions=["usa"])
    sign("usa", "usa-1")
    sign("usa", "<b>usa-2</b>", clock_ahead_s=120)
    page = visit(viewer).get("/regions/").content.decode()
    usa, india = page.split('id="region-india"')
    assert "A clock is off" in usa
    assert "The clock of &lt;b&gt;usa-2&lt;/b&gt; is 120.0 s ahead." in usa
    assert "The clock of usa-1" not in usa
    assert "<dd>2</dd>" in usa
    assert "Not heard of" in india
    assert "<dd>1</dd>" in india
    assert "/operator/" not in page


def test_regions_are_not_sent_again_while_nothing_changes(visit: Visit, viewer: User, regions: list[str]) -> None:
    client = visit(viewer)
    first = client.get("/regions/live/")
    assert client.get("/regions/live/", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    RegionTrouble.objects.create(
        region="usa", began_at=timezone.now(), noticed_at=timezone.now(), failing=9, looked=10, sites=9
    )
    after = client.get("/regions/live/", headers={"If-None-Match": first.headers["ETag"]})
    assert "9 of 10 monitors began to fail there at once" in after.content.decode()


@pytest.mark.parametrize("address", ["/operator/", "/operator/live/", "/operator/batches/redrive/"])
def test_others_than_staff_find_no_such_page(visit: Visit, owner: User, address: str) -> None:
    assert visit(owner).get(address).status_code == 404
    assert visit(owner).post(address).status_code == 404
    assert visit().get(address).headers["Location"].startswith("/login/")


def go_wrong(other: Team, make_monitor: MakeMonitor) -> Monitor:
    """All that an operator should hear of: of regions, and of a team's channel, message and batch."""
    now = timezone.now()
    sign("usa", "usa-1", clock_ahead_s=-60, spooled=12)
    RegionEvent.objects.create(region="india", kind="offline", happened_at=now, note="no sign")
    channels.ensure_defaults(other)
    monitor = make_monitor(team=other, name="<i>Shop</i>")
    IncidentEvent.objects.create(kind="opened", monitor=monitor, team=other, happened_at=now, incident=None)
    planning.plan(now=now)
    Delivery.objects.update(state=State.DEAD, settled_at=now, reason="it answered 410")
    Channel.objects.filter(team=other).update(broken_since=now, failures=7, last_error="it answered 500")
    CheckBatch.objects.create(
        id="usa/dead/0",
        region="usa",
        lane="slots",
        check_ids=[f"{monitor.pk}/1/1"],
        state="dead",
        patience_s=1,
        created_at=now,
        expires_at=now,
    )
    return monitor


def test_an_operator_sees_what_is_wrong_and_sends_again(
    visit: Visit, staff: User, stranger: User, make_monitor: MakeMonitor
) -> None:
    go_wrong(stranger.memberships.get().team, make_monitor)
    client = visit(staff)
    page = client.get("/operator/").content.decode()
    for words in (
        "Region india is not heard of.",
        "The clock of worker usa-1 in usa is 60.0 s behind.",
        "1 channel takes no messages.",
        "12 results wait on workers",
        "DOWN: &lt;i&gt;Shop&lt;/i&gt;",
        "It answered 410",
        "india went offline",
        "no drill was made yet",
        "1 check of region usa",
    ):
        assert words in page
    delivery = Delivery.objects.get()
    client.post(f"/operator/deliveries/{delivery.pk}/redrive/")
    delivery.refresh_from_db()
    assert delivery.state == State.WAITING
    assert "1 monitor is checked again." in client.post("/operator/batches/redrive/", follow=True).content.decode()
    assert Monitor.objects.get().wanted_at is not None


def test_an_operators_page_costs_as_much_however_much_there_is(
    visit: Visit, staff: User, make_monitor: MakeMonitor
) -> None:
    client = visit(staff)

    def queries() -> int:
        client.get("/operator/live/")  # what is remembered for a while is remembered now
        with CaptureQueriesContext(connection) as captured:
            client.get("/operator/live/")
        return len(captured)

    few = queries()
    for number in range(5):
        make_monitor()
        RegionWorker.objects.create(region="usa", worker=f"w{number}", last_seen=timezone.now() - timedelta(hours=1))
        RegionEvent.objects.create(region="usa", kind="offline", happened_at=timezone.now())
    assert queries() == few <= OPERATOR_QUERIES
