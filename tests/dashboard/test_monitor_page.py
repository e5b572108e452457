"""The page of one monitor: how it is, why, since when, and how it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checks.models import CheckBatch, RollupDay, RollupHour
from dashboard.selectors.chart import Range, chart
from dashboard.selectors.monitor import monitor_page, regions_asked
from incidents.models import Incident
from monitors import services
from monitors.models import Monitor
from probes.contract import Reason
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well, tell

TEN = "." * 10


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    all_is_well(*regions)
    return visit(owner)


def shown(client: Client, monitor: Monitor, more: str = "") -> str:
    return client.get(f"/monitors/{monitor.pk}/{more}").content.decode()


def test_a_healthy_monitor(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(name="Shop"), usa=TEN, india=TEN)
    page = shown(client, monitor)
    assert '<p class="headline-word">Up</p>' in page
    assert "since <time datetime=" in page
    assert 'aria-label="usa: DNS 2.0 ms, Connect 10 ms, First byte 30 ms, Download 8.0 ms, total 50 ms"' in page
    assert page.count('class="window-share">100 %') == 4
    assert page.count("100 % of checks known") == 4
    assert "HTTP 200" in page
    assert "2 of 2 regions agree, after 2 failures in a row" in page
    assert 'data-poll="10"' in page


def test_a_monitor_that_is_down_says_why_and_from_where(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="......xx", india="......xx")
    page = shown(client, monitor)
    assert '<p class="headline-word">Down</p>' in page
    assert "<strong>The server refused the connection.</strong>" in page
    assert "Seen from usa and india." in page
    assert "Down for" in page
    assert "<title>(1 down)" in page


def test_different_reasons_stand_side_by_side(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    tell(monitor, usa="xx", message="refused by 192.0.2.1")
    tell(monitor, india="xx", message="refused by 192.0.2.2")
    monitor.region_states.filter(region="india").update(reason=Reason.TLS_CERT_EXPIRED)
    causes = monitor_page(monitor, now=timezone.now()).causes
    assert [(cause.reason, cause.regions, cause.messages) for cause in causes] == [
        ("The certificate has expired.", ["india"], ["refused by 192.0.2.2"]),
        ("The server refused the connection.", ["usa"], ["refused by 192.0.2.1"]),
    ]


def test_only_the_failing_region_speaks_of_a_partial_failure(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="......xx", india=TEN)
    page = shown(client, monitor)
    assert '<p class="headline-word">Partly down</p>' in page
    assert "Seen from usa." in page


def test_what_is_not_known_counts_as_neither_up_nor_down(make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..??", india="..??")
    found = monitor_page(monitor, now=timezone.now())
    assert [window.uptime for window in found.windows] == [1.0] * 4
    assert [window.coverage for window in found.windows] == [0.5] * 4
    assert [region.status for region in found.regions] == ["unknown", "unknown"]
    assert found.regions[0].reason == "The check was not made: its time had passed."


def test_incidents_are_told_with_their_length(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Shop")
    start = timezone.now() - timedelta(hours=3)
    Incident.objects.create(
        monitor=monitor,
        started_at=start,
        confirmed_at=start,
        resolved_at=start + timedelta(minutes=8),
        cause={"usa": {"reason": "tls_cert_expired", "message": "expired yesterday"}},
    )
    for page in (shown(client, monitor), client.get("/incidents/").content.decode()):
        assert "Was down for 8 min" in page
        assert "usa: The certificate has expired." in page
        assert "expired yesterday" in page


def test_a_paused_monitor_says_so_and_is_not_waited_for(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = services.pause(make_monitor())
    all_is_well("usa", "india", heard=timedelta(days=1))
    page = shown(client, monitor)
    assert '<p class="headline-word">Paused</p>' in page
    assert 'data-poll="10"' in page
    assert "Resume</button>" in page
    assert "Checking is delayed" not in page


def test_regions_that_were_asked_are_polled_for_quickly(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa=TEN, india=TEN)
    _ask(monitor, "usa", state=CheckBatch.State.OPEN)
    _ask(monitor, "india", state=CheckBatch.State.DONE)
    assert regions_asked(monitor.pk, now=timezone.now()) == {"usa"}
    assert regions_asked(monitor.pk, now=timezone.now() + timedelta(minutes=2)) == set()
    page = shown(client, monitor)
    assert 'data-poll="1"' in page
    assert "checking from usa now" in page


def _ask(monitor: Monitor, region: str, **fields: Any) -> None:
    CheckBatch.objects.create(
        id=f"{region}/test",
        region=region,
        lane=CheckBatch.Lane.NOW,
        check_ids=[f"{monitor.pk}/1/1"],
        patience_s=15,
        created_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=1),
        **fields,
    )


def test_the_live_part_is_sent_again_only_when_it_changed(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa=TEN, india=TEN)
    address = f"/monitors/{monitor.pk}/live/"
    first = client.get(address)
    assert b'id="now"' in first.content
    assert b'id="recent" hx-swap-oob="true"' in first.content
    assert f'data-etag="{first.headers["ETag"].strip(chr(34))}"' in shown(client, monitor)
    known = {"If-None-Match": "W/" + first.headers["ETag"]}
    assert client.get(address, headers=known).status_code == 304
    services.request_check(monitor)
    assert client.get(address, headers=known).status_code == 200


# --- the chart ---


def test_the_last_hour_is_drawn_from_results_with_gaps_as_gaps(make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..x.", india="....")
    drawn = chart(monitor, Range.HOUR, now=timezone.now())
    usa = next(line for line in drawn.lines if line.region == "usa")
    assert (drawn.step_s, drawn.times[-1] - drawn.times[0]) == (60, 3600)
    assert usa.values[-5:].count(50.0) == 3
    assert usa.values[-3:-1] in ([50.0, None], [None, 50.0])
    assert (usa.mean_ms, usa.fastest_ms, usa.slowest_ms) == (50.0, 50.0, 50.0)


@pytest.mark.parametrize(
    ("span", "step_s", "steps"), [(Range.DAY, 3600, 25), (Range.WEEK, 3600, 169), (Range.MONTH, 86_400, 31)]
)
def test_longer_spans_are_drawn_from_rollups(make_monitor: MakeMonitor, span: Range, step_s: int, steps: int) -> None:
    monitor = make_monitor()
    monitor.created_at -= timedelta(days=40)
    bucket = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    told = {"monitor": monitor, "region": "usa", "up": 3, "timed": 3, "sum_ms": 300, "min_ms": 50, "max_ms": 200}
    RollupHour.objects.create(bucket=bucket, **told)
    RollupDay.objects.create(bucket=bucket.replace(hour=0), **told)
    drawn = chart(monitor, span, now=timezone.now())
    usa = next(line for line in drawn.lines if line.region == "usa")
    assert (drawn.step_s, len(drawn.times)) == (step_s, steps)
    assert [value for value in usa.values if value is not None] == [100.0]
    assert (usa.mean_ms, usa.fastest_ms, usa.slowest_ms) == (100.0, 50.0, 200.0)


def test_the_time_before_a_monitor_existed_is_no_gap(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    assert len(chart(monitor, Range.MONTH, now=timezone.now()).times) == 11
    monitor.created_at = timezone.now() - timedelta(minutes=20)
    assert len(chart(monitor, Range.HOUR, now=timezone.now()).times) in {21, 22}


def test_the_mean_of_a_span_weighs_every_check_alike(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    about = {"monitor": monitor, "region": "usa", "min_ms": 1, "max_ms": 1}
    RollupHour.objects.create(bucket=hour, up=1, timed=1, sum_ms=100, **about)
    RollupHour.objects.create(bucket=hour - timedelta(hours=1), up=9, timed=9, sum_ms=1800, **about)
    usa = next(line for line in chart(monitor, Range.DAY, now=timezone.now()).lines if line.region == "usa")
    assert usa.mean_ms == 190.0


def test_the_chart_is_also_a_sentence_and_a_table(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="...", india="x")
    page = shown(client, monitor)
    assert "In the last hour, 50 ms on average from usa (fastest 50 ms, slowest 50 ms); nothing from india." in page
    assert page.count('<th scope="row">') == 3
    assert "In the last 30 days, " in shown(client, monitor, "?range=30d")
    assert "there is no response time to show" in shown(client, make_monitor())
    assert shown(client, monitor, "?range=nonsense")


def test_the_series_is_json_for_the_chosen_range(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="...", india="...")
    series = client.get(f"/monitors/{monitor.pk}/series.json?range=24h").json()
    assert series["range"] == "24h"
    assert [line["region"] for line in series["series"]] == ["usa", "india"]
    assert all(len(line["values"]) == len(series["times"]) for line in series["series"])
