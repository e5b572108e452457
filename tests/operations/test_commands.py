"""``doctor``, ``validate_system``, ``performance_test``, ``flush`` and ``migrate``, as an operator meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.core.management.commands import migrate as original
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.management.teams import team_of
from accounts.models import Team, User
from checks import broker
from checks.models import CheckBatch, CheckResult, RegionWorker
from checks.services import days, dispatch
from common.commands import Progress
from monitors.models import Monitor, Region
from probes import names
from probes.fields import MASK
from tests.conftest import MakeMonitor
from tests.operations.running import address_of, manage, run, run_json
from uptime import doctor
from uptime.management.commands import migrate
from uptime.proving import performance, validation

OURS = [
    *("archive", "backup", "bootstrap", "config", "doctor", "drill", "flush", "import", "parity", "performance_test"),
    *("region", "restore", "rollups", "rotate_keys", "seed_demo", "statuspage", "storage", "validate_system"),
]


def states(told: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in told["parts"]:
        found.setdefault(part["part"], set()).add(part["state"])
    return found


def told_by(*args: str) -> tuple[int, Any]:
    """Exit status and what was said, of a command that may end with 1."""
    out, code = StringIO(), 0
    try:
        call_command(*args, "--json", stdout=out, stderr=StringIO())
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(out.getvalue())


@pytest.mark.parametrize("name", OURS)
def test_each_command_has_help_and_speaks_json(name: str) -> None:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    text = parser.format_help()
    subcommands = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    texts = [one.format_help() for choices in subcommands for one in choices.values()] or [text]
    assert all("--json" in words for words in texts)
    assert len(str(parser.description)) > 40


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_shows_how_far_it_is() -> None:
    seen, unseen = Terminal(), StringIO()
    for stream in (seen, unseen):
        progress = Progress(stream, "rows", 2_000)
        progress.step(1_000)
        progress.end()
    assert seen.getvalue().endswith(f"[{'#' * 15}{'.' * 15}] rows: 1,000 of 2,000\n")
    assert not unseen.getvalue(), "nobody watches"


# --- doctor ---


@pytest.mark.django_db
def test_the_doctor_finds_a_silent_region_and_a_wrong_clock(regions: list[str]) -> None:
    now = timezone.now()
    days.make_ahead(now=now)
    RegionWorker.objects.create(region="usa", worker="usa-1", last_seen=now, clock_offset_s=14.0)
    code, told = told_by("doctor")
    found = states(told)
    assert code == 1
    assert (found["database"], found["broker"], found["partitions"]) == ({"ok"}, {"ok"}, {"ok"})
    assert found["regions"] == {"fail"}, "one is late and the other silent"
    assert "fail" in found["clock"]
    remedies = {part["says"]: part["remedy"] for part in told["parts"] if part["state"] == "fail"}
    assert all(remedies.values())
    assert any("REGION=india" in remedy for remedy in remedies.values())


@pytest.mark.django_db
def test_the_doctor_finds_a_region_that_was_never_made_known(regions: list[str]) -> None:
    Region.objects.filter(code="india").delete()
    _, told = told_by("doctor")
    remedies = {part["says"]: part["remedy"] for part in told["parts"]}
    assert remedies["india is in REGIONS and nobody knows it"] == "Run manage.py region sync."


@pytest.mark.django_db
def test_no_secret_is_shown(regions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = told_by("doctor")[1]
    shown = json.dumps(said)
    for secret in (settings.SECRET_KEY, settings.FIELD_ENCRYPTION_KEYS[0], settings.METRICS_TOKEN):
        assert secret not in shown
    assert said["configuration"]["SECRET_KEY"] == MASK
    assert doctor.masked("REDIS_URL", "redis://:hunter2@broker:6379/0") == f"redis://:{MASK}@broker:6379/0"
    assert doctor.masked("DATABASE_URL", "postgresql://me:p:w@db/x") == f"postgresql://me:{MASK}@db/x"
    assert doctor.masked("HEARTBEAT_URL", "https://watch.example.org/ping/a-secret") == MASK
    assert doctor.masked("API_KEY_REQUESTS_PER_MINUTE", "600") == "600"


@pytest.mark.processes
def test_without_a_database_the_doctor_says_so_and_goes_on() -> None:
    told = manage("doctor", "--json", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/uptime")
    assert told.returncode == 1, told.stderr
    found = states(json.loads(told.stdout))
    assert (found["database"], found["broker"]) == ({"fail"}, {"ok"})
    assert "hunter2" not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.processes
def test_without_a_database_other_commands_end_with_a_sentence() -> None:
    told = manage("region", "list", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/uptime")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("The database does not answer, or refuses: ")
    assert "hunter2" not in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.django_db
def test_a_team_is_meant_by_its_name_its_id_or_somebody_in_it(team: Team, owner: User) -> None:
    for wanted in (team.name, str(team.pk), owner.email.upper()):
        assert team_of(wanted) == team
    twin = Team.objects.create(name=team.name)
    for wanted, why in ((team.name, str(twin.pk)), ("Nobody's", "no team"), ("nobody@example.org", "no team")):
        with pytest.raises(CommandError, match=why):
            team_of(wanted)


@pytest.mark.django_db
def test_nobody_calls_a_team_by_the_id_or_the_address_of_another(team: Team, owner: User) -> None:
    for name in (str(team.pk), owner.email):
        Team.objects.create(name=name)
        assert team_of(name) == team


# --- validate_system, performance_test ---


@pytest.mark.django_db
def test_validation_tries_every_part(regions: list[str]) -> None:
    for _ in range(5):
        _, told = told_by("validate_system")
        if "unknown late" not in str(told["parts"]):  # this process stood still, and the engine rightly says so
            break
    found = states(told)
    assert set(found) == {"database", "HTTP client", "error handling", "locking", "performance", "configuration"}
    for part in ("database", "HTTP client", "error handling", "locking"):
        assert found[part] == {"ok"}, told["parts"]
    assert not CheckResult.objects.exists()


def test_validation_fails_what_does_not_work() -> None:
    nobody = "http://127.0.0.1:9"
    with closing(performance.loopback_engine()) as engine:
        client = [word.state for word in validation._http_client(engine, nobody)]
        errors = [word.state for word in validation._error_handling(engine, nobody)]
        many = next(validation._performance(engine, nobody))
    assert client == ["fail", "fail"]
    assert errors.count("fail") == 3, "nobody listens there, and that is how it should be"
    assert (many.state, many.says[:15]) == ("fail", "0 of 100 sites ")


def test_performance_is_shown_as_a_table() -> None:
    words = run("performance_test")
    lines = words.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["5", "5"], ["25", "25"], ["100", "100"]]
    assert all(line.endswith("pass") for line in lines[1:4])
    assert "memory MB" in lines[0]


# --- flush ---


@pytest.fixture
def queued(make_monitor: MakeMonitor) -> Iterator[Monitor]:
    monitor = make_monitor(wanted=True)
    waiting = [names.CENTRAL_QUEUE, *(names.region_queue(code, now=True) for code in ("usa", "india"))]
    broker.purge(waiting)
    yield monitor
    broker.purge(waiting)


@pytest.mark.django_db(transaction=True)
def test_flush_empties_queues_and_records_what_was_owed(queued: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatch.dispatch_wanted()
    queues = [names.region_queue("usa", now=True), names.region_queue("india", now=True)]
    assert set(broker.queue_lengths(queues).values()) == {1}

    monkeypatch.setattr("builtins.input", lambda _question: "y")
    with pytest.raises(CommandError, match="Nothing was done"):
        run("flush")
    assert CheckBatch.objects.filter(state="open").count() == 2

    told = run_json("flush", "--no-input")
    assert told["batches"] == 2
    assert set(broker.queue_lengths(queues).values()) == {0}
    assert set(CheckBatch.objects.values_list("state", flat=True)) == {"dead"}
    assert list(CheckResult.objects.values_list("outcome", "reason")) == [("unknown", "late")] * 2
    assert Monitor.objects.filter(pk=queued.pk).exists()


# --- migrate ---


@pytest.mark.django_db(transaction=True)
def test_a_migration_steps_back_from_a_table_in_use_and_comes_again(
    regions: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads ``monitors_region`` until the migration has given way once."""
    tries: list[int] = []
    with psycopg.connect(address_of()) as reader:
        reader.execute("SELECT * FROM monitors_region")

        def change_the_table(*_args: Any, **_options: Any) -> None:
            tries.append(len(tries))
            if len(tries) == 2:
                reader.rollback()
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE monitors_region IN ACCESS EXCLUSIVE MODE")

        monkeypatch.setattr(original.Command, "handle", change_the_table)
        monkeypatch.setattr(migrate, "PAUSES_S", (0,))
        settings.MIGRATION_LOCK_TIMEOUT_SECONDS = 1
        err = StringIO()
        call_command("migrate", stderr=err)
    assert len(tries) == 2
    assert "A table is in use; trying again" in err.getvalue()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db(transaction=True)
def test_a_table_that_stays_in_use_ends_the_migration_with_a_sentence(
    regions: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_the_table(*_args: Any, **_options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE monitors_region IN ACCESS EXCLUSIVE MODE")

    monkeypatch.setattr(original.Command, "handle", change_the_table)
    monkeypatch.setattr(migrate, "PAUSES_S", ())
    settings.MIGRATION_LOCK_TIMEOUT_SECONDS = 1
    with psycopg.connect(address_of()) as reader:
        reader.execute("SELECT * FROM monitors_region")
        with pytest.raises(CommandError, match="A table stayed in use for 1 s"):
            call_command("migrate", stderr=StringIO())
