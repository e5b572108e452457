"""A region that falls behind gets less, long intervals first, and is never drowned."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from checks import pressure
from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult
from checks.pressure import Load
from checks.selectors.scheduling import region_loads
from checks.services import dispatch
from incidents import services as incidents
from monitors.models import Monitor
from monitors.selectors import enabled_regions
from monitors.services import drain_region
from tests.conftest import MakeMonitor
from tests.regions.road import begin, handed_out_to, live

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 28, 23, 59, 30, tzinfo=UTC)
DAY_AGO = NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("load", "behind"),
    [
        (Load(), False),
        (Load(open=60, finished=0, oldest_s=300), False),  # a small box
        (Load(open=61, finished=0), True),  # nothing comes home
        (Load(open=100, finished=50), False),
        (Load(open=101, finished=50), True),
        (Load(open=10, queued=101, finished=50), True),  # messages of batches that were given up count as well
        (Load(open=240, finished=250, oldest_s=19), False),  # slow sites keep many batches open
        (Load(open=240, finished=250, oldest_s=21), True),
        (Load(open=240, finished=250, oldest_s=21, reports=21), False),  # it may be home and not read yet
        (Load(queued=None), False),
        (Load(reports=2_001), True),  # nobody takes the results in
    ],
)
def test_when_a_region_is_behind(load: Load, behind: bool) -> None:
    assert pressure.is_behind(load) is behind
    assert (pressure.allowance(load, window_s=1) is not None) is behind


@pytest.mark.parametrize(
    ("load", "window_s", "allowed"),
    [
        (Load(open=1000, finished=100, checks_home=24_000), 1, 200),  # half of what it gets done
        (Load(open=1000, finished=100, checks_home=24_000), 5, 1000),
        (Load(open=1000), 1, 0),
        (Load(reports=5_000, checks_home=24_000), 1, 0),
        (Load(open=200, oldest_s=40), 30, None),  # it was the scheduler that stood still
        (Load(open=200, queued=200, oldest_s=40, checks_home=6_000), 30, 1_500),  # and the region as well
    ],
)
def test_a_region_that_is_behind_gets_half_of_what_it_gets_done(load: Load, window_s: int, allowed: int | None) -> None:
    assert pressure.allowance(load, window_s=window_s) == allowed


@pytest.mark.parametrize(
    ("load", "extra_s"),
    [
        (Load(queued=0), 0),
        (Load(queued=20, finished=0), 0),
        (Load(queued=30, finished=60), 60),  # thirty seconds' work
        (Load(queued=30, finished=0), math.inf),  # nothing is lost, nobody takes it
        (Load(queued=None, finished=60), math.inf),  # the broker is away
    ],
)
def test_patience_grows_with_the_queue(load: Load, extra_s: float) -> None:
    assert pressure.extra_patience_s(load) == extra_s


def pile_up(region: str, *, batches: int, created_at: datetime, stored: int = 0) -> None:
    CheckBatch.objects.bulk_create(
        CheckBatch(
            id=f"{region}/pile/{number}",
            region=region,
            lane=CheckBatch.Lane.SLOTS,
            check_ids=[],
            stored=stored,
            patience_s=25,
            created_at=created_at,
            expires_at=created_at + timedelta(seconds=150),
            sent_at=created_at,
        )
        for number in range(batches)
    )


def test_long_intervals_are_left_out_first_and_written_down(make_monitor: MakeMonitor) -> None:
    often, seldom = [[make_monitor(regions=["usa"], interval=interval) for _ in range(3)] for interval in (60, 3600)]
    due = int(handed_out_to(NOW).timestamp())
    Monitor.objects.update(phase=due % 60, created_at=DAY_AGO, status="up")
    Monitor.objects.filter(interval=3600).update(phase=due % 3600)
    begin(NOW - timedelta(seconds=1), living="usa india")
    pile_up("usa", batches=100, created_at=NOW - timedelta(seconds=30), stored=4)  # 400 home: three for this second
    dispatch.dispatch(now=NOW)
    sent = {CheckId.parse(item).monitor for batch in CheckBatch.objects.all() for item in batch.check_ids}
    assert sent == {monitor.pk for monitor in often}
    shed = CheckResult.objects.all()
    assert {row.monitor_id for row in shed} == {monitor.pk for monitor in seldom}
    assert {(row.outcome, row.reason, row.slots, row.slot) for row in shed} == {
        ("unknown", "backpressure", 1, handed_out_to(NOW))
    }
    assert not Monitor.objects.filter(status="down").exists()


def test_many_that_are_left_out_are_written_down_and_judged_by_their_silence(
    make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "JUDGED_AT_MOST", 2)
    for _ in range(3):
        make_monitor(regions=["usa"])
    Monitor.objects.update(phase=int(handed_out_to(NOW).timestamp()) % 60, created_at=DAY_AGO, status="up")
    Monitor.objects.update(status_since=DAY_AGO)
    begin(NOW - timedelta(seconds=1), living="usa india")
    pile_up("usa", batches=100, created_at=NOW - timedelta(seconds=70))
    dispatch.dispatch(now=NOW)
    assert {row.reason for row in CheckResult.objects.all()} == {"backpressure"}
    assert CheckResult.objects.count() == 3
    assert set(Monitor.objects.values_list("status", flat=True)) == {"up"}
    assert incidents.notice_silence(regions={"usa", "india"}, now=NOW) == 3
    assert set(Monitor.objects.values_list("status", flat=True)) == {"unknown"}


def test_a_region_that_keeps_up_is_not_troubled_by_its_neighbour(make_monitor: MakeMonitor) -> None:
    due = int(handed_out_to(NOW).timestamp())
    for region, turn in (("usa", 0), ("india", 30)):
        monitor = make_monitor(regions=[region])
        Monitor.objects.filter(pk=monitor.pk).update(phase=(due - turn) % 60, created_at=DAY_AGO)
    begin(NOW - timedelta(seconds=1), living="usa india")
    pile_up("usa", batches=100, created_at=NOW - timedelta(seconds=70))
    dispatch.dispatch(now=NOW)
    assert list(CheckBatch.objects.exclude(check_ids=[]).values_list("region", flat=True)) == ["india"]
    assert list(CheckResult.objects.filter(reason="backpressure").values_list("region", flat=True)) == ["usa"]


def test_a_load_is_read_from_the_ledger(regions: list[str]) -> None:
    pile_up("usa", batches=3, created_at=NOW - timedelta(seconds=50))
    CheckBatch.objects.filter(pk="usa/pile/0").update(state="done", stored=250)
    load = region_loads([region.code for region in enabled_regions()], now=NOW)["usa"]
    assert (load.open, load.finished, load.checks_home, load.oldest_s) == (2, 1, 250, 40.0)
    assert load.last_sign == NOW
    india = region_loads(["india"], now=NOW)["india"]
    assert (india.open, india.finished, india.oldest_s, india.last_sign) == (0, 0, 0.0, None)


def test_monitoring_status_says_which_region_is_behind_and_by_how_much(
    api: Callable[..., APIClient], owner: User, regions: list[str]
) -> None:
    now = timezone.now()
    live("usa", "india", at=now)
    pile_up("usa", batches=70, created_at=now - timedelta(seconds=55))
    body = api(owner).get("/api/monitoring/status").json()
    usa, india = body["regions"]
    assert (usa["state"], usa["behind"], usa["behind_batches"]) == ("online", True, 70)
    assert 44 < usa["behind_s"] < 60
    assert (india["behind"], india["behind_s"], india["behind_batches"]) == (False, 0, 0)
    assert body["delayed"] is True


def test_a_region_that_is_drained_on_purpose_delays_nobody(
    api: Callable[..., APIClient], owner: User, regions: list[str]
) -> None:
    live("india", at=timezone.now())
    drain_region("usa")
    assert api(owner).get("/api/monitoring/status").json()["delayed"] is False
    assert api().get("/readyz").json()["parts"]["regions"] == "ok"
