"""Drills, trying a policy on the past, and copies of a monitor: the pages' part of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from dashboard.forms.monitor import MonitorForm
from drills.models import Drill
from monitors import services
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell

SECOND = timedelta(seconds=1)


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    return visit(owner)


def test_a_drill_is_begun_watched_and_remembered(client: Client) -> None:
    assert "None so far." in client.get("/alerts/drills/").content.decode()
    page = client.post("/alerts/drills/", follow=True).content.decode()
    assert "The drill has begun." in page
    assert 'data-poll="1"' in page
    assert "is under way; wait" in client.post("/alerts/drills/", follow=True).content.decode()
    live = client.get("/alerts/drills/live/")
    known = {"If-None-Match": live.headers["ETag"]}
    assert client.get("/alerts/drills/live/", headers=known).status_code == 304
    Drill.objects.update(fault_at=timezone.now() + 30 * SECOND)
    ahead = client.get("/alerts/drills/live/", headers=known)
    assert ahead.status_code == 304, "that the fault was chosen is no news: it lies ahead"
    fault = timezone.now() - 60 * SECOND
    about = {"failed_at": 5, "confirmed_at": 9, "queued_at": 10, "accepted_at": 11.5}
    Drill.objects.update(fault_at=fault, **{name: fault + seconds * SECOND for name, seconds in about.items()})
    assert ">The target fails.<" in client.get("/alerts/drills/live/", headers=known).content.decode()
    Drill.objects.update(ended_at=timezone.now(), problem="<b>No channel</b>")
    page = client.get("/alerts/drills/").content.decode()
    assert "told after 11.5 s" in page
    assert "&lt;b&gt;No channel" in page
    assert 'data-poll="10"' in page
    one = client.get(f"/alerts/drills/{Drill.objects.get().pk}/").content.decode()
    assert [f"{seconds} s</td>" in one for seconds in ("5.0", "9.0", "10.0", "11.5")] == [True] * 4


def test_a_viewer_begins_none(visit: Visit, viewer: User, regions: list[str]) -> None:
    assert "Begin a drill" not in visit(viewer).get("/alerts/drills/").content.decode()
    assert visit(viewer).post("/alerts/drills/").status_code == 403


def filled_in(monitor: Monitor, **policy: object) -> dict[str, object]:
    form = MonitorForm(monitor.team, monitor=monitor)
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    typed = {name: value for name, value in values.items() if value is not None and value is not False}
    return typed | {f"policy_{name}": value for name, value in policy.items()} | {"backtest": "yes"}


def test_a_policy_is_tried_on_the_past_before_it_is_saved(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="." * 10 + "xxxx....", india="." * 10 + "xxxx....")
    address = f"/monitors/{monitor.pk}/edit/"
    stricter = client.post(address, filled_in(monitor, confirmations=6)).content.decode()
    assert "With these values, over the last 30 days" in stricter
    assert "<strong>Not told of any more</strong>" in stricter
    assert (
        "<strong>Told of later</strong>" in client.post(address, filled_in(monitor, alert_after_s=90)).content.decode()
    )
    assert "Nothing would have been otherwise." in client.post(address, filled_in(monitor)).content.decode()
    assert "Mend the values above first." in client.post(address, filled_in(monitor, confirmations=0)).content.decode()
    monitor.refresh_from_db()
    assert monitor.rules.confirmations == 2


def test_a_copy_is_paused_and_keeps_the_secrets_to_itself(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(
        name="Shop", tags=["eu"], interval=300, policy={"confirmations": 3}, regions=["usa"],
        spec={"url": "http://127.0.0.1:9/", "headers": {"X-Key": "hush-hush"}},
    )  # fmt: skip
    page = client.post(f"/monitors/{monitor.pk}/clone/", follow=True).content.decode()
    copy = Monitor.objects.exclude(pk=monitor.pk).get()
    assert (copy.name, copy.paused, copy.tags, copy.interval) == ("Shop (copy)", True, ["eu"], 300)
    assert (copy.regions, copy.rules.confirmations) == (["usa"], 3)
    assert copy.full_spec == monitor.full_spec
    assert "hush-hush" not in page
    job = services.create_monitor(team=monitor.team, kind="heartbeat", spec={"period": 3600})
    twin = services.clone_monitor(job, name="Job too")
    assert (twin.paused, twin.ping_key == job.ping_key) == (True, False)
