"""What runs us elsewhere: images, compose, the chart, units; read and compared with the code, as far as that goes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django import Settings

from probes import worked
from tests.operations.running import ROOT
from uptime import reference

CHART = ROOT / "deploy" / "helm" / "uptime"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
OPENING, CLOSING = re.compile(r"\{\{-? *(?:define|range|if|with)\b"), re.compile(r"\{\{-? *end\b")
TMP = "/tmp"  # noqa: S108 - of a container
KNOWN = {*reference.SERVER, *reference.REGION, *reference.TRACES}


def test_the_servers_image_gets_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    wanted = packages - {"bench", "onebox", "tests"}  # which are for one's own machine
    given = (ROOT / ".dockerignore").read_text().split()
    assert {f"!{app}" for app in wanted} | {"!probes", "!templates", "!gunicorn.conf.py", "!manage.py"} <= set(given)


# --- compose ---


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def test_our_containers_are_confined_and_say_whether_they_work(compose: dict[str, Any]) -> None:
    ours = {name: service for name, service in compose["services"].items() if "build" in service}
    assert {"web", "beat", "worker", "alerts", "migrate", "worker-usa", "worker-india"} <= set(ours)
    for name, service in ours.items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert megabytes_of_tmp(service), name
        assert "healthcheck" in service or name == "migrate", name


def test_an_import_finds_room_twice(compose: dict[str, Any], settings: Settings) -> None:
    assert megabytes_of_tmp(compose["services"]["web"]) >= 2 * settings.IMPORT_MAX_MB


def megabytes_of_tmp(service: dict[str, Any]) -> int:
    """How much memory what is written to /tmp may take."""
    [only] = service["tmpfs"]
    return int(only.removeprefix(f"{TMP}:size=").removesuffix("m"))


def test_each_region_is_a_profile_and_cannot_reach_the_database(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if region := service.get("environment", {}).get("REGION"):
            assert service["profiles"] == [region]
            assert "inside" not in service["networks"]
            assert not {"DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"} & set(service["environment"]), name


def test_compose_hands_on_all_that_is_read_and_nothing_else(compose: dict[str, Any]) -> None:
    dialling = {"PROBE_ALLOWED_NETWORKS", "PROBE_CA_FILE", "PROBE_NAMESERVERS"}
    of_make_run, of_the_image, told_apart_by_host = {"ONEBOX", "DEMO_SITE_URL"}, {"WORK_FILE"}, {"WORKER_ID"}
    assert set(compose["services"]["web"]["environment"]) == (
        reference.SERVER.keys() - of_make_run | dialling | reference.TRACES.keys()
    )
    wanted = reference.REGION.keys() - of_the_image - told_apart_by_host | reference.TRACES.keys()
    assert set(compose["services"]["worker-usa"]["environment"]) == wanted


def test_the_example_names_what_is_read_and_nothing_else() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    of_compose = {"COMPOSE_PROFILES", "OTEL", "WEB_LISTEN", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert named <= KNOWN | of_compose | {"REGION_KEY_USA"}
    required = re.findall(r"\$\{([A-Z_]+):?\?", (ROOT / "docker-compose.yml").read_text())
    assert set(required) <= named


# --- the chart ---


def test_the_chart_renders() -> None:
    if not shutil.which("helm"):
        pytest.skip("there is no helm here; the files are checked by themselves below")
    shown = subprocess.run(["helm", "template", "up", str(CHART)], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert sum(each["kind"] == "Deployment" for each in yaml.safe_load_all(shown.stdout) if each) == 6


@pytest.mark.parametrize("path", sorted((CHART / "templates").iterdir()), ids=lambda path: path.name)
def test_a_template_is_well_formed(path: Path) -> None:
    text = path.read_text()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert len(OPENING.findall(text)) == len(CLOSING.findall(text))
    assert text.count("{{") == len(re.findall(r"\{\{.*?\}\}", text, re.DOTALL))
    for dotted in re.findall(r"\.Values\.([A-Za-z.]+)", text):
        found = values
        for name in dotted.split("."):
            assert name in found, f"{dotted} is not in values.yaml"
            found = found[name]
    defined = set(re.findall(r'define "([^"]+)"', (CHART / "templates" / "_helpers.tpl").read_text()))
    assert set(re.findall(r'include "([^"]+)"', text)) <= defined
    if path.suffix == ".yaml":
        for each in yaml.safe_load_all(_without_actions(text)):
            assert {"apiVersion", "kind", "metadata"} <= each.keys()


def test_the_chart_names_settings_that_there_are_and_confines_every_container() -> None:
    named = re.findall(r'^  "([A-Z_]+)" ', (CHART / "templates" / "_helpers.tpl").read_text(), re.MULTILINE)
    assert "SITE_URL" in named
    assert set(named) <= KNOWN
    for name, count in {"web": 1, "workers": 3, "regions": 1, "migrate": 1}.items():
        text = (CHART / "templates" / f"{name}.yaml").read_text()
        assert text.count('include "uptime.containerSecurity"') == text.count('include "uptime.podSecurity"') == count
    regions = (CHART / "templates" / "regions.yaml").read_text()
    assert "secretRef" not in regions, "a region gets the broker's address and none of the server's secrets"


def _without_actions(text: str) -> str:
    """Lines that only decide something are gone, and what is filled in is a word."""
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\s*\{\{-.*\}\}", line)]
    return re.sub(r"\{\{.*?\}\}", "word", "\n".join(lines))


# --- systemd ---


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_confined_and_starts_what_compose_starts(unit: Path, compose: dict[str, Any]) -> None:
    text = unit.read_text()
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "User=uptime"} <= set(text.splitlines())
    started = re.findall(r"^ExecStart=/opt/uptime/\.venv/bin/(.+)$", text, re.MULTILINE)[0].replace("%%", "%")
    service = unit.stem.removeprefix("uptime-")
    if service in {"beat", "worker", "alerts"}:
        assert started.split() == compose["services"][service]["command"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With a program that exists: it wants to see one."""
    for unit in UNITS:
        text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@", "@usa")).write_text(text.replace("%i", "usa"))
    units = sorted(map(str, tmp_path.iterdir()))
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in verdict.stderr.splitlines() if str(tmp_path) in line or "uptime-" in line]
    assert not [line for line in ours if "Unknown" in line or "Invalid" in line or "Failed to parse" in line], ours


# --- the mark of work ---


def test_finished_work_is_noted_where_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "worked"
    monkeypatch.setattr(worked, "_noted_at", float("-inf"))
    worked.note()
    assert not mark.exists()
    monkeypatch.setenv("WORK_FILE", str(mark))
    worked.note()
    assert mark.exists()
    monkeypatch.setenv("WORK_FILE", str(tmp_path / "no" / "such" / "place"))
    monkeypatch.setattr(worked, "_noted_at", float("-inf"))
    worked.note()  # and nothing is raised


def test_a_container_that_does_nothing_is_not_healthy(tmp_path: Path) -> None:
    from scripts.talks_to_broker import IDLE_TOO_LONG_SECONDS, idle_seconds

    mark = tmp_path / "worked"
    assert idle_seconds("") == 0.0
    assert idle_seconds(str(mark)) > IDLE_TOO_LONG_SECONDS
    mark.touch()
    assert idle_seconds(str(mark)) < IDLE_TOO_LONG_SECONDS
