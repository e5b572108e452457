"""Changing a monitor: forms that keep what was typed, and buttons that do one thing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from dashboard.forms.monitor import MonitorForm
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well, tell

TYPED: dict[str, Any] = {
    "name": "Shop",
    "url": "http://127.0.0.1:9/cart",
    "interval": "300",
    "timeout": "5",
    "regions": ["usa"],
    "tags": "prod, eu ,",
    "spec_method": "GET",
    "spec_ip_family": "any",
    "spec_follow_redirects": "on",
    "spec_max_redirects": "5",
    "spec_verify_tls": "on",
    "spec_expected_status": "200-399",
    "policy_confirmations": "2",
    "policy_retries": "2",
    "policy_freshness": "2",
    "policy_alert_after_s": "0",
    "policy_flapping": "6",
    "policy_flapping_s": "1800",
}


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    all_is_well(*regions)
    return visit(owner)


def test_a_monitor_is_made_with_everything_said_at_once(client: Client) -> None:
    answer = client.post(
        "/monitors/new/", TYPED | {"spec_body_contains": "Welcome", "spec_headers": "X-A: 1\nX-B: b:c"}
    )
    monitor = Monitor.objects.get()
    assert answer.headers["Location"] == f"/monitors/{monitor.pk}/"
    assert (monitor.name, monitor.interval, monitor.timeout) == ("Shop", 300, 5)
    assert (monitor.regions, monitor.tags) == (["usa"], ["eu", "prod"])
    assert monitor.full_spec == {
        "url": "http://127.0.0.1:9/cart",
        "body_contains": "Welcome",
        "headers": {"X-A": "1", "X-B": "b:c"},
    }


@pytest.mark.parametrize(("typed", "shown"), [("500", "500"), ("99.5", "99.5")])
def test_milliseconds_stay_as_they_were_typed(client: Client, typed: str, shown: str) -> None:
    client.post("/monitors/new/", TYPED | {"spec_max_response_ms": typed})
    monitor = Monitor.objects.get()

    assert repr(monitor.full_spec["max_response_ms"]) == shown
    assert f'value="{shown}"' in client.get(f"/monitors/{monitor.pk}/edit/").content.decode()


def test_the_form_of_a_new_monitor_can_be_begun_elsewhere(client: Client) -> None:
    assert 'value="https://example.com"' in client.get("/monitors/new/?url=https://example.com").content.decode()


def test_editing_shows_what_is_set_and_saves_what_is_typed(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Old", spec={"url": "http://127.0.0.1:9/", "expected_status": "204"}, tags=["a", "b"])
    address = f"/monitors/{monitor.pk}/edit/"
    page = client.get(address).content.decode()
    assert 'value="Old"' in page
    assert 'value="204"' in page
    assert 'value="a, b"' in page
    assert '<option value="60" selected>1 min</option>' in page
    assert client.post(address, TYPED).headers["Location"] == f"/monitors/{monitor.pk}/"
    monitor.refresh_from_db()
    assert monitor.name == "Shop"
    assert monitor.spec == {"url": "http://127.0.0.1:9/cart", "expected_status": "200-399"}


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("url", "", "This field is required."),
        ("url", "http://169.254.169.254/latest", ""),
        ("timeout", "61", "60"),
        ("interval", "7", "7"),
        ("regions", ["mars"], "mars"),
        ("regions", [], "This field is required."),
        ("tags", "x" * 41, "from 1 to 40 characters"),
        ("spec_expected_status", "teapot", ""),
        ("spec_body_matches", "(", ""),
        ("spec_headers", "no colon here", "is not a header"),
        ("spec_headers", "Host: elsewhere", "cannot be set"),
        ("spec_json_assertions", "{not json", "is not a JSON object"),
        ("spec_max_response_ms", "0", "1"),
    ],
)
def test_a_refusal_stands_at_its_field_and_what_was_typed_stays(
    client: Client, make_monitor: MakeMonitor, field: str, value: Any, complaint: str
) -> None:
    monitor = make_monitor(name="Old")
    answer = client.post(f"/monitors/{monitor.pk}/edit/", TYPED | {field: value})
    page = answer.content.decode()
    assert answer.status_code == 200
    error = page.partition(f'id="id_{field}_error">')[2].partition("</p>")[0]
    assert error
    assert complaint in error
    assert 'value="Shop"' in page
    assert "Nothing was saved" in page
    monitor.refresh_from_db()
    assert monitor.name == "Old"


def test_all_that_is_wrong_is_said_at_once_and_shown(client: Client, make_monitor: MakeMonitor) -> None:
    wrong = {"timeout": "61", "spec_expected_status": "teapot"}
    page = client.post(f"/monitors/{make_monitor().pk}/edit/", TYPED | wrong).content.decode()
    assert 'id="id_timeout_error"' in page
    assert 'id="id_spec_expected_status_error"' in page
    assert '<details class="more" open>' in page


def test_the_timeout_must_be_smaller_than_the_interval(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(interval=60)
    answer = client.post(f"/monitors/{monitor.pk}/edit/", TYPED | {"interval": "60", "timeout": "60"})
    assert "Must be smaller than the interval" in answer.content.decode()


def test_a_saved_secret_is_never_shown_but_kept_changed_or_removed(client: Client, make_monitor: MakeMonitor) -> None:
    headers = {"Authorization": "Bearer canary-1234"}
    monitor = make_monitor(spec={"url": "http://127.0.0.1:9/", "headers": headers, "body": "canary-5678"})
    edit = f"/monitors/{monitor.pk}/edit/"
    for address in (edit, f"/monitors/{monitor.pk}/"):
        assert "canary" not in client.get(address).content.decode()
    client.post(edit, TYPED | {"spec_headers": "Authorization: ********\nX-More: yes", "spec_body": "********"})
    monitor.refresh_from_db()
    assert monitor.full_spec["headers"] == headers | {"X-More": "yes"}
    assert monitor.full_spec["body"] == "canary-5678"
    client.post(edit, TYPED | {"spec_body": "new"})
    monitor.refresh_from_db()
    assert "headers" not in monitor.full_spec
    assert monitor.full_spec["body"] == "new"


def test_saving_unchanged_changes_nothing(client: Client, make_monitor: MakeMonitor) -> None:
    spec = {
        "url": "http://127.0.0.1:9/",
        "method": "post",
        "ip_family": "ipv4",
        "verify_tls": False,
        "max_redirects": 0,
        "expected_status": "200-399",
        "body": "canary",
    }
    monitor = make_monitor(spec=spec, tags=["a"])
    before = dict(Monitor.objects.values().get())
    form = MonitorForm(monitor.team, monitor=monitor)
    typed = {
        field.html_name: field.value() for field in form if field.value() is not None and field.value() is not False
    }
    assert client.post(f"/monitors/{monitor.pk}/edit/", typed).status_code == 302
    after = dict(Monitor.objects.values().get())
    assert {name for name in before if before[name] != after[name]} == {"updated_at"}


def test_a_kind_without_an_address_is_edited_by_its_own_fields(client: Client, make_monitor: MakeMonitor) -> None:
    spec = {"name": "localhost", "expected": ["127.0.0.1"]}
    monitor = make_monitor()
    Monitor.objects.filter(pk=monitor.pk).update(kind="dns", spec=spec)
    page = client.get(f"/monitors/{monitor.pk}/edit/").content.decode()
    assert 'name="url"' not in page
    assert 'name="spec_name" value="localhost"' in page
    typed = TYPED | {
        "name": "DNS",
        "spec_name": "localhost",
        "spec_record_type": "A",
        "spec_expected": "127.0.0.1\n127.0.0.2",
    }
    client.post(f"/monitors/{monitor.pk}/edit/", typed)
    monitor.refresh_from_db()
    assert (monitor.name, monitor.spec["expected"]) == ("DNS", ["127.0.0.1", "127.0.0.2"])


def test_pause_and_resume(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..", india="..")
    page = client.post(f"/monitors/{monitor.pk}/pause/", follow=True).content.decode()
    assert "Paused. It is not checked until you resume it." in page
    monitor.refresh_from_db()
    assert monitor.paused
    page = client.post(f"/monitors/{monitor.pk}/resume/", follow=True).content.decode()
    assert "Checking from usa, india" in page
    monitor.refresh_from_db()
    assert not monitor.paused


def test_check_now_asks_and_says_whom(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..", india="..")
    page = client.post(f"/monitors/{monitor.pk}/check/", follow=True).content.decode()
    assert "Asked usa and india for a check now." in page
    assert 'data-poll="1"' in page
    monitor.refresh_from_db()
    assert monitor.wanted_at


def test_deleting_asks_first(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="Shop")
    address = f"/monitors/{monitor.pk}/delete/"
    assert "Delete Shop?" in client.get(address).content.decode()
    assert Monitor.objects.exists()
    assert "Shop is deleted." in client.post(address, follow=True).content.decode()
    assert not Monitor.objects.exists()
