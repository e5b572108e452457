"""``/metrics``: closed without its token, true with it, cheap, and named alike in ``deploy/``."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from checks.facts import CERTIFICATE
from checks.models import Fact
from checks.services import dispatch, ingest, store
from drills.models import Drill
from incidents.models import Incident
from meters import services as meters
from meters.models import Count
from meters.names import CHECKS
from monitors.models import Monitor
from probes.contract import LifeSign, Outcome, Reason
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor
from tests.storage.rows import result

pytestmark = pytest.mark.django_db


def samples(client: Client, token: str) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(item.name, *item.labels.values()): item.value for family in families for item in family.samples}


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic x", "Bearer \u00e4"])
def test_the_token_is_wanted(client: Client, header: str) -> None:
    answer = client.get("/metrics", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert b"uptime_" not in answer.content


def test_without_the_setting_there_is_no_such_page(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404


def test_it_tells_how_checking_goes(client: Client, settings: Settings, make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    before = samples(client, settings.METRICS_TOKEN)
    assert before["uptime_monitors", "pending"] == 1
    assert before["uptime_open_batches", "usa"] == 1
    assert before["uptime_region_online", "usa"] == 0
    ingest.life_sign(LifeSign("usa", "w1", "1", 32, sent_at=0.0).to_wire())
    answer_all(Outcome.DOWN)
    assert Incident.objects.count() == 1
    after = samples(client, settings.METRICS_TOKEN)
    assert after["uptime_monitors", "down"] == 1
    assert after["uptime_open_incidents",] == 1
    assert after["uptime_region_online", "usa"] == 1
    assert after["uptime_queue_messages", "results"] == 0


DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_checks_are_counted_once_by_what_they_found(
    client: Client,
    settings: Settings,
    make_monitor: MakeMonitor,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    meters.flush()
    monitor = make_monitor(wanted=True)
    with django_capture_on_commit_callbacks(execute=True):
        dispatch.dispatch_wanted()
        answer_all(Outcome.DOWN)
        answer_all(Outcome.DOWN)
        gap = result(monitor, monitor.created_at, outcome=Outcome.UNKNOWN, slots=7)
        store.store_new([gap._replace(reason=Reason.SCHEDULER_GAP, attempts=0)])
    meters.flush()
    told = samples(client, settings.METRICS_TOKEN)
    found = {key: value for key, value in told.items() if key[0] == "uptime_checks_total"}
    assert {key[1:] for key in found} == {("http", "down", "connect_refused", region) for region in ("usa", "india")}
    assert sum(found.values()) == monitor.results.filter(outcome="down").count()
    assert told["uptime_checks_not_made_total", "scheduler_gap", "usa"] == 7
    assert told["uptime_ingest_lag_seconds_count", "usa"] >= 1
    assert 0 <= told["uptime_ingest_lag_seconds_sum", "usa"] < 600


def test_counts_grow_and_wait_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    meters.flush()
    Count.objects.all().delete()
    for _ in range(2):
        meters._counts.add(("checks", "\x1f".join(("usa", "http", "up", "-"))), 3)
        meters.flush()
    with monkeypatch.context() as away:
        away.setattr(connection, "cursor", _no_database)
        meters._counts.add(("checks", "\x1f".join(("usa", "http", "up", "-"))), 1)
        meters.flush()
    meters.flush()
    assert [(count.labels, count.value) for count in Count.objects.all()] == [(["usa", "http", "up", "-"], 7)]


def _no_database() -> None:
    raise OperationalError("the server has gone")


def test_what_is_rolled_back_is_not_counted(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    meters.flush()
    with django_capture_on_commit_callbacks(execute=True), suppress(ZeroDivisionError), transaction.atomic():
        meters.add(CHECKS, "usa", "http", "up", "")
        raise ZeroDivisionError
    meters.flush()
    assert not Count.objects.exists()


def test_each_monitor_is_told_of_where_it_is_wanted_and_no_more_than_so_many(
    client: Client, settings: Settings, make_monitor: MakeMonitor
) -> None:
    for name in ("One", 'Two "quoted" \\', "Three"):
        make_monitor(name=name)
    Monitor.objects.update(status="up")
    assert not [key for key in samples(client, settings.METRICS_TOKEN) if key[0].startswith("uptime_monitor_")]
    settings.METRICS_PER_MONITOR = 2
    told = samples(client, settings.METRICS_TOKEN)
    found = [(key[2], value) for key, value in told.items() if key[0] == "uptime_monitor_up"]
    assert sorted(found) == sorted((monitor.name, 1) for monitor in Monitor.objects.order_by("created_at")[:2])


def test_the_certificate_that_runs_out_first_is_told_of(
    client: Client, settings: Settings, make_monitor: MakeMonitor
) -> None:
    settings.METRICS_PER_MONITOR = 100
    now, monitor = timezone.now(), make_monitor(name="Shop")
    make_monitor(name="Plain")
    for region, days, age in (("usa", 40, 1), ("india", 12, 1), ("india", 2, 9), ("elsewhere", 1, 1)):
        value = {"not_after": (now + timedelta(days=days)).isoformat()}
        Fact.objects.create(
            monitor=monitor, region=region, kind=CERTIFICATE, since=now - timedelta(days=age), value=value
        )
    told = samples(client, settings.METRICS_TOKEN)
    found = {key[2]: round(value) for key, value in told.items() if key[0] == "uptime_monitor_certificate_days"}
    assert found == {"Shop": 12}


def test_a_scrape_is_a_fixed_number_of_queries(client: Client, settings: Settings, make_monitor: MakeMonitor) -> None:
    settings.METRICS_PER_MONITOR = 100

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            samples(client, settings.METRICS_TOKEN)
        return len(captured)

    make_monitor()
    few = queries()
    for _ in range(10):
        make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    assert queries() == few <= 30


def test_dashboards_and_rules_name_what_there_is(client: Client, settings: Settings, make_monitor: MakeMonitor) -> None:
    """Every name that deploy/ asks for is told by a scrape, were it with no sample yet."""
    now, team = timezone.now(), make_monitor().team
    Drill.objects.create(
        team=team,
        key="k",
        interval=60,
        asked_at=now,
        fault_at=now,
        accepted_at=now + timedelta(seconds=9),
        ended_at=now,
    )
    text = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {settings.METRICS_TOKEN}").content.decode()
    told = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    told |= {f"{name}_{end}" for name in told for end in ("sum", "count")}
    rules = (DEPLOY / "prometheus" / "uptime.rules.yml").read_text()
    board = json.loads((DEPLOY / "grafana" / "uptime.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"uptime_\w+", "\n".join([*expressions, rules])))
    assert len(asked) > 20
    assert asked <= told
