"""Badges as the public gets them, and as a team switches them on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from checks.models import Fact, MonitorStats, RollupDay
from monitors.models import Monitor
from statuspages.models import MonitorBadge
from statuspages.services import badges
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    monitor = make_monitor(name="Shop <b>&")
    Monitor.objects.filter(pk=monitor.pk).update(status="up")
    figures = {"uptime_30d": 0.9995, "avg_response_time_24h": 123.4}
    MonitorStats.objects.update_or_create(pk=monitor.pk, defaults=figures)
    return monitor


@pytest.fixture
def shared(monitor: Monitor) -> MonitorBadge:
    return badges.share(monitor, label="Shop")


def message(client: Client, shared: MonitorBadge, name: str) -> str:
    said: str = client.get(f"/badge/{shared.token}/{name}.json").json()["message"]
    return said


def test_a_badge_as_a_picture(client: Client, shared: MonitorBadge) -> None:
    response = client.get(f"/badge/{shared.token}/uptime-30d.svg")
    root = ElementTree.fromstring(response.content)  # noqa: S314 - our own words
    assert root.get("aria-label") == "Shop uptime 30d: 99.95 %"
    headers = response.headers
    assert headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "max-age=60" in headers["Cache-Control"]
    assert not response.cookies
    again = client.get(f"/badge/{shared.token}/uptime-30d.svg", headers={"If-None-Match": headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Content-Security-Policy"] == headers["Content-Security-Policy"]


def test_a_badge_for_shields(client: Client, shared: MonitorBadge) -> None:
    said = client.get(f"/badge/{shared.token}/response-24h.json").json()
    assert {name: said[name] for name in ("schemaVersion", "label", "message")} == {
        "schemaVersion": 1,
        "label": "Shop response 24h",
        "message": "123 ms",
    }
    assert said["color"].startswith("#")


def test_sums_of_a_year(client: Client, shared: MonitorBadge) -> None:
    day = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for ago, up, down in ((40, 90, 10), (300, 100, 0), (400, 0, 1000)):
        RollupDay.objects.create(
            monitor_id=shared.monitor_id,
            region="usa",
            bucket=day - timedelta(days=ago),
            up=up,
            down=down,
            timed=up,
            sum_ms=up * 50.0,
        )
    assert message(client, shared, "uptime-1y") == "95.00 %"
    assert message(client, shared, "response-1y") == "50 ms"
    assert message(client, shared, "response-90d") == "50 ms"


def test_what_may_not_be_seen_is_not_there(client: Client, shared: MonitorBadge) -> None:
    """Never shared, unknown, switched off, revoked, replaced: one and the same answer."""
    old = shared.token

    def ask(token: str, name: str = "status.svg") -> tuple[int, bytes, dict[str, str]]:
        response = client.get(f"/badge/{token}/{name}")
        headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
        return response.status_code, response.content, headers

    unknown = ask("no-such-token")
    assert unknown[0] == 404
    assert ask(old)[0] == 200
    assert ask(old, "uptime-2d.svg") == unknown
    badges.renew_token(shared)
    assert ask(old) == unknown
    assert ask(shared.token)[0] == 200
    badges.share(shared.monitor, enabled=False)
    assert ask(shared.token) == ask(shared.token, "status.json") == unknown
    badges.share(shared.monitor, enabled=True)
    assert ask(shared.token)[0] == 200
    badges.revoke(shared.monitor)
    assert ask(shared.token) == unknown
    assert ask(str(shared.monitor_id)) == unknown


def test_the_certificate_that_ends_first_of_those_seen_at_present(client: Client, shared: MonitorBadge) -> None:
    assert message(client, shared, "certificate") == "unknown"
    now = timezone.now()
    for region, ago, days in (("usa", 2, 1), ("usa", 1, 80), ("india", 3, 12), ("gone", 1, 2)):
        until = (now + timedelta(days=days, hours=1)).isoformat()
        since = now - timedelta(hours=ago)
        Fact.objects.create(
            monitor=shared.monitor, region=region, kind="certificate", since=since, value={"not_after": until}
        )
    assert message(client, shared, "certificate") == "12 days"


def test_an_editor_switches_them_on_a_viewer_does_not(
    client: Client, monitor: Monitor, editor: User, viewer: User
) -> None:
    page = f"/monitors/{monitor.pk}/share/"
    client.force_login(viewer)
    assert client.post(page, {"do": "on", "label": "Shop"}).status_code == 403
    assert b"Switch badges on" not in client.get(page).content
    client.force_login(editor)
    assert b"Shop &lt;b&gt;&amp;" in client.get(page).content  # the label that is offered
    client.post(page, {"do": "on", "label": "My [shop] <b>"})
    shown = client.get(page + "?badge=status").content.decode()
    token = MonitorBadge.objects.get().token
    assert f"/badge/{token}/status.svg" in shown
    assert "![My \\[shop\\] \\&lt;b\\&gt; status]" in shown
    assert "<b>" not in shown
    client.post(page, {"do": "renew"})
    assert MonitorBadge.objects.get().token != token
    client.post(page, {"do": "off"})
    assert MonitorBadge.objects.get().enabled is False
    client.post(page, {"do": "revoke"})
    assert not MonitorBadge.objects.exists()
    verbs = AuditEntry.objects.filter(team_id=monitor.team_id, verb__startswith="badge").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "badges shared",
        "badge addresses renewed",
        "badges switched off",
        "badges revoked",
    ]


def test_a_program_does_the_same(api: Api, monitor: Monitor, owner: User, stranger: User) -> None:
    path, program = f"/api/monitor/{monitor.pk}/badges", api(owner)
    assert program.get(path).json() == {"enabled": False, "label": "", "urls": None}
    assert program.post(f"{path}/renew").status_code == 404
    on = program.put(path, {"label": "Shop"}).json()
    assert on["enabled"] is True
    assert on["urls"]["uptime-1y"].startswith("http://testserver/badge/")
    assert len(on["urls"]) == 12
    assert program.get(path).json() == on
    assert program.post(f"{path}/renew").json()["urls"] != on["urls"]
    assert program.put(path, {"label": "x" * 61}).json()["fields"].keys() == {"label"}
    assert api(stranger).get(path).status_code == 404
    assert program.delete(path).status_code == 204
    assert program.get(path).json()["urls"] is None
