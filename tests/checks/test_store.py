"""Storing results: whichever road a result takes, the rules have the last word on what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checks.models import CheckResult, MonitorStats
from checks.services import store
from incidents import rules
from incidents.models import RegionState
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import Outcome, Reason
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def unknown(monitor: Monitor, reason: Reason, slot: datetime = NOW) -> store.NewResult:
    return result(monitor, slot, None, Outcome.UNKNOWN)._replace(reason=reason, attempts=0, message="not made")


KNOWN: dict[str, Any] = {"outcome": Outcome.UP, "streak": 7, "since": ago(500), "slot": ago(60)}
STATES: list[dict[str, Any]] = [
    KNOWN,
    KNOWN | {"slot": ago(900)},
    KNOWN | {"slot": ago(-60)},
    KNOWN | {"message": "slow, but up", "outcome": Outcome.DEGRADED, "reason": Reason.SLOW_RESPONSE},
    KNOWN | {"outcome": Outcome.DOWN, "reason": Reason.CONNECT_REFUSED, "message": "nobody listens"},
    KNOWN | {"silence": Reason.BACKPRESSURE, "silent_slot": ago(30)},
    KNOWN | {"slot": ago(900), "silence": Reason.BACKPRESSURE, "silent_slot": ago(30)},
    KNOWN | {"silence": Reason.LATE, "silent_slot": ago(-30)},
    {"silence": Reason.LATE, "silent_slot": ago(30)},
]


@pytest.mark.parametrize("status", [Status.UP, Status.UNKNOWN, Status.PARTIAL])
@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("seen", ["up", Reason.BACKPRESSURE, Reason.LATE])
def test_a_state_is_folded_as_the_rules_say(
    make_monitor: MakeMonitor, status: Status, before: dict[str, Any], seen: str
) -> None:
    monitor = make_monitor(regions=["usa", "india"])
    Monitor.objects.filter(pk=monitor.pk).update(status=status, status_since=ago(1_000))
    state = rules.RegionState("usa", **before)
    RegionState.of(monitor, state).save()
    row = result(monitor, NOW) if seen == "up" else unknown(monitor, Reason(seen))
    store_all([row], now=NOW)
    expected = rules.observe(state, rules.Observation(row.region, row.slot, row.outcome, row.reason, row.message))
    assert RegionState.objects.get(monitor=monitor, region="usa").as_rule() == expected


def test_checks_left_out_where_nothing_changes_by_it_cost_no_verdict_each(make_monitor: MakeMonitor) -> None:
    monitors = [make_monitor(regions=["usa"]) for _ in range(5)]
    Monitor.objects.update(status=Status.UP, status_since=ago(1_000))
    for monitor in monitors:
        RegionState.of(monitor, rules.RegionState("usa", **KNOWN)).save()
    with CaptureQueriesContext(connection) as one:
        store_all([unknown(monitors[0], Reason.BACKPRESSURE)], now=NOW)
    with CaptureQueriesContext(connection) as many:
        store_all([unknown(monitor, Reason.BACKPRESSURE, NOW + timedelta(seconds=9)) for monitor in monitors], now=NOW)
    assert not any("StatusChange" in query["sql"] or "incidents_incident" in query["sql"] for query in many)
    assert len(many) <= len(one)
    assert CheckResult.objects.count() == 6
    assert MonitorStats.objects.filter(fresh=False).count() == 5


def test_a_message_comes_back_as_it_was_written(make_monitor: MakeMonitor) -> None:
    """Through COPY, which gives a meaning of their own to some of these."""
    words = 'tab\t, line\n, return\r, slash \\, \\N, \\., quote " and \u00e4\U0001f600'
    store_all([result(make_monitor(), NOW)._replace(message=words, reason=Reason.SLOW_RESPONSE)], now=NOW)
    assert CheckResult.objects.get().message == words
