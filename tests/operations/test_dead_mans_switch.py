"""The dead man's switch: pinged while all is well, silent otherwise, by the guard, and its address in no log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from checks.services import ingest
from operations.services import say_all_is_well
from probes.contract import LifeSign
from tests.alerts.sinks import Sink, http_sink, status

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Settings) -> Iterator[Sink]:
    with http_sink() as sink:
        settings.HEARTBEAT_URL = f"{sink.url}/canary-token"
        yield sink


def all_is_well(regions: list[str]) -> None:
    for region in regions:
        ingest.life_sign(LifeSign(region, "w", "1", 32, sent_at=timezone.now().timestamp()).to_wire())


def test_it_pings_while_all_is_well(sink: Sink, regions: list[str]) -> None:
    all_is_well(regions)
    assert say_all_is_well()
    assert [one.path for one in sink.received] == ["/hook/canary-token"]


def test_it_is_silent_while_a_region_is(sink: Sink, regions: list[str], caplog: pytest.LogCaptureFixture) -> None:
    all_is_well(regions[:1])
    assert not say_all_is_well()
    assert sink.received == []
    assert "regions is failing" in caplog.text


def test_who_does_not_take_it_is_logged_without_the_address(
    sink: Sink, regions: list[str], caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    all_is_well(regions)
    sink.answers.append(status(302, Location="http://169.254.169.254/"))
    assert not say_all_is_well()
    assert len(sink.received) == 1
    settings.HEARTBEAT_URL = "http://169.254.169.254/canary-token"
    assert not say_all_is_well()
    assert "answered with 302" in caplog.text
    assert "address_blocked" in caplog.text
    assert "canary" not in caplog.text


def test_without_an_address_nothing_is_asked(settings: Settings) -> None:
    settings.HEARTBEAT_URL = ""
    assert not say_all_is_well()
