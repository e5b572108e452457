"""What people do about an incident: acknowledge, note, close, reopen; and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from incidents.models import Incident, IncidentEvent, StatusChange
from monitors.models import Monitor
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.incidents.world import Clock, all_say, events_of, say

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
Post = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(make_monitor: MakeMonitor, clock: Clock) -> Monitor:
    monitor = make_monitor(name="Shop")
    Monitor.objects.update(status_since=clock.now)
    all_say(clock, Outcome.UP, monitor)
    all_say(clock, Outcome.DOWN, monitor)
    return monitor


@pytest.fixture
def post(api: Api, editor: User, shop: Monitor) -> Post:
    """Do something about the first incident; gives the status and the answer."""
    path = f"/api/incidents/{Incident.objects.get().pk}"

    def do(action: str, **body: object) -> tuple[int, dict[str, object]]:
        response = api(editor).post(f"{path}/{action}", body)
        return response.status_code, response.json()

    return do


def test_it_is_acknowledged_once(post: Post, shop: Monitor, editor: User) -> None:
    for _ in range(2):
        status, body = post("acknowledge")
        assert (status, body["acknowledged_by"]) == (200, editor.email)
    assert events_of(shop) == ["opened", "acknowledged"]


def test_what_is_resolved_cannot_be_acknowledged(post: Post, shop: Monitor, clock: Clock) -> None:
    all_say(clock, Outcome.UP, shop)
    status, body = post("acknowledge")
    assert (status, body["code"]) == (409, "overtaken")
    assert "resolved already" in str(body["detail"])


def test_notes_are_kept_and_a_repeated_one_is_one(post: Post, shop: Monitor, editor: User) -> None:
    for text in ("Looking at it", "Looking at it", "Found it"):
        status, body = post("notes", text=text)
        assert status == 200
    events: list[dict[str, object]] = body["events"]  # type: ignore[assignment]
    assert [(each["actor"], each["note"]) for each in events if each["kind"] == "noted"] == [
        (editor.email, "Looking at it"),
        (editor.email, "Found it"),
    ]


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "  "}, {"text": "x" * 2_001}, {"words": "hello"}])
def test_a_note_needs_words(post: Post, body: dict[str, str]) -> None:
    status, answer = post("notes", **body)
    assert (status, answer["code"]) == (400, "invalid")


def test_closed_by_hand_it_stays_closed_while_the_site_goes_on_failing(
    post: Post, shop: Monitor, clock: Clock, editor: User
) -> None:
    status, body = post("resolve")
    assert (status, body["resolved_by"], body["recovered_at"]) == (200, editor.email, None)
    assert post("resolve")[0] == 200
    assert events_of(shop) == ["opened", "resolved"]
    all_say(clock, Outcome.DOWN, shop, times=5)
    for _ in range(4):
        say(clock, shop, usa=Outcome.UNKNOWN, india=Outcome.UNKNOWN, after_s=60)
    all_say(clock, Outcome.DOWN, shop)
    shop.refresh_from_db()
    assert (shop.status, Incident.objects.count()) == ("down", 1)  # the status is honest, and nobody is told again
    all_say(clock, Outcome.UP, shop)
    shop.refresh_from_db()
    assert (shop.status, events_of(shop)) == ("up", ["opened", "resolved"])
    assert Incident.objects.get().recovered_at == clock.now
    all_say(clock, Outcome.DOWN, shop)
    assert Incident.objects.count() == 2


def test_it_is_reopened_while_the_site_fails(post: Post, shop: Monitor, clock: Clock) -> None:
    post("acknowledge")
    post("resolve")
    for _ in range(2):
        status, body = post("reopen")
        assert (status, body["resolved_at"], body["acknowledged_at"]) == (200, None, None)
    assert events_of(shop) == ["opened", "acknowledged", "resolved", "reopened"]
    all_say(clock, Outcome.UP, shop)
    assert events_of(shop)[-1] == "resolved"


def test_what_has_recovered_is_not_reopened(post: Post, shop: Monitor, clock: Clock) -> None:
    all_say(clock, Outcome.UP, shop)
    status, body = post("reopen")
    assert (status, body["code"]) == (409, "overtaken")
    assert "recovered since" in str(body["detail"])


@pytest.mark.parametrize("action", ["acknowledge", "notes", "resolve", "reopen"])
def test_a_viewer_may_not(action: str, api: Api, viewer: User, shop: Monitor) -> None:
    answer = api(viewer).post(f"/api/incidents/{Incident.objects.get().pk}/{action}", {"text": "x"})
    assert answer.status_code == 403
    assert events_of(shop) == ["opened"]


def test_it_explains_itself(api: Api, viewer: User, shop: Monitor) -> None:
    incident = Incident.objects.get()
    told = api(viewer).get(f"/api/incidents/{incident.pk}/explain").json()
    assert told["sentence"] == (
        "It is down when both regions fail twice in a row; usa and india failed 2 times in a row or more."
    )
    assert told["votes"][0].startswith("usa: connect_refused, 2 times in a row,")
    assert (told["before"], told["verdict"], told["again"], told["same"]) == ("up", "down", "down", True)
    assert told["policy"] == shop.policy


def test_it_says_so_when_the_same_rules_decide_otherwise(api: Api, viewer: User, shop: Monitor) -> None:
    opening = StatusChange.objects.get(after="down")
    opening.votes[0]["excluded"] = "region_suspect"
    opening.save()
    told = api(viewer).get(f"/api/incidents/{Incident.objects.get().pk}/explain").json()
    assert (told["again"], told["same"]) == ("unknown", False)
    assert "usa had no vote" in told["sentence"]
    assert "many unrelated sites" in told["votes"][0]


def test_votes_that_were_stored_by_an_earlier_version_are_explained(api: Api, viewer: User, shop: Monitor) -> None:
    opening = StatusChange.objects.get(after="down")
    for vote in opening.votes:
        del vote["strict"], vote["good_slot"], vote["stands_in_for"]
    opening.policy = {"confirmations": 2, "quorum": None, "retries": 2}
    opening.save()
    assert api(viewer).get(f"/api/incidents/{Incident.objects.get().pk}/explain").json()["same"] is True


def test_a_verdict_that_is_not_stored_any_more_is_not_made_up(api: Api, viewer: User, shop: Monitor) -> None:
    StatusChange.objects.all().delete()
    assert api(viewer).get(f"/api/incidents/{Incident.objects.get().pk}/explain").status_code == 404


def test_the_timeline_begins_with_the_suspicion(api: Api, viewer: User, shop: Monitor) -> None:
    incident = Incident.objects.get()
    body = api(viewer).get(f"/api/incidents/{incident.pk}").json()
    assert [event["kind"] for event in body["events"]] == ["suspected", "opened"]
    first = IncidentEvent.objects.get(kind="suspected")
    assert first.happened_at == incident.started_at < incident.confirmed_at
    assert first.planned_at is not None
    assert timezone.now() - incident.started_at < timedelta(hours=2)
