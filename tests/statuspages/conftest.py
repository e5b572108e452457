"""A page with two components, one of which stands for two monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Team
from checks.models import RollupDay
from monitors.models import Monitor
from statuspages import kept
from statuspages.models import Component, Section, StatusPage
from tests.conftest import MakeMonitor

MakePage = Callable[..., StatusPage]
SECRET_NAME = "internal-billing-db-7"


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """One test's pages are not the next one's."""
    yield
    kept._here.clear()
    kept._failed_at = float("-inf")


@pytest.fixture
def page(team: Team, shop: Monitor, make_monitor: MakeMonitor) -> StatusPage:
    page = StatusPage.objects.create(team=team, slug="acme", title="Acme", published=True)
    section = Section.objects.create(page=page, name="Behind the scenes", position=1)
    Component.objects.create(page=page, name="Shop", monitor=shop, position=1)
    for number in range(2):
        make_monitor(name=f"{SECRET_NAME}{number}", url=f"http://127.0.0.1:9/hidden{number}", tags=["billing"])
    Component.objects.create(page=page, section=section, name="Billing", source="tag", tag="billing", position=2)
    return page


@pytest.fixture
def shop(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name=SECRET_NAME, url="http://127.0.0.1:9/hidden")


def past_days(monitor: Monitor, days: Mapping[int, Mapping[str, int]]) -> datetime:
    """How many checks ended how, so many days ago. Gives the beginning of today."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for age, counts in days.items():
        RollupDay.objects.create(monitor=monitor, region="usa", bucket=today - timedelta(days=age), **counts)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE checks_rollupmark SET folded = %s, closing = %s", [today, today])
    return today


def seen(answer: Any) -> str:
    """What an answer says, once it is one."""
    assert answer.status_code == 200, (answer.status_code, answer.content[:300])
    return str(answer.content.decode())
