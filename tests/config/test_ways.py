"""The command and the API: who may, where variables come from, and what a script is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError
from rest_framework.test import APIClient

from accounts.models import Team, User
from alerts.models import Channel
from monitors.models import Monitor
from tests.config.conftest import SECRETS, example
from tests.operations.running import run, run_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]

ApiFor = Callable[..., APIClient]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "uptime.yaml"
    path.write_text(example())
    return path


def test_a_plan_ends_with_two_when_something_would_change(file: Path, team: Team, owner: User, tmp_path: Path) -> None:
    whose = ("--team", owner.email)
    with pytest.raises(SystemExit) as ended:
        run("config", "plan", str(file), *whose)
    assert ended.value.code == 2
    assert not Monitor.objects.exists()
    said = run("config", "apply", str(file), "--team", team.name)
    assert "+ monitors.shop  Shop\n" in said
    assert "Plan: 17 to create, 0 to update, 0 to delete." in said
    for secret in SECRETS.values():
        assert secret not in said
    assert "Nothing to change" in run("config", "plan", str(file), "--team", str(team.pk))
    again = tmp_path / "again.yaml"
    again.write_text(run("config", "export", *whose))
    assert "Nothing to change" in run("config", "plan", str(again), *whose, "--prune")
    assert run_json("config", "schema")["required"] == ["version"]


def test_a_refusal_names_path_and_line(file: Path, owner: User) -> None:
    file.write_text(example().replace("interval: 60", "interval: 5"))
    with pytest.raises(CommandError, match=r"monitors.shop.interval: must be from 60 to 86400 seconds \(line 14\)"):
        run("config", "apply", str(file), "--team", owner.email)
    file.write_text("a: [")
    with pytest.raises(CommandError, match=r"uptime.yaml: line \d"):
        run("config", "apply", str(file), "--team", owner.email)
    for wrong in ([], ["--team", "Nobody's"], ["--team", "nobody@example.com"]):
        with pytest.raises(CommandError, match="team"):
            run("config", "export", *wrong)


def test_what_is_the_servers_own_is_never_filled_in(file: Path, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the-servers-own")
    text = "version: 1\nmonitors: {a: {url: http://a.example/, spec: {headers: {X: '${SECRET_KEY}'}}}}\n"
    file.write_text(text)
    with pytest.raises(CommandError, match=r"monitors.a.spec.headers.X: the variable SECRET_KEY is not set"):
        run("config", "apply", str(file), "--team", owner.email)
    secrets = file.with_name("secrets")
    secrets.write_text("# ours\nSECRET_KEY = from the file\n")
    run("config", "apply", str(file), "--team", owner.email, "--secrets", str(secrets))
    assert Monitor.objects.get().full_spec["headers"] == {"X": "from the file"}


def test_the_api_plans_applies_and_exports(file: Path, owner: User, api: ApiFor) -> None:
    client = api(owner)
    body: dict[str, Any] = {"yaml": example(), "variables": SECRETS}
    planned = client.post("/api/config/plan", body).json()
    assert planned["changed"]
    assert {change["verb"] for change in planned["changes"]} == {"create"}
    assert client.post("/api/config/apply", body).json() == planned
    assert client.post("/api/config/apply", body).json()["changes"] == []
    exported = client.get("/api/config/export")
    assert exported["Content-Type"].startswith("application/yaml")
    assert exported.content.startswith(b"# yaml-language-server: $schema=http")
    as_json = client.get("/api/config/export?as=json").json()
    assert yaml.safe_load(exported.content) == as_json
    assert client.post("/api/config/plan", {"config": as_json, "delete": "all"}).json()["changed"] is False
    assert api().get("/api/config/schema").json()["title"].startswith("Uptime")


@pytest.mark.parametrize("query", ["as=xml", "ids=no"])
def test_an_export_in_an_unknown_way_is_refused(query: str, owner: User, api: ApiFor) -> None:
    answer = api(owner).get(f"/api/config/export?{query}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [query.partition("=")[0]])


def test_the_api_never_reads_the_servers_environment(file: Path, owner: User, api: ApiFor) -> None:
    """``file`` has set the variables in it."""
    answer = api(owner).post("/api/config/apply", {"yaml": example()})
    assert answer.status_code == 400
    assert "SLACK_URL is not set" in answer.json()["fields"]["channels.ops.settings.url"][0]
    assert not Channel.objects.filter(kind="slack").exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"yaml": "a: [", "variables": {}},
        {"yaml": "version: 1", "config": {}},
        {"config": {"version": 1, "monitors": {"a": {"spec": {"url": {"a": []}}}}}},
        {"config": {"version": 1, "monitors": {"a": {"policy": [], "tags": "x", "id": 5, "parent": {}}}}},
        {"config": {"version": 1, "status_pages": {"a": {"sections": [], "components": {"b": []}, "colours": 3}}}},
        {"config": {"version": 1, "rules": {"a": {"events": [[]], "escalation": {}, "quiet_hours": []}}}},
        {"config": {"version": 1, "channels": {"a": {"kind": ["slack"], "settings": {"url": ["x"]}}}}},
        {
            "config": {
                "version": 1,
                "monitors": {"a": {"kind": "http", "spec": {"headers": ["${A}"], "body": {"a": 1}}}},
            }
        },
        {"yaml": "version: 1", "variables": {"A": None}},
        {"yaml": "version: 1", "delete": "some"},
    ],
)
def test_any_nonsense_is_a_clear_400(body: dict[str, Any], owner: User, api: ApiFor) -> None:
    answer = api(owner).post("/api/config/plan", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["fields"]
