"""A result takes little room, says what it was told all the same, and results of before are left where they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from checks.models import CheckResult
from checks.selectors.results import Wanted, latest_results, newest_results
from checks.services import days, dispatch, ingest
from monitors.models import Monitor
from probes.contract import Outcome, Timings
from tests.checks.road import open_batches, report_on
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
DAY = datetime(2031, 6, 1, tzinfo=UTC)
TABLE = days.partition_name(days.RESULTS, DAY.date())
ROWS = 10_000

HTTP = Timings(dns=1.5, connect=9.25, first_byte=33.3, download=2.2, total=46.25)
HTTPS = Timings(dns=1.5, connect=9.25, tls=21.7, first_byte=33.3, download=2.2, total=67.95)


def sql(statement: str, *values: str | int | datetime) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def every_reading(monitor: Monitor) -> list[CheckResult]:
    """The only result of a monitor, by each way to it."""
    return [
        CheckResult.objects.get(monitor=monitor),
        *newest_results(monitor, Wanted(), limit=1),
        *latest_results(monitor),
    ]


# One real result, and its like for other seconds.
ALIKE = f"""
INSERT INTO {TABLE} SELECT (jsonb_populate_record(one, jsonb_build_object('slot', day + make_interval(secs => n)))).*
FROM checks_checkresult AS one, generate_series(1, %s) AS n, date_trunc('day', %s) AS day
"""  # noqa: S608 - the name of a partition


@pytest.mark.parametrize("region", ["usa", "india"])
@pytest.mark.parametrize("timings", [HTTP, HTTPS], ids=["http", "https"])
def test_a_packed_row_takes_less_than_160_bytes_with_its_key(
    make_monitor: MakeMonitor, region: str, timings: Timings
) -> None:
    make_monitor(wanted=True, regions=[region])
    dispatch.dispatch_wanted()
    answer: dict[str, Any] = {"http_status": 200, "body_bytes": 5_120, "remote_ip": "192.0.2.10"}
    ingest.ingest(report_on(open_batches()[0], timings_ms=timings, **answer))
    days.ensure_days({DAY.date()})
    sql(ALIKE, ROWS, DAY)
    sql(f"ALTER INDEX {TABLE}_pkey SET (fillfactor = 100)")
    sql(f"REINDEX INDEX {TABLE}_pkey")
    assert sql(f"SELECT count(*) FROM {TABLE}") == ROWS  # noqa: S608
    assert sql("SELECT pg_relation_size(%s) + pg_relation_size(%s)", TABLE, f"{TABLE}_pkey") / ROWS < 160


@pytest.mark.parametrize("late", [timedelta(milliseconds=250), timedelta(seconds=-2.5), timedelta(0)])
@pytest.mark.parametrize("timings", [HTTP, HTTPS, Timings(total=0.0), Timings()])
def test_a_result_says_what_it_was_told(make_monitor: MakeMonitor, late: timedelta, timings: Timings) -> None:
    monitor = make_monitor()
    told = result(monitor, DAY)._replace(checked_at=DAY + late, timings=timings)
    store_all([told], now=NOW)
    for kept in every_reading(monitor):
        assert (kept.checked_at, kept.reason, kept.message) == (DAY + late, None, "")
        assert kept.timings_ms == pytest.approx({name: getattr(timings, name) for name in kept.timings_ms})


def test_a_gap_that_is_noticed_after_two_months_is_stored(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    gap = result(monitor, DAY, None, Outcome.UNKNOWN)._replace(checked_at=DAY + timedelta(days=60), attempts=0)
    store_all([gap], now=NOW)
    assert CheckResult.objects.get(monitor=monitor).checked_at > DAY + timedelta(days=24)


# The table as it was, on which somebody's results lie.
AS_IT_WAS = """
ALTER TABLE checks_checkresult DROP COLUMN late_ms, ADD COLUMN checked_at timestamptz NOT NULL DEFAULT now()
"""
AN_OLD_ROW = """
INSERT INTO checks_checkresult (slot, checked_at, monitor_id, dns_ms, tls_ms, total_ms, region, outcome, reason)
VALUES (%(slot)s, %(slot)s + interval '0.25 s', %(monitor)s, 1.5, %(tls)s, 24, 'usa', 'up', NULL)
"""


@pytest.mark.parametrize("tls_ms", [None, 20.0])
def test_results_of_before_stay_where_they_are_and_can_be_read(make_monitor: MakeMonitor, tls_ms: float | None) -> None:
    monitor = make_monitor()
    sql(AS_IT_WAS)
    days.ensure_days({DAY.date()})
    with connection.cursor() as cursor:
        cursor.execute(AN_OLD_ROW, {"slot": DAY, "monitor": monitor.pk, "tls": tls_ms})
    file = sql("SELECT pg_relation_filenode(%s)", TABLE)
    sql(import_module("checks.migrations.0011_narrow_results").NARROW)
    assert sql("SELECT pg_relation_filenode(%s)", TABLE) == file
    for kept in every_reading(monitor):
        assert (kept.checked_at, kept.outcome, kept.reason, kept.total_ms) == (DAY, "up", None, 24.0)
        assert kept.timings_ms["tls"] == tls_ms
    store_all([result(monitor, DAY + timedelta(minutes=1))], now=NOW)
    days.ensure_days({DAY.date() + timedelta(days=1)})
    store_all([result(monitor, DAY + timedelta(days=1))], now=NOW)
    assert CheckResult.objects.filter(monitor=monitor).count() == 3
