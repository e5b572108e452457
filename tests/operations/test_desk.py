"""The operators' desk: everything is found, a few things can be done, and no heavy table is counted or listed whole."""

from __future__ import annotations

import logging
import re
from datetime import datetime

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.desk import HeavyAdmin
from accounts.models import AuditEntry, User
from checks.models import CheckBatch, MonitorStats
from maintenance import services as maintenance
from monitors.models import Monitor, Region
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

FORBIDDEN = re.compile(r"COUNT\(|DISTINCT|checks_checkresult|checks_checkevidence")

SECRET = {"url": "http://127.0.0.1:9/shop", "headers": {"Authorization": "Bearer hush"}}
admin.autodiscover()  # as the first request does
HEAVY = sorted(model._meta.label_lower for model, desk in admin.site._registry.items() if isinstance(desk, HeavyAdmin))


@pytest.fixture
def office() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "four grey herons"))
    return client


def batch(key: str, *, now: datetime, state: str = "open") -> CheckBatch:
    return CheckBatch(
        id=key, region="usa", lane="slots", check_ids=[], patience_s=25, created_at=now, expires_at=now, state=state
    )


def act(office: Client, model: str, action: str, key: object) -> str:
    form = {"action": action, "_selected_action": [str(key)]}
    return office.post(reverse(f"admin:{model}_changelist"), form, follow=True).content.decode()


@pytest.mark.parametrize("label", HEAVY)
def test_a_heavy_list_is_never_counted(office: Client, make_monitor: MakeMonitor, label: str) -> None:
    monitor = make_monitor()
    store_all([result(monitor, timezone.now())], now=timezone.now())
    page = reverse("admin:" + label.replace(".", "_") + "_changelist")
    for asked in ({}, {"q": str(monitor.pk)}, {"q": "usa:slots"}, {"all": ""}, {"_facets": "True"}):
        with CaptureQueriesContext(connection) as queries:
            assert office.get(page, asked).status_code in {200, 302}
        for query in queries.captured_queries:
            assert not FORBIDDEN.search(query["sql"]), query["sql"]


def test_a_heavy_list_is_never_shown_whole(office: Client) -> None:
    now = timezone.now()
    CheckBatch.objects.bulk_create(batch(f"usa:slots:{number}:0", now=now) for number in range(60))
    with CaptureQueriesContext(connection) as queries:
        page = office.get(reverse("admin:checks_checkbatch_changelist"), {"all": ""}, follow=True).content.decode()
    assert page.count('name="_selected_action"') == 50
    read = [query["sql"] for query in queries.captured_queries if 'FROM "checks_checkbatch"' in query["sql"]]
    assert read
    assert all("LIMIT" in sql for sql in read)


def test_the_index_reads_no_result(office: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert office.get("/admin/").status_code == 200
    assert not [query for query in queries.captured_queries if "checks_" in query["sql"]]


@pytest.mark.parametrize("term", ["{id}", "{team}", "olga@example.com", "OLGA@example.com", "harbour", "0.0.1:9"])
def test_a_monitor_is_found(office: Client, make_monitor: MakeMonitor, owner: User, term: str) -> None:
    monitor = make_monitor(name="Harbour office", spec=SECRET)
    term = term.format(id=monitor.pk, team=monitor.team_id)
    page = office.get(reverse("admin:monitors_monitor_changelist"), {"q": term}).content.decode()
    assert "Harbour office" in page
    assert "hush" not in page
    nothing = office.get(reverse("admin:monitors_monitor_changelist"), {"q": "no such thing"}).content.decode()
    assert "Harbour office" not in nothing


def test_a_batch_is_found_by_the_beginning_of_its_id(office: Client) -> None:
    now = timezone.now()
    CheckBatch.objects.bulk_create(
        [batch("usa:slots:17:0", now=now, state="dead"), batch("usa:slots:18:0", now=now)],
    )
    page = office.get(reverse("admin:checks_checkbatch_changelist"), {"q": "usa:slots:17"}).content.decode()
    assert "usa:slots:17:0" in page
    assert "usa:slots:18:0" not in page
    page = office.get(reverse("admin:checks_checkbatch_changelist"), {"state__exact": "dead"}).content.decode()
    assert "usa:slots:18:0" not in page


def test_what_cannot_be_found_is_said(office: Client) -> None:
    page = office.get(reverse("admin:incidents_incident_changelist"), {"q": "shop"}).content.decode()
    assert "Look for: the id of an incident or of a monitor" in page


def test_monitors_are_paused_and_resumed(office: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    assert "1 monitors are paused" in act(office, "monitors_monitor", "pause", monitor.pk)
    assert Monitor.objects.get().paused
    act(office, "monitors_monitor", "resume", monitor.pk)
    assert not Monitor.objects.get().paused


def test_a_region_is_switched_by_the_same_road_as_by_the_command(office: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa"], fallback_regions=["india"])
    assert "sa is draining now" in act(office, "monitors_region", "drain", "usa")
    assert Monitor.objects.get(pk=monitor.pk).stand_ins == {"usa": "india"}
    act(office, "monitors_region", "disable", "usa")
    region = Region.objects.get(code="usa")
    assert (region.state, region.by_hand) == ("disabled", True)
    assert "nothing to drain" in act(office, "monitors_region", "drain", "usa")
    act(office, "monitors_region", "enable", "usa")
    assert Region.objects.get(code="usa").state == "online"
    told = AuditEntry.objects.filter(team_id=audit.INSTALLATION, object_id="usa").order_by("id")
    assert [(entry.verb, entry.actor) for entry in told] == [
        ("drained", "root@example.org"),
        ("disabled", "root@example.org"),
        ("enabled", "root@example.org"),
    ]
    page = office.get(reverse("admin:accounts_auditentry_changelist"), {"q": "operators"}).content.decode()
    assert page.count("root@example.org") >= 3


def test_what_is_deleted_here_goes_without_a_list_of_all_that_it_had(
    office: Client, make_monitor: MakeMonitor, owner: User, viewer: User
) -> None:
    monitor = make_monitor(name="Harbour office")
    team, now = monitor.team, timezone.now()
    store_all([result(monitor, now)], now=now)
    person = reverse("admin:accounts_user_delete", args=[owner.pk])
    assert "is the only owner of the team" in office.get(person).content.decode()
    office.post(person, {"post": "yes"})
    assert User.objects.filter(pk=owner.pk).exists()

    page = reverse("admin:accounts_team_delete", args=[team.pk])
    with CaptureQueriesContext(connection) as queries:
        asked = office.get(page).content.decode()
    assert "with all that belongs to it" in asked
    assert "Harbour office" not in asked
    assert not [query for query in queries.captured_queries if "monitors_monitor" in query["sql"]]
    office.post(page, {"post": "yes"})
    assert not Monitor.objects.exists()
    assert AuditEntry.objects.filter(team_id=team.pk, verb="deleted", actor="root@example.org").exists()
    log = office.get(reverse("admin:accounts_auditentry_changelist"), {"q": str(team.pk)}).content.decode()
    assert "deleted" in log

    office.post(person, {"post": "yes"})
    assert not User.objects.filter(pk=owner.pk).exists()


@pytest.mark.parametrize("path", ["monitors/monitor", "monitors/region", "accounts/auditentry", "maintenance/window"])
def test_what_is_a_team_s_or_for_ever_is_neither_made_nor_deleted_here(office: Client, path: str) -> None:
    assert office.get(f"/admin/{path}/add/").status_code == 403


def test_planned_work_is_worded_and_ended_here_and_planned_by_its_rules_elsewhere(
    office: Client, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor()
    window = maintenance.start_now(team=monitor.team, by=None, minutes=30, title="Deploy", everything=True)
    page = reverse("admin:maintenance_window_change", args=[window.pk])
    assert office.get(page).status_code == 200
    office.post(page, {"title": "Deploy 2", "note": "", "minutes": "0", "zone": "Mars/Base", "rule": "FREQ=SECONDLY"})
    window.refresh_from_db()
    assert (window.title, window.minutes, window.zone, window.rule) == ("Deploy 2", 30, "UTC", "")
    assert Monitor.objects.get().status == "maintenance"
    assert "1 windows are ended" in act(office, "maintenance_window", "stop", window.pk)
    assert Monitor.objects.get().status != "maintenance"
    assert "0 windows are ended" in act(office, "maintenance_window", "stop", window.pk)


def test_support_looks_at_a_team_without_being_it(
    office: Client, make_monitor: MakeMonitor, owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = make_monitor(name="<b>Harbour</b>", spec=SECRET)
    page = reverse("admin:checks_team")
    assert office.get(page).status_code == 200
    with caplog.at_level(logging.INFO, logger="checks.admin"):
        seen = office.get(page, {"q": owner.email}).content.decode()
    assert "&lt;b&gt;Harbour&lt;/b&gt;" in seen
    assert "hush" not in seen
    assert f"Support view of team {monitor.team_id}" in caplog.text
    assert "There is no such team" in office.get(page, {"q": "nobody@example.com"}).content.decode()
    assert office.post(page, {"q": owner.email}).status_code in {200, 403, 405}
    assert Monitor.objects.get().config_version == monitor.config_version


def test_support_needs_the_right_to_see_figures(owner: User) -> None:
    clerk = User.objects.create_user("clerk@example.org", "four grey herons", is_staff=True)
    client = Client()
    client.force_login(clerk)
    page = reverse("admin:checks_team")
    assert client.get(page, {"q": owner.email}).status_code == 403
    clerk.user_permissions.add(
        Permission.objects.get(codename="view_monitorstats", content_type__app_label=MonitorStats._meta.app_label)
    )
    assert client.get(page, {"q": owner.email}).status_code == 200
    client.force_login(owner)
    assert client.get(page).status_code == 302
