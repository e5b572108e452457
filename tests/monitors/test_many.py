"""Doing the same to many monitors: who is done, who refuses and why, and that nobody else's is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Team, User
from monitors import rules, services
from monitors.models import Monitor
from monitors.rules import Action
from monitors.services import many
from tests.conftest import MakeMonitor

Api = Callable[..., APIClient]


def change(team: Team, action: Action, *monitors: Monitor, **said: Any) -> services.ManyChanged:
    changed = services.change_many(team=team, monitors=[monitor.pk for monitor in monitors], action=action, **said)
    for monitor in monitors:
        if action is not Action.DELETE:
            monitor.refresh_from_db()
    return changed


def test_pausing_and_resuming_is_what_it_is_for_one(team: Team, make_monitor: MakeMonitor) -> None:
    several = [make_monitor() for _ in range(3)]
    services.pause(several[0])
    version = Monitor.objects.get(pk=several[0].pk).config_version
    assert len(change(team, Action.PAUSE, *several).done) == 3
    assert {monitor.status for monitor in several} == {"paused"}
    assert several[0].config_version == version, "what is so already is left alone"
    change(team, Action.RESUME, *several)
    assert all(monitor.wanted_at and monitor.status == "pending" for monitor in several)


def test_tags_are_put_on_and_taken_off(team: Team, make_monitor: MakeMonitor) -> None:
    shop, full = make_monitor(tags=["eu"]), make_monitor(name="Full", tags=[f"t{at}" for at in range(20)])
    changed = change(team, Action.TAG, shop, full, tags=["prod"])
    assert (shop.tags, len(full.tags)) == (["eu", "prod"], 20)
    assert [(refusal.name, refusal.reason) for refusal in changed.refused] == [("Full", "tags: at most 20 tags")]
    change(team, Action.UNTAG, shop, full, tags=["eu", "t1"])
    assert (shop.tags, len(full.tags)) == (["prod"], 19)


def test_who_cannot_take_an_edit_is_named_and_the_others_are_done(team: Team, make_monitor: MakeMonitor) -> None:
    quick, slow = make_monitor(interval=60, timeout=5), make_monitor(name="Slow", interval=120, timeout=60)
    job = make_monitor(name="Backup", kind="heartbeat", url="", spec={"period": 3600, "grace": 60})
    changed = change(team, Action.EDIT, quick, slow, job, interval=60, policy={"confirmations": 3})
    assert (quick.rules.confirmations, quick.rules.retries) == (3, 2)
    assert changed.done == [quick.pk]
    assert {refusal.name: refusal.reason.partition(":")[0] for refusal in changed.refused} == {
        "Slow": "timeout",
        "Backup": "interval",
    }
    assert (slow.interval, job.rules.confirmations) == (120, 1)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Action.PAUSE, {}),
        (Action.TAG, {"tags": ["prod"]}),
        (Action.EDIT, {"regions": ["usa"], "interval": 300}),
        (Action.DELETE, {}),
    ],
)
def test_more_monitors_need_no_more_statements(
    team: Team, make_monitor: MakeMonitor, action: Action, said: dict[str, Any]
) -> None:
    def statements(count: int) -> int:
        several = [make_monitor(name=f"{count} {at}") for at in range(count)]
        with CaptureQueriesContext(connection) as seen:
            assert len(change(team, action, *several, **said).done) == count
        told = AuditEntry.objects.filter(name__startswith=f"{count} ").exclude(verb="created")
        assert (told.count(), len({entry.changes != {} for entry in told})) == (count, 1)
        return len(seen) - (count if action is not Action.DELETE else 0)  # ``change`` reads each again

    assert statements(2) == statements(12)


def test_more_than_one_transaction_holds(
    team: Team, make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "AT_ONCE", 2)
    several = [make_monitor() for _ in range(5)]
    assert len(change(team, Action.DELETE, *several).done) == 5
    assert not Monitor.objects.exists()


def test_what_another_team_has_is_as_unknown_as_what_never_was(
    team: Team, stranger: User, make_monitor: MakeMonitor
) -> None:
    foreign = make_monitor(team=stranger.memberships.get().team)
    never = uuid4()
    changed = services.change_many(team=team, monitors=[foreign.pk, never], action=Action.DELETE)
    assert {(refusal.id, refusal.name, refusal.reason) for refusal in changed.refused} == {
        (foreign.pk, "", "there is no such monitor in your team"),
        (never, "", "there is no such monitor in your team"),
    }
    assert Monitor.objects.filter(pk=foreign.pk).exists()


@pytest.mark.parametrize(
    ("action", "said", "field"),
    [
        (Action.PAUSE, {"monitors": 0}, "monitors"),
        (Action.PAUSE, {"monitors": 99}, "monitors"),
        (Action.PAUSE, {"tags": ["a"]}, "tags"),
        (Action.PAUSE, {"fields": {"interval": 60}}, "set"),
        (Action.TAG, {}, "tags"),
        (Action.TAG, {"tags": ["x" * 41]}, "tags"),
        (Action.EDIT, {}, "set"),
        (Action.EDIT, {"fields": {"name": "x"}}, "set"),
        (Action.EDIT, {"fields": {"timeout": 5}}, None),
        (Action.DELETE, {}, None),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_as_a_whole(
    action: Action, said: dict[str, Any], field: str | None
) -> None:
    problems = rules.bulk_problems(action, **{"tags": [], "fields": {}, "monitors": 1, "most": 10, **said})
    assert list(problems) == ([field] if field else [])


def test_the_service_refuses_what_the_rules_refuse(team: Team) -> None:
    with pytest.raises(ValidationError, match="choose at least one monitor"):
        services.change_many(team=team, monitors=[], action=Action.PAUSE)


def test_a_program_does_it_to_those_that_match(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    program = api(owner)
    shop, _blog = make_monitor(name="Shop", tags=["eu"]), make_monitor(name="Blog")
    answer = program.post("/api/monitor/bulk", {"action": "pause", "match": {"tag": ["eu"]}}, format="json")
    assert (answer.status_code, answer.json()) == (200, {"done": [str(shop.pk)], "refused": []})
    body = {"action": "edit", "monitors": [str(shop.pk)], "set": {"timeout": 60}}
    refused = program.post("/api/monitor/bulk", body, format="json").json()["refused"]
    assert [(item["name"], item["reason"].partition(":")[0]) for item in refused] == [("Shop", "timeout")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "pause"}, "monitors"),
        ({"action": "pause", "monitors": [], "match": {}}, "monitors"),
        ({"action": "explode", "match": {}}, "action"),
        ({"action": "pause", "match": {"nonsense": 1}}, "match"),
        ({"action": "edit", "match": {}, "set": {"name": "x"}}, "set"),
    ],
)
def test_a_program_is_told_what_is_wrong(
    api: Api, owner: User, make_monitor: MakeMonitor, body: dict[str, Any], field: str
) -> None:
    make_monitor()
    answer = api(owner).post("/api/monitor/bulk", body, format="json")
    assert answer.status_code == 400
    assert any(name.startswith(field) for name in answer.json()["fields"])


def test_a_viewer_changes_nothing_by_the_dozen(api: Api, viewer: User, make_monitor: MakeMonitor) -> None:
    make_monitor()
    assert api(viewer).post("/api/monitor/bulk", {"action": "delete", "match": {}}, format="json").status_code == 403
    assert Monitor.objects.count() == 1
