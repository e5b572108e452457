"""From a file to monitors: once, twice, in part, not at all; by command and by the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Team, User
from imports import services
from imports.models import ImportedObject
from imports.rules import Action
from imports.services import Plan
from monitors import services as monitors
from monitors.models import Monitor
from tests.imports.files import HERE, export, kuma_2

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


def bring(team: Team, source: str, data: bytes, **how: Any) -> Plan:
    return services.apply(team=team, source=source, export=services.read(source, data), **how)


def actions(plan: Plan) -> dict[str, str]:
    return {item.name: item.action.value for item in plan.items}


def test_a_preview_says_what_an_import_does_and_leaves_nothing(team: Team) -> None:
    found = services.read("kuma", export("kuma-1.23.json"))
    plan = services.preview(team=team, source="kuma", export=found)
    assert not Monitor.objects.exists()
    assert not ImportedObject.objects.exists()
    assert not AuditEntry.objects.filter(kind="monitor").exists()
    assert actions(plan) == actions(services.apply(team=team, source="kuma", export=found))
    assert plan.counts == {"create": 6, "update": 0, "unchanged": 0, "skip": 3}


def test_new_monitors_are_in_shadow_and_private_addresses_are_named(team: Team) -> None:
    plan = bring(team, "kuma", export("kuma-1.23.json"))
    reasons = {item.name: item.reason for item in plan.items if item.action is Action.SKIP}
    assert "192.168.1.1" in reasons["Router"]
    assert set(reasons) == {"Router", "Container", "Must be closed"}
    assert Monitor.objects.count() == 6
    assert not Monitor.objects.filter(shadow=False).exists()
    shop = Monitor.objects.get(name="Shop")
    assert shop.full_spec["headers"]["X-Api-Key"] == "k3y-of-the-shop"
    assert "k3y-of-the-shop" not in json.dumps(shop.spec)
    blog = Monitor.objects.get(name="Blog says hello")
    assert (blog.paused, blog.interval) == (True, 60)
    losses = next(item.losses for item in plan.items if item.name == blog.name)
    assert "its interval of 20 s: 60 s is the nearest that is allowed here" in losses


def test_the_second_time_it_updates_what_is_another(team: Team) -> None:
    bring(team, "kuma", export("kuma-1.23.json"))
    shop = Monitor.objects.get(name="Shop")
    monitors.update_monitor(shop, regions=["india"])
    ids = set(Monitor.objects.values_list("pk", flat=True))
    again = bring(team, "kuma", export("kuma-1.23.json"))
    assert [item.changes for item in again.items if item.changes] == []
    assert again.counts == {"create": 0, "update": 0, "unchanged": 6, "skip": 3}

    changed = export("kuma-1.23.json").replace(b"shop.example.com/health", b"shop.example.com/alive")
    changed = changed.replace(b"k3y-of-the-shop", b"another-key").replace(b'"name": "Mail"', b'"name": "Post"')
    third = bring(team, "kuma", changed, shadow=False)
    assert third.counts == {"create": 0, "update": 2, "unchanged": 4, "skip": 3}
    differences = {item.name: item.changes for item in third.items if item.changes}
    assert differences["Post"] == {"name": ["Mail", "Post"]}
    assert differences["Shop"]["spec.url"] == ["https://shop.example.com/health", "https://shop.example.com/alive"]
    assert "another-key" not in str(differences)
    assert differences["Shop"]["secrets"] == ["********", "********"]
    assert set(Monitor.objects.values_list("pk", flat=True)) == ids
    shop.refresh_from_db()
    assert (shop.regions, shop.shadow) == (["india"], True)  # of what the file does not speak, nothing changes
    assert shop.full_spec["headers"]["X-Api-Key"] == "another-key"


def test_the_database_of_kuma_updates_what_its_backup_made(team: Team, tmp_path: Path) -> None:
    bring(team, "kuma", export("kuma-1.23.json"))
    assert actions(bring(team, "kuma", kuma_2(tmp_path))) == {
        "Shop": "unchanged",
        "Mail": "unchanged",
        "Depth": "create",
    }


def test_two_installations_and_two_teams_do_not_meet(team: Team) -> None:
    others = Team.objects.create_personal(User.objects.create_user("o@example.com"))
    for whose, origin in ((team, ""), (team, "berlin"), (others, "")):
        assert bring(whose, "healthchecks", export("healthchecks.json"), origin=origin).number(Action.CREATE) == 2
    assert Monitor.objects.for_team(team).count() == 4


def test_what_was_deleted_here_is_made_again(team: Team) -> None:
    bring(team, "healthchecks", export("healthchecks.json"))
    monitors.delete_monitor(Monitor.objects.get(name="Backup"))
    assert actions(bring(team, "healthchecks", export("healthchecks.json")))["Backup"] == "create"


def test_an_id_that_comes_twice_counts_once(team: Team) -> None:
    row = {"friendly_name": "A", "url": "https://a.example.com/", "type": 1, "id": 1, "interval": 300}
    plan = bring(team, "uptimerobot", json.dumps({"monitors": [row, row, row | {"id": ""}]}).encode())
    assert [item.action.value for item in plan.items] == ["create", "skip", "skip"]


@pytest.mark.parametrize(
    ("source", "created", "skipped"),
    [
        ("gatus", 7, {"socket", "secret-host", "pushed"}),
        ("uptimerobot", 5, {"Something new"}),
        ("betterstack", 4, {"Checkout"}),
        ("pingdom", 4, {"Syslog"}),
        ("blackbox", 5, {"10.0.0.5", "rpc.example.com:50051"}),
        ("healthchecks", 2, {"Systemd"}),
    ],
)
def test_every_tool_can_be_left(team: Team, source: str, created: int, skipped: set[str]) -> None:
    file = next(path for path in sorted(HERE.iterdir()) if path.stem == source and path.suffix != ".csv")
    plan = bring(team, source, file.read_bytes())
    assert {item.name for item in plan.items if item.action is Action.SKIP} == skipped
    assert plan.number(Action.CREATE) == created
    again = bring(team, source, file.read_bytes())
    assert {item.action for item in again.items} <= {Action.UNCHANGED, Action.SKIP}, "the same file changes nothing"
    assert again.number(Action.UNCHANGED) == created


# --- ways in ---


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_the_command_shows_then_does(team: Team) -> None:
    words = ["import", "kuma", str(HERE / "kuma-1.23.json"), "--team", team.name]
    shown = run(*words, "--dry-run")
    assert "6 create, 0 update, 0 unchanged, 3 skip. Nothing was changed." in shown
    assert not Monitor.objects.exists()
    told = json.loads(run(*words, "--json"))
    assert told["counts"]["create"] == Monitor.objects.count() == 6
    assert "k3y-of-the-shop" not in json.dumps(told)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["kuma", "/nowhere", "--team", "T"], "could not be read"),
        (["kuma", str(HERE / "gatus.yaml"), "--team", "T"], "file: The file is not JSON"),
        (["kuma", str(HERE / "kuma-1.23.json"), "--team", "Nobody's"], "There is no team"),
    ],
)
def test_the_command_says_what_is_wrong(team: Team, words: list[str], complaint: str) -> None:
    Team.objects.filter(pk=team.pk).update(name="T")
    with pytest.raises(CommandError, match=complaint):
        run("import", *words)


def test_the_api_previews_and_applies(api: Callable[..., APIClient], owner: User) -> None:
    content, program = export("uptimerobot.json").decode(), api(owner)
    shown = program.post("/api/imports", {"source": "uptimerobot", "content": content}, format="json")
    assert (shown.status_code, shown.json()["applied"]) == (200, False)
    assert {item["monitor"] for item in shown.json()["items"]} == {None}
    assert not Monitor.objects.exists()
    file = SimpleUploadedFile("export.json", content.encode())
    done = program.post("/api/imports", {"source": "uptimerobot", "file": file, "apply": "true"}, format="multipart")
    assert done.json()["counts"]["create"] == Monitor.objects.count() == 5


@pytest.mark.parametrize("form", ["json", "multipart"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_the_api_takes_what_one_setting_allows(
    form: str, headers: dict[str, str], api: Callable[..., APIClient], owner: User
) -> None:
    large = export("uptimerobot.json") + b" " * 3_000_000
    what = {"content": large.decode()} if form == "json" else {"file": SimpleUploadedFile("export.json", large)}
    said = {"source": "uptimerobot", **what}
    assert api(owner).post("/api/imports", said, format=form, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"source": "nagios", "content": "x"}, "source"),
        ({"source": "kuma"}, "file"),
        ({"source": "kuma", "content": "{}"}, "file"),
        ({"source": "kuma", "content": '{"monitorList": []}'}, "file"),
    ],
)
def test_the_api_names_the_field(api: Callable[..., APIClient], owner: User, said: dict[str, Any], field: str) -> None:
    answer = api(owner).post("/api/imports", said, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_bounds_are_said_with_the_setting(team: Team, settings: Settings) -> None:
    settings.IMPORT_MAX_MONITORS = 3
    with pytest.raises(Exception, match="IMPORT_MAX_MONITORS"):
        services.read("kuma", export("kuma-1.23.json"))
    with pytest.raises(Exception, match="IMPORT_MAX_MB"):
        services.read("kuma", b" " * (settings.IMPORT_MAX_MB * 1_048_576 + 1))
