"""What the form of a monitor knows beside its address: every kind, the policy in words, parents and stand-ins."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from monitors.kinds import SPECS
from monitors.models import Monitor
from monitors.services import sync_regions
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well
from tests.dashboard.test_changes import TYPED

PLAIN = {name: value for name, value in TYPED.items() if not name.startswith("spec_") and name != "url"}
JOB = {
    "name": "Backup",
    "tags": "",
    "spec_zone": "UTC",
    "spec_grace": "300",
    "policy_alert_after_s": "0",
    "policy_flapping": "6",
    "policy_flapping_s": "1800",
}


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    all_is_well(*regions)
    return visit(owner)


def error_at(page: str, field: str) -> str:
    return page.partition(f'id="id_{field}_error">')[2].partition("</p>")[0]


def test_every_kind_is_offered_and_has_a_form(client: Client) -> None:
    chooser = client.get("/monitors/new/").content.decode()
    for kind in SPECS:
        assert f'href="?kind={kind}"' in chooser
        page = client.get(f"/monitors/new/?kind={kind}").content.decode()
        for field in SPECS[kind].describe():
            assert f'name="{"" if field.name == "url" else "spec_"}{field.name}"' in page
    assert 'name="url"' in client.get("/monitors/new/?kind=crystal-ball").content.decode()


@pytest.mark.parametrize(
    ("kind", "typed", "spec"),
    [
        ("tcp", {"spec_host": "127.0.0.1", "spec_port": "25"}, {"host": "127.0.0.1", "port": 25}),
        ("dns", {"spec_name": "localhost", "spec_record_type": "A"}, {"name": "localhost"}),
        ("tls", {"spec_host": "127.0.0.1", "spec_port": "443"}, {"host": "127.0.0.1"}),
        ("ping", {"spec_host": "127.0.0.1"}, {"host": "127.0.0.1"}),
    ],
)
def test_a_monitor_of_another_kind_is_made(
    client: Client, kind: str, typed: dict[str, str], spec: dict[str, Any]
) -> None:
    form = client.get(f"/monitors/new/?kind={kind}").context["form"]
    shown = {field.html_name: field.value() for field in form}
    usual = {name: value for name, value in shown.items() if value not in (None, "") and value is not False}
    answer = client.post(f"/monitors/new/?kind={kind}", usual | PLAIN | typed)
    assert answer.status_code == 302, answer.context["form"].errors
    monitor = Monitor.objects.get()
    assert (monitor.kind, monitor.spec) == (kind, spec)
    assert client.get(answer.headers["Location"]).status_code == 200


def test_what_a_kind_must_know_is_asked_for_at_once(client: Client) -> None:
    page = client.post("/monitors/new/?kind=tcp", PLAIN).content.decode()
    assert error_at(page, "spec_host")
    assert error_at(page, "spec_port")


# --- jobs ---


def test_a_job_is_made_and_its_page_says_how_it_reports(client: Client, visit: Visit, viewer: User) -> None:
    answer = client.post("/monitors/new/?kind=heartbeat", JOB | {"spec_cron": "30 2 * * *"})
    assert answer.status_code == 302, answer.context["form"].errors
    monitor = Monitor.objects.get()
    address = f"/monitors/{monitor.pk}/"
    page = client.get(address).content.decode()
    for words in (
        "Waiting for the first report",
        f"curl -fsS -m 10 --retry 5 -o /dev/null {monitor.ping_url}",
        f"30 2 * * * /path/to/job &amp;&amp; curl -fsS -m 10 --retry 5 -o /dev/null {monitor.ping_url}",
        f"{monitor.ping_url}/start",
        "It has not reported yet.",
    ):
        assert words in page
    assert "Check now" not in page
    assert str(monitor.ping_url) not in visit(viewer).get(address).content.decode()
    old = monitor.ping_url
    client.post(f"{address}ping-url/")
    monitor.refresh_from_db()
    assert str(old) not in client.get(address).content.decode()
    assert str(monitor.ping_url) in client.get(address).content.decode()


def test_what_a_job_said_is_on_its_page(client: Client) -> None:
    client.post("/monitors/new/?kind=heartbeat", JOB | {"spec_period": "3600"})
    monitor = Monitor.objects.get()
    client.post(f"/ping/{str(monitor.ping_url).rpartition('/')[2]}/3", "disk <full>", content_type="text/plain")
    page = client.get(f"/monitors/{monitor.pk}/").content.decode()
    assert "Fail (3)" in page
    assert "disk &lt;full&gt;" in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "spec_period"),
        ({"spec_period": "60", "spec_cron": "* * * * *"}, "spec_period"),
        ({"spec_cron": "nonsense"}, "spec_cron"),
        ({"spec_period": "60", "spec_zone": "Moon/Base"}, "spec_zone"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_at_its_field(
    client: Client, typed: dict[str, str], field: str
) -> None:
    page = client.post("/monitors/new/?kind=heartbeat", JOB | typed).content.decode()
    assert error_at(page, field)
    assert not Monitor.objects.exists()


def test_only_a_job_has_an_address_to_renew(client: Client, make_monitor: MakeMonitor) -> None:
    assert client.post(f"/monitors/{make_monitor().pk}/ping-url/").status_code == 404


# --- the policy ---


def test_the_policy_is_edited_and_said_in_words(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    edit = f"/monitors/{monitor.pk}/edit/"
    assert monitor.policy_sentence in client.get(edit).content.decode()
    both = TYPED | {"regions": ["usa", "india"]}
    typed = {"policy_confirmations": "3", "policy_quorum": "1", "policy_degraded_counts": "on"}
    assert client.post(edit, both | typed).status_code == 302
    monitor.refresh_from_db()
    rules = monitor.rules
    assert (rules.confirmations, rules.quorum, rules.degraded_counts) == (3, 1, True)
    assert monitor.policy_sentence in client.get(f"/monitors/{monitor.pk}/").content.decode()


def test_the_sentence_follows_what_is_typed_and_saves_nothing(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    edit = f"/monitors/{monitor.pk}/edit/"
    both = TYPED | {"regions": ["usa", "india"], "preview": "yes"}
    page = client.post(edit, both | {"policy_quorum": "1", "policy_confirmations": "4"}).content.decode()
    assert "1 of 2 regions fails 4 times in a row" in page
    page = client.post(edit, both | {"policy_confirmations": "99"}).content.decode()
    assert "as soon as the values above make sense" in page or error_at(page, "policy_confirmations")
    monitor.refresh_from_db()
    assert monitor.rules.confirmations == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("confirmations", "0"), ("quorum", "101"), ("retries", ""), ("flapping_s", "59"), ("alert_after_s", "soon")],
)
def test_a_policy_that_makes_no_sense_is_refused_at_its_field(
    client: Client, make_monitor: MakeMonitor, field: str, value: str
) -> None:
    monitor = make_monitor()
    page = client.post(f"/monitors/{monitor.pk}/edit/", TYPED | {f"policy_{field}": value}).content.decode()
    assert error_at(page, f"policy_{field}")
    assert "When it counts as down" in page


# --- family and stand-ins ---


def test_a_parent_is_chosen_and_circles_are_refused(client: Client, make_monitor: MakeMonitor) -> None:
    router, shop = make_monitor(name="Router"), make_monitor(name="Shop")
    client.post(f"/monitors/{shop.pk}/edit/", TYPED | {"parent": str(router.pk)})
    shop.refresh_from_db()
    assert shop.parent == router
    assert f'<a href="/monitors/{router.pk}/">Router</a>' in client.get(f"/monitors/{shop.pk}/").content.decode()
    page = client.post(f"/monitors/{router.pk}/edit/", TYPED | {"parent": str(shop.pk)}).content.decode()
    assert "depends on this one already" in error_at(page, "parent")
    client.post(f"/monitors/{shop.pk}/edit/", TYPED | {"parent": ""})
    shop.refresh_from_db()
    assert shop.parent is None


def test_regions_may_stand_in_and_keep_their_order(client: Client, make_monitor: MakeMonitor) -> None:
    sync_regions(["usa", "india", "japan", "chile"])
    monitor = make_monitor(regions=["usa"], fallback_regions=["chile", "japan"])
    edit = f"/monitors/{monitor.pk}/edit/"
    client.post(edit, TYPED | {"fallback_regions": ["japan", "chile"]})
    monitor.refresh_from_db()
    assert monitor.fallback_regions == ["chile", "japan"]
    client.post(edit, TYPED | {"fallback_regions": ["india"]})
    monitor.refresh_from_db()
    assert monitor.fallback_regions == ["india"]
    page = client.post(edit, TYPED | {"fallback_regions": ["usa"]}).content.decode()
    assert "checks this monitor already" in error_at(page, "fallback_regions")
