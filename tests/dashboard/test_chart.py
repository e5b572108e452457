"""The chart of one monitor: which time, in which steps, from what, and what is shaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checks.models import RollupDay, RollupHour
from checks.rules import bucket_of, pack_histogram
from common.spans import Span
from dashboard.selectors.chart import Chart, Measure, bands, chart, resolution
from dashboard.selectors.periods import Period, period_of
from incidents.models import Incident, StatusChange
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def drawn(monitor: Monitor, span: Span, **about: Any) -> Chart:
    now = timezone.now()
    asked: dict[str, Any] = {"measure": Measure.HALF, "now": now} | about
    return chart(monitor, period_of({"range": span}, now=now), **asked)


@pytest.mark.parametrize(
    ("query", "begins", "ends", "problem"),
    [
        ({}, "2026-03-10T11:00", "2026-03-10T12:00", None),
        ({"range": "1y"}, "2025-03-10T12:00", "2026-03-10T12:00", None),
        ({"range": "nonsense"}, "2026-03-10T11:00", "2026-03-10T12:00", None),
        ({"from": "2026-03-01T00:00", "to": "2026-03-02T00:00"}, "2026-03-01T00:00", "2026-03-02T00:00", None),
        ({"from": "2026-03-01T01:00+01:00"}, "2026-03-01T00:00", "2026-03-10T12:00", None),
        ({"from": "yesterday"}, "2026-03-10T11:00", "2026-03-10T12:00", "from"),
        ({"to": "0001-01-01T00:00"}, "2026-03-10T11:00", "2026-03-10T12:00", "to"),
        ({"from": "2026-03-02T00:00", "to": "2026-03-01T00:00"}, "2026-03-10T11:00", "2026-03-10T12:00", "to"),
        ({"from": "2020-03-02T00:00"}, "2026-03-10T11:00", "2026-03-10T12:00", "from"),
    ],
)
def test_a_time_is_read_from_the_address(query: dict[str, str], begins: str, ends: str, problem: str | None) -> None:
    period = period_of(query, now=NOW)
    assert (f"{period.since:%Y-%m-%dT%H:%M}", f"{period.until:%Y-%m-%dT%H:%M}") == (begins, ends)
    assert next(iter(period.problems), None) == problem
    if not problem:
        assert period_of(dict(part.split("=") for part in period.query.replace("%3A", ":").split("&")), now=NOW)


@pytest.mark.parametrize(
    ("interval", "length", "ago", "expected"),
    [
        (60, timedelta(hours=1), 0, (60, True)),
        (10, timedelta(hours=1), 0, (10, True)),
        (60, timedelta(days=1), 0, (300, True)),
        (10, timedelta(days=1), 0, (3600, False)),  # too many to read one by one
        (60, timedelta(hours=1), 40, (3600, False)),  # single results are gone by then
        (60, timedelta(days=7), 0, (3600, False)),
        (3600, timedelta(days=7), 0, (3600, True)),
        (60, timedelta(days=30), 0, (86_400, False)),
        (86_400, timedelta(days=365), 0, (86_400, False)),
    ],
)
def test_steps_are_as_fine_as_what_is_kept(
    interval: int, length: timedelta, ago: int, expected: tuple[int, bool]
) -> None:
    until = NOW - timedelta(days=ago)
    monitor = Monitor(interval=interval, regions=["usa", "india"])
    assert resolution(monitor, Period(until - length, until, None), now=NOW) == expected


def test_the_last_hour_is_drawn_from_results_with_gaps_as_gaps(make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..x.", india="....")
    found = drawn(monitor, Span.HOUR)
    usa = found.lines[0]
    assert (usa.name, found.step_s, found.times[-1] - found.times[0]) == ("usa", 60, 3600)
    assert usa.values[-5:].count(50.0) == 3
    assert usa.values[-3:-1] in ([50.0, None], [None, 50.0])
    assert usa.whole == (50.0, 50.0, 50.0, 50.0, 50.0)


@pytest.mark.parametrize(("span", "step_s", "steps"), [(Span.WEEK, 3600, 169), (Span.YEAR, 86_400, 366)])
def test_longer_spans_are_drawn_from_sums(make_monitor: MakeMonitor, span: Span, step_s: int, steps: int) -> None:
    monitor = make_monitor()
    monitor.created_at -= timedelta(days=400)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    _sums(monitor, hour - timedelta(days=2), {bucket_of(100): 99}, 100)
    _sums(monitor, hour - timedelta(days=3), {bucket_of(200): 1}, 200)
    found = drawn(monitor, span)
    assert (found.step_s, len(found.times), found.exact) == (step_s, steps, False)
    usa = found.lines[0]
    assert sorted(value for value in usa.values if value is not None) == [100.0, 200.0]
    assert usa.whole is not None
    assert usa.whole.p50 == pytest.approx(100, rel=0.075)
    assert usa.whole.p99 == pytest.approx(100, rel=0.075)  # the mean of 100 and 200 would be no percentile
    assert (usa.whole.fastest, usa.whole.slowest) == (100, 200)


def _sums(monitor: Monitor, hour: datetime, histogram: dict[int, int], took: float) -> None:
    count = sum(histogram.values())
    told = {"monitor": monitor, "region": "usa", "up": count, "timed": count, "sum_ms": took * count}
    told |= {"min_ms": took, "max_ms": took, "histogram": pack_histogram(histogram)}
    RollupHour.objects.create(bucket=hour, **told)
    RollupDay.objects.create(bucket=hour.replace(hour=0), **told)


def test_the_time_before_a_monitor_existed_is_no_gap(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    assert len(drawn(monitor, Span.MONTH).times) == 11
    monitor.created_at = timezone.now() - timedelta(minutes=20)
    assert len(drawn(monitor, Span.HOUR).times) in {21, 22}


def test_phases_of_one_region_over_time(make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="...", india="...")
    found = drawn(monitor, Span.HOUR, phases_of="usa")
    assert [(line.key, line.whole and line.whole.p95) for line in found.lines] == [
        ("dns", 2.0), ("connect", 10.0), ("tls", None), ("first_byte", 30.0), ("download", 8.0),
    ]  # fmt: skip
    assert drawn(monitor, Span.HOUR, phases_of="mars").lines[0].key == "usa"
    assert "single checks only" in drawn(monitor, Span.YEAR, phases_of="usa").untold


def test_outages_and_planned_work_are_shaded(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    hour = timedelta(hours=1)
    for begin, end in ((-30, -20), (-5, -4), (-1, None)):
        at, over = NOW + begin * hour, NOW + end * hour if end else None
        Incident.objects.create(monitor=monitor, started_at=at, confirmed_at=at, resolved_at=over, cause={})
    for turn, before, after in ((-23, "maintenance", "up"), (-8, "up", "maintenance"), (-7, "maintenance", "up")):
        StatusChange.objects.create(
            monitor=monitor, happened_at=NOW + turn * hour, before=before, after=after, votes=[], policy={},
            open_incident=False,
        )  # fmt: skip
    found = bands(monitor, since=NOW - 24 * hour, until=NOW)
    told = [
        (band.kind, *((at - NOW) / hour if at else None for at in (band.starts_at, band.ends_at))) for band in found
    ]
    assert told == [
        ("down", -24, -20), ("maintenance", -24, -23), ("maintenance", -8, -7), ("down", -5, -4), ("down", -1, None),
    ]  # fmt: skip


@pytest.fixture
def client(visit: Visit, owner: User) -> Client:
    return visit(owner)


def test_the_chart_is_also_a_sentence_and_a_table(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="...", india="x")

    def page(more: str = "", of: Monitor = monitor) -> str:
        return client.get(f"/monitors/{of.pk}/{more}").content.decode()

    told = page()
    assert "In the last hour: usa half within 50 ms, 95 % within 50 ms, 99 % within 50 ms, slowest 50 ms" in told
    assert "india nothing." in told
    assert told.count("50 ms · 50 ms · 50 ms") == 3
    assert "In the last 30 days" in page("chart/?range=30d")
    assert "there is no response time to show" in page(of=make_monitor())
    wrong = page("?from=yesterday")
    assert "Must be a time like" in wrong
    assert 'value="yesterday"' in wrong


def test_the_series_is_json_for_the_chosen_time(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="...", india="..xx")
    series = client.get(f"/monitors/{monitor.pk}/series.json?range=24h&measure=p99").json()
    assert [line["name"] for line in series["series"]] == ["usa", "india"]
    assert all(len(line["values"]) == len(series["times"]) for line in series["series"])
    assert series["step_s"] == 300
