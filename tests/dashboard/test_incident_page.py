"""The page of an incident: why, what was seen, who was told, and what people do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from alerts.models import Delivery
from alerts.rules import State
from alerts.services import planning
from checks.models import CheckEvidence
from dashboard import timeline
from dashboard.selectors import choices
from dashboard.timeline import Told
from incidents.models import Correction, Incident, StatusChange
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    return visit(owner)


@pytest.fixture
def incident(make_monitor: MakeMonitor) -> Incident:
    monitor = tell(make_monitor(name="Shop"), usa="....xx", india="....xx")
    return Incident.objects.get(monitor=monitor)


def page_of(client: Client, incident: Incident, more: str = "") -> str:
    return client.get(f"/incidents/{incident.pk}/{more}").content.decode()


def test_it_says_why_in_words_and_shows_the_votes(client: Client, incident: Incident) -> None:
    page = page_of(client, incident)
    assert "usa and india failed 2 times in a row or more" in page
    assert "The same rules come to the same verdict" in page
    assert page.count(">2 times<") == 2
    assert "connection refused" in page


def test_a_vote_that_did_not_count_says_why(client: Client, incident: Incident) -> None:
    change = StatusChange.objects.get(happened_at=incident.confirmed_at)
    change.votes[0] |= {"excluded": "stale"}
    change.votes[1] |= {"excluded": "late"}
    change.save()
    page = page_of(client, incident)
    assert "it has said nothing since" in page
    assert "The check was not made: its time had passed." in page
    assert "The present rules would say" in page


def test_an_incident_whose_votes_are_gone_still_has_a_page(client: Client, incident: Incident) -> None:
    StatusChange.objects.all().delete()
    assert "not kept any more" in page_of(client, incident)


def test_the_first_failure_is_compared_with_the_last_good_check(client: Client, incident: Incident) -> None:
    seen = {
        "seen": {"dns": ["192.0.2.7"], "headers": {"server": "teapot"}, "body": "<h1>Sorry</h1>"},
        "redirects": [{"url": "http://a.example/", "status": 301, "location": "/b"}],
        "certificate": {"subject": "CN=shop", "days_left": -2, "chain": [{"subject": "CN=root"}]},
    }
    slot = incident.cause["usa"]["first_slot"]
    CheckEvidence.objects.create(monitor=incident.monitor, region="usa", slot=slot, seen=seen)
    page = page_of(client, incident)
    for words in ("192.0.2.7", "server: teapot", "&lt;h1&gt;Sorry", "http://a.example/", "CN=shop", "CN=root"):
        assert words in page
    assert "Compared with the last good check" in page
    assert "200 → –" in page  # noqa: RUF001


def test_the_timeline_joins_who_was_told(client: Client, incident: Incident) -> None:
    planning.plan(now=timezone.now())
    Delivery.objects.update(state=State.SENT, settled_at=timezone.now())
    page = page_of(client, incident)
    order = ["The first failure was seen", "Confirmed: it is down", "Told Mail to olga@example.com: Down"]
    assert sorted(order, key=page.index) == order
    assert f"/alerts/deliveries/{Delivery.objects.get().pk}/" in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("sent", "Told Ops: Down"),
        ("dead", "Ops could not be told: Down"),
        ("cancelled", "Ops need not be told: Down"),
        ("held", "Ops will be told: Down"),
        ("sending", "Ops is being told: Down"),
    ],
)
def test_every_state_of_a_message_has_its_sentence(state: str, words: str) -> None:
    incident = Incident()
    told = Told(incident.pk, "down", state, timezone.now(), "Ops", "why")
    line = timeline.of_message(told)
    assert (line.words, line.text) == (words, "" if state == "sent" else "why")


def test_acknowledge_note_close_and_open_again(client: Client, incident: Incident) -> None:
    def press(button: str, data: Any = None) -> str:
        return client.post(f"/incidents/{incident.pk}/{button}/", data, follow=True).content.decode()

    assert "olga@example.com takes care of it" in press("acknowledge")
    page = press("note", {"text": "the disk\nwas full"})
    assert "the disk\nwas full" in page
    assert "by olga@example.com" in page
    page = press("resolve")
    assert "Closed by hand while the site still fails." in page
    assert "Opened again" in press("reopen")
    incident.refresh_from_db()
    assert incident.resolved_at is None


def test_a_note_without_words_is_refused_at_its_field(client: Client, incident: Incident) -> None:
    page = client.post(f"/incidents/{incident.pk}/note/", {"text": "  "}).content.decode()
    assert 'id="id_text_error"' in page
    assert not incident.events.filter(kind="noted").exists()


def test_what_comes_too_late_is_said(client: Client, incident: Incident) -> None:
    Incident.objects.update(resolved_at=timezone.now(), recovered_at=timezone.now())
    for button in ("acknowledge", "reopen"):
        page = client.post(f"/incidents/{incident.pk}/{button}/", follow=True).content.decode()
        assert 'class="notice error"' in page


def test_a_false_alarm_shows_uptime_before_and_after(client: Client, incident: Incident) -> None:
    Incident.objects.update(resolved_at=timezone.now(), recovered_at=timezone.now())
    before = page_of(client, incident, "correct/")
    assert "False alarm" in before
    assert "100 %" in before
    address = f"/incidents/{incident.pk}/correct/"
    page = client.post(address, {"kind": "false_alarm", "why": "our own network"}, follow=True).content.decode()
    assert "Corrected. Uptime over 1 hour: " in page
    assert "100 % now" in page
    assert "our own network" in page
    correction = Correction.objects.get()
    assert correction.actor is not None

    back = {"withdraw": "yes", "back-correction": str(correction.pk), "back-why": "it was not"}
    page = client.post(address, back, follow=True).content.decode()
    assert "Taken back. Uptime over 1 hour: 100 % before" in page
    assert "Taken back: it was not" in page


@pytest.mark.parametrize(
    ("data", "field"),
    [({"kind": "false_alarm"}, "why"), ({"kind": "joke", "why": "x"}, "kind"), ({"withdraw": "yes"}, "back-why")],
)
def test_a_correction_that_makes_no_sense_is_refused(
    client: Client, incident: Incident, data: dict[str, str], field: str
) -> None:
    Correction.objects.create(
        monitor=incident.monitor,
        incident=incident,
        kind="maintenance",
        starts_at=incident.started_at,
        ends_at=timezone.now(),
        why="x",
    )
    page = client.post(f"/incidents/{incident.pk}/correct/", data).content.decode()
    assert f'id="id_{field}_error"' in page
    assert Correction.objects.count() == 1


def test_the_list_is_filtered(
    client: Client, incident: Incident, make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tell(make_monitor(name="Blog"), usa="..xx", india="..xx")
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Incident.objects.filter(monitor=other).update(resolved_at=an_hour_ago, recovered_at=an_hour_ago)
    assert listed(client, "") == {"Shop", "Blog"}
    assert listed(client, "?open=yes") == {"Shop"}
    assert listed(client, f"?monitor={other.pk}") == {"Blog"}
    assert listed(client, f"?open=yes&monitor={other.pk}") == set()
    assert listed(client, "?monitor=nonsense") == {"Shop", "Blog"}
    monkeypatch.setattr(choices, "MOST_MONITORS", 1)
    assert listed(client, f"?monitor={incident.monitor_id}") == {"Shop"}


def listed(client: Client, query: str) -> set[str]:
    return {incident.monitor.name for incident in client.get(f"/incidents/{query}").context["page"].object_list}


def test_a_long_story_costs_as_many_queries_as_a_short_one(
    client: Client, incident: Incident, django_assert_max_num_queries: Any, owner: User
) -> None:
    for number in range(30):
        incident.events.create(kind="noted", happened_at=timezone.now(), note=str(number), actor=owner)
    with django_assert_max_num_queries(16):
        page_of(client, incident)
    assert Monitor.objects.count() == 1


def test_the_page_is_live_without_touching_a_note_that_is_being_written(client: Client, incident: Incident) -> None:
    live = f"/incidents/{incident.pk}/live/"
    first = client.get(live)
    assert f'data-etag="{first.headers["ETag"].strip(chr(34))}"' in page_of(client, incident)
    again = {"If-None-Match": first.headers["ETag"]}
    assert client.get(live, headers=again).status_code == 304
    client.post(f"/incidents/{incident.pk}/note/", {"text": "Looking"})
    noted = client.get(live, headers=again)
    assert "Looking" in noted.content.decode()
    assert "<textarea" not in noted.content.decode()
    planning.plan(now=timezone.now())
    told = client.get(live, headers={"If-None-Match": noted.headers["ETag"]})
    delivery = Delivery.objects.get()
    assert f'href="/alerts/deliveries/{delivery.pk}/"' in told.content.decode()
    Delivery.objects.update(state=State.SENT, settled_at=timezone.now())
    assert client.get(live, headers={"If-None-Match": told.headers["ETag"]}).status_code == 200
