"""``/metrics``: closed without its token, true with it."""

from __future__ import annotations

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from checks.services import dispatch, ingest
from incidents.models import Incident
from probes.contract import LifeSign, Outcome
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor

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
