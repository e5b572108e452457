"""The page of one monitor: how it is, why, since when, and how it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checks.models import CheckBatch, Day, Fact, Hour, RollupDay, RollupHour
from dashboard.selectors.facts import facts_of
from dashboard.selectors.monitor import monitor_page, next_checks, regions_asked
from incidents.handling import outages
from incidents.models import Correction, Incident
from monitors import services
from monitors.models import Monitor, Region
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
    assert page.count('class="window-share">100 %') == 6
    assert page.count("100 % of checks known") == 6
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
    assert [window.uptime for window in found.windows] == [1.0] * 6
    assert [window.coverage for window in found.windows] == [0.5] * 6
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


def test_where_nothing_is_known_there_is_no_figure(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="??", india="??")
    found = monitor_page(monitor, now=timezone.now())
    assert [(window.known, window.coverage) for window in found.windows] == [(False, 0.0)] * 6
    assert shown(client, monitor).count('class="window-share">No data<') == 6


def test_a_year_is_counted_from_days_and_follows_corrections(make_monitor: MakeMonitor, owner: User) -> None:
    monitor, now = make_monitor(), timezone.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=200)
    RollupDay.objects.create(monitor=monitor, region="usa", bucket=day, up=6, down=2, unknown=2)
    RollupHour.objects.create(monitor=monitor, region="usa", bucket=day, up=6, down=2, unknown=2)

    def year() -> tuple[float | None, float | None]:
        window = monitor_page(monitor, now=now).windows[-1]
        return window.uptime, window.coverage

    assert year() == (0.75, 0.8)
    Correction.objects.create(
        monitor=monitor, kind="false_alarm", starts_at=day, ends_at=day + timedelta(hours=1), why="x", actor=owner
    )
    assert year() == (1.0, 0.8)


def test_coverage_is_the_known_part_of_all_that_was_due(make_monitor: MakeMonitor) -> None:
    monitor, now = tell(make_monitor(), usa="..~x??.", india="x?....."), timezone.now()
    tell(make_monitor(), usa="????")
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    today = this_hour.replace(hour=0)
    for place, age in enumerate((2, 10, 60, 200, 400)):
        found = {"up": 5, "degraded": 1, "down": place, "unknown": place + 1, "maintenance": 3}
        for rollup in (RollupDay, RollupHour):
            rollup.objects.create(monitor=monitor, region="usa", bucket=today - timedelta(days=age), **found)
    for back in (0, 1):  # the hour that the week begins with, and the one before it
        begin = this_hour - timedelta(days=7, hours=back)
        RollupHour.objects.create(monitor=monitor, region="india", bucket=begin, up=2 + back, unknown=9)
        RollupDay.objects.create(
            monitor=monitor, region=f"{back}", bucket=begin.replace(hour=0), up=2 + back, unknown=9
        )

    def covered(rows: QuerySet[Any]) -> float:
        known, unknown = sum(row.up + row.degraded + row.down for row in rows), sum(row.unknown for row in rows)
        return float(known / (known + unknown))

    coverage = {window.name: window.coverage for window in monitor_page(monitor, now=now).windows}
    assert coverage["1h"] == 11 / 14
    assert coverage["7d"] == covered(Hour.objects.filter(monitor=monitor, bucket__gte=this_hour - timedelta(days=7)))
    for name, days in {"30d": 30, "90d": 90, "1y": 365}.items():
        assert coverage[name] == covered(Day.objects.filter(monitor=monitor, bucket__gte=today - timedelta(days=days)))
    assert len({coverage[name] for name in ("7d", "30d", "90d", "1y")}) == 4


def test_each_region_says_when_it_looks_next(make_monitor: MakeMonitor) -> None:
    monitor, now = make_monitor(interval=600), timezone.now()
    coming = next_checks(monitor, now=now)
    assert set(coming) == {"usa", "india"}
    assert all(now < at <= now + timedelta(seconds=601) for at in coming.values())
    assert abs((coming["usa"] - coming["india"]).total_seconds()) == 300
    Region.objects.filter(code="india").update(offline_since=now)
    assert set(next_checks(monitor, now=now)) == {"usa"}
    assert next_checks(services.pause(monitor), now=now) == {}


def test_notes_on_its_incidents_are_read_here(client: Client, make_monitor: MakeMonitor, owner: User) -> None:
    monitor = tell(make_monitor(), usa="..xx", india="..xx")
    outages.add_note(Incident.objects.get(), text="The disk is full.", actor=owner, now=timezone.now())
    assert "The disk is full." in shown(client, monitor)


def test_certificates_and_changes_are_told_and_stay_text(client: Client, make_monitor: MakeMonitor) -> None:
    monitor, now = make_monitor(), timezone.now()
    evil = "<script>alert(1)</script>"
    old = {"subject": "CN=old", "issuer": "CN=R3", "fingerprint": "aa", "not_after": "2020-01-01T00:00:00Z"}
    new = {"subject": evil, "issuer": evil, "fingerprint": "bb", "names": [evil] * 7, "chain": [{"subject": evil}]}
    new |= {"not_after": (now + timedelta(days=9)).isoformat()}
    for region, kind, age, value in (
        ("usa", "certificate", 5, old), ("usa", "certificate", 1, new), ("india", "certificate", 1, new),
        ("usa", "redirects", 3, [{"status": 301, "location": f"javascript:{evil}"}]), ("usa", "redirects", 2, []),
        ("usa", "content", 4, {"sha256": evil}), ("usa", "addresses", 4, [evil]),
        ("india", "certificate", 9, {"not_after": "odd"}),
    ):  # fmt: skip
        Fact.objects.create(monitor=monitor, region=region, kind=kind, since=now - timedelta(hours=age), value=value)
    found = facts_of(monitor, now=now)
    [certificate] = found.certificates
    assert (certificate.regions, certificate.mark, certificate.left) == (
        ["india", "usa"], "degraded", "Valid for 9 d more",
    )  # fmt: skip
    assert [change.title for change in found.changes[:4]] == ["Certificate", "Certificate", "Redirects", "Redirects"]
    assert (found.changes[2].after, found.changes[3].before) == (["none"], [])
    page = shown(client, monitor)
    assert evil not in page
    assert 'href="javascript' not in page
    assert "all 7" in page
