"""The commands: what they print for people and for programs, and how they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Team, User
from checks.models import CheckEvidence, CheckResult, Day, MonitorStats, RollupDay, RollupHour
from checks.services import days, demo, recount, space, storage
from checks.services.demo import seeding, story
from incidents.models import Incident, RegionState, StatusChange
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    days.forget()


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction is its own thread's."""

    def one_after_the_other(plan: demo.Plan, steps: list[seeding.Step]) -> list[seeding.Step]:
        for step in steps:
            step.write(plan, step.at)
        return steps

    monkeypatch.setattr(seeding, "_in_two_threads", one_after_the_other)


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*args: str) -> Any:
    return json.loads(run(*args, "--json"))


# --- storage ---


def test_storage_tells_rows_bytes_and_growth(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    store_all([result(monitor, timezone.now() - timedelta(seconds=second)) for second in range(20)], now=timezone.now())
    demo.analyze()
    told = run_json("storage")
    assert told["parts"]["results"]["rows"] == 20
    assert told["parts"]["hours"]["bytes"] > 0
    assert told["growth_per_day"]["hours"]["rows"] == 2 * 24
    assert told["retention_days"] == 30
    words = run("storage")
    assert "rows a day" in words
    assert "kept for 30 days, not archived" in words


def test_storage_forecasts(regions: list[str], settings: Settings) -> None:
    settings.RETENTION_DAYS = 30
    told = run_json("storage", "--monitors", "10000", "--interval", "60", "--days", "365")["forecast"]
    assert told["results_per_day"] == 10_000 * 2 * 1_440
    assert told["results_bytes"] == round(28_800_000 * 31 * space.RESULT_BYTES)
    assert told["days_bytes"] == round(20_000 * 365 * space.DAY_BYTES)
    assert told["total_bytes"] == told["results_bytes"] + told["hours_bytes"] + told["days_bytes"]
    assert "10,000 monitors every 60 s from 2 regions" in run("storage", "--monitors", "10000")


def test_storage_tries_another_retention_and_drops_nothing() -> None:
    today = timezone.now().date()
    storage.ensure_days(today - timedelta(days=back) for back in range(10))
    told = run_json("storage", "--retention", "5")["retention"]
    assert told["partitions"] == 2 * 4
    assert told["freed_bytes"] > 0
    assert run_json("storage", "--retention", "5")["retention"]["partitions"] == 8
    assert "would drop 8 partitions now" in run("storage", "--retention", "5")


def test_storage_tidies_at_once() -> None:
    storage.ensure_days([OLD.date()])
    assert run_json("storage", "--tidy")["dropped"] == [
        days.partition_name(table, OLD.date()) for table in sorted(days.TABLES)
    ]
    assert "Dropped: nothing." in run("storage", "--tidy")


def test_storage_says_that_days_went_early(settings: Settings) -> None:
    settings.STORAGE_MAX_GB = 5
    days.write_note(days.RESULTS, {"dropped_for_size": {"day": "2026-01-05", "at": "2026-01-20T12:00:00+00:00"}})
    words = run("storage")
    assert "Limit: 5.0 GB" in words
    assert "results up to 2026-01-05 were dropped early" in words


@pytest.mark.parametrize("option", [("--monitors", "0"), ("--interval", "x"), ("--retention", "-1"), ("--days", "1.5")])
def test_storage_refuses_nonsense(option: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="is not a whole number from"):
        run("storage", *option)


# --- archive ---


@pytest.fixture
def shelf(settings: Settings, tmp_path: Path) -> Path:
    settings.ARCHIVE_DIR = str(tmp_path)
    return tmp_path


def test_archive_lists_and_restores(shelf: Path, make_monitor: MakeMonitor) -> None:
    store_all([result(make_monitor(), OLD + timedelta(minutes=minute)) for minute in range(5)], now=OLD)
    storage.drop_old(now=timezone.now(), retention_days=30)
    assert not CheckResult.objects.exists()
    (listed,) = run_json("archive", "list")
    assert (listed["day"], listed["kind"], listed["rows"]) == ("2026-01-05", "results", 5)
    assert "5 rows" in run("archive", "list")
    assert run_json("archive", "restore", "2026-01-05")["added"] == {"results": 5, "evidence": 0}
    assert "0 results" in run("archive", "restore", "2026-01-05", "--keep-days", "30")
    assert CheckResult.objects.count() == 5
    assert "2026-01-05 was restored and stays until" in _with_rows_known(lambda: run("storage"))


def _with_rows_known(ask: Callable[[], str]) -> str:
    demo.analyze()
    return ask()


def test_archive_refuses_a_day_that_is_not_there(shelf: Path) -> None:
    with pytest.raises(CommandError, match="2026-01-05 is not in the archive"):
        run("archive", "restore", "2026-01-05")


def test_archive_refuses_what_has_no_room(
    shelf: Path, make_monitor: MakeMonitor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_all([result(make_monitor(), OLD)], now=OLD)
    storage.drop_old(now=timezone.now(), retention_days=30)
    settings.STORAGE_MAX_GB = 1
    monkeypatch.setattr(storage, "database_bytes", lambda: storage.GIGABYTE)
    with pytest.raises(CommandError, match="more than STORAGE_MAX_GB leaves"):
        run("archive", "restore", "2026-01-05")


def test_archive_needs_its_setting() -> None:
    with pytest.raises(CommandError, match="ARCHIVE_DIR is not set"):
        run("archive", "list")


# --- rollups ---


def test_rollups_verify_and_rebuild(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor()
    store_all([result(monitor, OLD)], now=OLD)
    assert "0 rollups differing" in run("rollups", "verify")
    RollupHour.objects.update(up=5)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("rollups", "verify", stdout=out, stderr=StringIO())
    assert ended.value.code == 1
    assert f"hour 2026-01-05 12:00 {monitor.pk} usa: up is 5, raw rows say 1" in out.getvalue()
    assert run_json("rollups", "verify", "--since", "2026-01-06")["differing"] == 0
    mended = run_json("rollups", "rebuild", "--monitor", str(monitor.pk))
    assert (mended["differing"], mended["mended"], mended["differences"][0]["fields"]) == (1, True, ["up"])
    assert run_json("rollups", "verify")["differing"] == 0


def test_rollups_prints_no_more_than_asked(make_monitor: MakeMonitor) -> None:
    store_all([result(make_monitor(), OLD), result(make_monitor(), OLD)], now=OLD)
    RollupDay.objects.update(up=5)
    assert "... and 1 more" in run("rollups", "rebuild", "--limit", "1")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--since", "yesterday"), "is not a day like"),
        (("--monitor", "shop"), "is not the id of a monitor"),
        (("--monitor", "00000000-0000-4000-8000-000000000000"), "There is no monitor"),
    ],
)
def test_rollups_refuses_nonsense(option: tuple[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("rollups", "verify", *option)


# --- seed_demo ---


@pytest.mark.django_db(transaction=True)
def test_demo_data_adds_up_and_goes_away(make_monitor: MakeMonitor) -> None:
    real = make_monitor()
    store_all([result(real, timezone.now())], now=timezone.now())
    told = run_json("seed_demo", "--monitors", "12", "--days", "3", "--interval", "300")
    assert (told["monitors"], told["regions"]) == (12, ["usa", "india"])
    assert Monitor.objects.filter(paused=True).count() == 12
    assert CheckResult.objects.exclude(monitor=real).count() >= 12 * 2 * 288
    assert 12 * 2 * 2 <= RollupDay.objects.exclude(monitor=real).count() <= 12 * 2 * 3, (
        "today may not have begun for all"
    )
    assert RegionState.objects.exclude(monitor=real).count() == 24
    for day in recount.raw_days(now=timezone.now()):
        assert list(recount.differences(day, now=timezone.now())) == []
    figures = MonitorStats.objects.exclude(monitor=real).values_list("uptime_30d", "avg_response_time_24h")
    assert all(uptime and mean for uptime, mean in figures)
    assert run_json("seed_demo", "--clean")["removed"] == 12
    assert list(Monitor.objects.all()) == [real]
    assert CheckResult.objects.count() == 1
    assert not CheckEvidence.objects.exists()
    assert not Team.objects.filter(name=demo.TEAM_NAME).exists()


@pytest.mark.usefixtures("regions", "one_thread")
@pytest.mark.parametrize("now", ["2026-03-01T00:00:20Z", "2026-03-01T13:01:00Z", "2026-03-01T13:59:59Z"])
def test_demo_data_adds_up_at_any_time(team: Team, now: str) -> None:
    at = datetime.fromisoformat(now)
    plan = demo.Plan(seed=3, monitors=8, days=3, interval=300, regions=("usa", "india"), now=int(at.timestamp()))
    demo.seed(plan, team=team, report=lambda _: None)
    assert RollupHour.objects.filter(bucket=at.replace(minute=0, second=0)).exists()
    for day in recount.raw_days(now=at):
        assert list(recount.differences(day, now=at)) == []


@pytest.mark.usefixtures("regions", "one_thread")
def test_demo_monitors_go_into_a_persons_team(owner: User, team: Team) -> None:
    run("seed_demo", "--monitors", "2", "--days", "2", "--interval", "3600", "--team", "Olga@example.com")
    assert Monitor.objects.for_team(team).count() == 2
    with pytest.raises(CommandError, match="there already"):
        run("seed_demo", "--monitors", "2", "--days", "2", "--interval", "3600")
    assert run_json("seed_demo", "--clean", "--team", "olga@example.com")["removed"] == 2
    assert Team.objects.filter(pk=team.pk).exists()


@pytest.mark.usefixtures("regions", "one_thread")
def test_outages_of_the_demo_have_incidents_and_changes() -> None:
    run("seed_demo", "--monitors", "40", "--days", "15", "--interval", "3600", "--seed", "4")
    assert Incident.objects.exists()
    assert not Incident.objects.open().exists()
    for incident in Incident.objects.all():
        assert incident.resolved_at
        assert incident.started_at <= incident.confirmed_at < incident.resolved_at
        changes = StatusChange.objects.filter(monitor=incident.monitor, happened_at__gte=incident.confirmed_at)
        assert {(change.before, change.after) for change in changes} >= {("up", "down"), ("down", "up")}
        assert Day.objects.filter(monitor=incident.monitor, down__gt=0).exists()


def test_the_same_seed_tells_the_same_story() -> None:
    when = {"start": 1_800_000_000, "end": 1_802_592_000}
    one = [story.character(3, number, regions=["usa", "india"], **when) for number in range(50)]
    again = [story.character(3, number, regions=["usa", "india"], **when) for number in range(50)]
    other = [story.character(4, number, regions=["usa", "india"], **when) for number in range(50)]
    assert one == again
    assert one != other
    assert any(who.events for who in one)


def test_seed_demo_refuses_a_stranger_and_a_strange_interval(regions: list[str]) -> None:
    with pytest.raises(CommandError, match="There is no team"):
        run("seed_demo", "--team", "nobody@example.com")
    with pytest.raises(CommandError, match="invalid choice"):
        run("seed_demo", "--interval", "7")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ARCHIVE_DIR", "/nowhere/at/all", "ARCHIVE_DIR must be the full path of a directory"),
        ("STORAGE_MAX_GB", "ten", "STORAGE_MAX_GB must be a whole number from 0"),
        ("ROLLUP_HOURS_MONTHS", "0", "ROLLUP_HOURS_MONTHS must be a whole number from 1"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_sentence(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    ended = subprocess.run(
        [sys.executable, "-c", "import uptime.settings"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
