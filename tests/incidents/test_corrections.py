"""Correcting the past: who said what of it and why, and what uptime becomes by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import CheckResult
from checks.selectors.figures import stats_of
from checks.services import rollups, stats
from checks.services.store import NewResult, lock_monitors, record
from common.clock import database_now
from incidents.models import Correction, Incident
from incidents.rules.corrections import Counts, Span, Verdict, pieces, span_problem
from monitors.models import Monitor
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.incidents.test_story import NOW

Api = Callable[..., APIClient]
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return NOW + timedelta(hours=hour)


def span(kind: str, begin: float, end: float) -> Span:
    return Span(Verdict(kind), at(begin), at(end))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([("false_alarm", 1, 2)], [("false_alarm", 1, 2)]),
        ([("false_alarm", 2, 2)], []),
        ([("false_alarm", 1, 3), ("false_alarm", 2, 4)], [("false_alarm", 1, 4)]),
        ([("false_alarm", 1, 2), ("false_alarm", 3, 4)], [("false_alarm", 1, 2), ("false_alarm", 3, 4)]),
        (
            [("false_alarm", 1, 4), ("maintenance", 2, 3)],
            [("false_alarm", 1, 2), ("maintenance", 2, 3), ("false_alarm", 3, 4)],
        ),
    ],
)
def test_spans_are_cut_into_pieces(
    spans: list[tuple[str, float, float]], expected: list[tuple[str, float, float]]
) -> None:
    assert pieces(span(*each) for each in spans) == [span(*each) for each in expected]


counts = st.builds(Counts, st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))


@given(outside=counts, inside=counts)
def test_a_correction_never_makes_uptime_worse_than_the_rest_of_time(outside: Counts, inside: Counts) -> None:
    whole = outside + inside
    cleared, left_out = (whole.without(inside, verdict) for verdict in Verdict)
    assert cleared.good + cleared.down == whole.good + whole.down
    assert (cleared.uptime or 0) >= (whole.uptime or 0)
    assert left_out == outside


@pytest.mark.parametrize(
    ("begin", "end", "field"), [(-2, -1, None), (-1, -1, "to"), (-1, -2, "to"), (-1, 1, "to"), (-2_400, -1, "to")]
)
def test_only_a_span_of_the_past_is_corrected(begin: float, end: float, field: str | None) -> None:
    assert next(iter(span_problem(at(begin), at(end), now=NOW)), None) == field


@pytest.fixture
def shop(make_monitor: MakeMonitor) -> Monitor:
    """A day of checks every quarter of an hour in one region, of which the hour from 5 to 4 hours ago failed."""
    monitor = make_monitor(regions=["usa"], interval=900)
    now = database_now()
    results = [
        NewResult(monitor.pk, "usa", slot, slot, Outcome.DOWN if 4 < (now - slot) / HOUR <= 5 else Outcome.UP)
        for slot in (now - timedelta(minutes=15 * turn + 1) for turn in range(80))
    ]
    record(results, monitors=lock_monitors([monitor.pk]), now=now)
    stats.compute([monitor.pk], now=now)
    return monitor


def figures(monitor: Monitor) -> float | None:
    stats.compute([monitor.pk], now=database_now())
    return stats_of(monitor).uptime_24h


@pytest.mark.django_db
def test_a_span_is_corrected_with_before_and_after(api: Api, editor: User, shop: Monitor) -> None:
    now = database_now()
    asked = {"monitor": str(shop.pk), "from": now - 5 * HOUR, "to": now - 4 * HOUR, "why": "Our proxy was broken"}
    answer = api(editor).post("/api/corrections", asked | {"kind": "false_alarm"})
    assert answer.status_code == 201
    assert answer.json()["uptime"]["24h"] == {"before": 76 / 80, "after": 1.0}
    assert answer.json()["correction"]["actor"] == editor.email
    assert figures(shop) == 1.0
    assert CheckResult.objects.filter(monitor=shop, outcome="down").count() == 4  # what was seen stays what it was
    api(editor).post("/api/corrections", asked | {"kind": "false_alarm"})
    assert Correction.objects.count() == 1  # the same again is the same


@pytest.mark.django_db
def test_maintenance_is_left_out_and_can_be_taken_back(api: Api, editor: User, shop: Monitor) -> None:
    now = database_now()
    half = {
        "monitor": str(shop.pk),
        "from": now - 5 * HOUR,
        "to": now - 4.5 * HOUR,
        "why": "Move",
        "kind": "maintenance",
    }
    made = api(editor).post("/api/corrections", half).json()
    assert made["uptime"]["7d"] == {"before": 76 / 80, "after": 76 / 78}
    back = api(editor).post("/api/corrections", {"withdraws": made["correction"]["id"], "why": "Wrong day"}).json()
    assert back["uptime"]["7d"] == {"before": 76 / 78, "after": 76 / 80}
    assert figures(shop) == 76 / 80
    listed = api(editor).get(f"/api/corrections?monitor={shop.pk}").json()["results"]
    assert [(row["kind"], row["why"]) for row in listed] == [("withdrawal", "Wrong day"), ("maintenance", "Move")]


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "corrected"), [("false_alarm", 1.0), ("maintenance", 1.0), (None, 1 / 3)])
def test_the_last_hour_follows_as_well(
    api: Api, editor: User, make_monitor: MakeMonitor, kind: str | None, corrected: float
) -> None:
    monitor, now = make_monitor(regions=["usa"]), database_now()
    told = [Outcome.UP, Outcome.DOWN, Outcome.DOWN, Outcome.UNKNOWN]
    slots = [now - timedelta(minutes=10 * age + 5) for age in range(4)]
    results = [NewResult(monitor.pk, "usa", slot, slot, outcome) for slot, outcome in zip(slots, told, strict=True)]
    record(results, monitors=lock_monitors([monitor.pk]), now=now)
    if kind:
        asked = {"monitor": str(monitor.pk), "from": slots[3], "to": slots[0], "why": "x", "kind": kind}
        uptime = api(editor).post("/api/corrections", asked).json()["uptime"]["1h"]
        assert uptime == {"before": 1 / 3, "after": corrected}
    stats.compute([monitor.pk], now=now)
    assert stats_of(monitor).uptime_1h == corrected


@pytest.mark.django_db
def test_an_hour_whose_results_are_gone_is_corrected_by_the_part_that_is_covered(
    api: Api, editor: User, shop: Monitor
) -> None:
    now = database_now()
    whole = now.replace(minute=0, second=0, microsecond=0) - 5 * HOUR
    rollups.close(now=now, seconds=30)
    CheckResult.objects.filter(monitor=shop, slot__lt=now - 3 * HOUR).delete()
    asked = {"monitor": str(shop.pk), "from": whole - HOUR, "to": whole + 2 * HOUR, "why": "x", "kind": "false_alarm"}
    uptime = api(editor).post("/api/corrections", asked).json()["uptime"]["24h"]
    assert uptime == {"before": 76 / 80, "after": 1.0}


@pytest.mark.django_db
def test_an_incident_is_called_a_false_alarm(api: Api, editor: User, shop: Monitor) -> None:
    now = database_now()
    incident = Incident.objects.create(
        monitor=shop, started_at=now - 5 * HOUR, confirmed_at=now - 5 * HOUR, resolved_at=now - 4 * HOUR, cause={}
    )
    asked = {"incident": str(incident.pk), "kind": "false_alarm", "why": "It was our firewall"}
    answer = api(editor).post("/api/corrections", asked).json()
    assert answer["uptime"]["30d"] == {"before": 76 / 80, "after": 1.0}
    assert Correction.objects.get().incident == incident


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "why"),
        ({"why": "x"}, "monitor"),
        ({"why": "x", "monitor": "me", "kind": "false_alarm"}, "from"),
        ({"why": "x", "monitor": "me", "kind": "bad day", "from": -2, "to": -1}, "kind"),
        ({"why": "x", "monitor": "me", "kind": "maintenance", "from": -2, "to": 1}, "to"),
        ({"why": " ", "monitor": "me", "kind": "maintenance", "from": -2, "to": -1}, "why"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: Api, editor: User, make_monitor: MakeMonitor, given: dict[str, object], field: str
) -> None:
    now = database_now()
    asked = {name: now + timedelta(hours=hour) if isinstance(hour, int) else hour for name, hour in given.items()}
    if "monitor" in asked:
        asked["monitor"] = str(make_monitor().pk)
    answer = api(editor).post("/api/corrections", asked)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


@pytest.mark.django_db
def test_nobody_corrects_anothers_past(api: Api, stranger: User, viewer: User, shop: Monitor) -> None:
    now = database_now()
    asked = {"monitor": str(shop.pk), "from": now - 5 * HOUR, "to": now - 4 * HOUR, "why": "x", "kind": "maintenance"}
    assert api(stranger).post("/api/corrections", asked).status_code == 404
    assert api(viewer).post("/api/corrections", asked).status_code == 403
    assert not Correction.objects.exists()
