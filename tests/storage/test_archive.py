"""The archive: a raw day is in a file, whole, before its partition goes; and comes back as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from django.db import connection
from pyarrow import parquet as pq
from pytest_django import Settings

from checks.models import CheckEvidence, CheckResult
from checks.services import archive, days, storage
from probes.contract import Outcome
from tests.conftest import MakeMonitor
from tests.storage.rows import result, store_all

pytestmark = pytest.mark.django_db

NOW = datetime(2031, 6, 15, 9, 30, tzinfo=UTC)
OLD = datetime(2031, 5, 1, 12, tzinfo=UTC)
TABLE = days.partition_name(days.RESULTS, OLD.date())


@pytest.fixture(autouse=True)
def shelf(settings: Settings, tmp_path: Path) -> Path:
    days.forget()
    settings.ARCHIVE_DIR = str(tmp_path)
    return tmp_path


@pytest.fixture
def stored(make_monitor: MakeMonitor) -> list[dict[str, Any]]:
    """Old results of every sort, and what they say."""
    monitor = make_monitor()
    rows = [result(monitor, OLD + timedelta(seconds=second), total_ms=second / 7) for second in range(300)]
    rows += [result(monitor, OLD, total_ms=None, outcome=Outcome.DOWN, region="india")]
    rows += [result(monitor, OLD + timedelta(microseconds=1), total_ms=None, outcome=Outcome.UNKNOWN, region="india")]
    store_all(rows, now=NOW)
    return content()


def content() -> list[dict[str, Any]]:
    rows = CheckResult.objects.order_by("monitor", "region", "slot").values()
    seen = CheckEvidence.objects.order_by("monitor", "region", "slot").values()
    return [dict(row) for row in [*rows, *seen]]


def drop() -> list[str]:
    return storage.drop_old(now=NOW, retention_days=30)


def bring_back(shelf: Path) -> dict[str, int]:
    return archive.restore(archive.files(shelf, day=OLD.date()), kept_until=NOW + timedelta(days=7))


def test_a_day_comes_back_as_it_was(stored: list[dict[str, Any]], shelf: Path) -> None:
    assert len(drop()) == 2
    assert content() == []
    assert [(file.kind, file.rows, file.part) for file in archive.files(shelf)] == [
        ("results", 302, 1),
        ("evidence", 1, 1),
    ]
    assert bring_back(shelf) == {"results": 302, "evidence": 1}
    assert content() == stored


def test_restoring_twice_is_the_same_as_once(stored: list[dict[str, Any]], shelf: Path) -> None:
    drop()
    bring_back(shelf)
    assert bring_back(shelf) == {"results": 0, "evidence": 0}
    assert content() == stored


def test_restoring_completes_a_day_that_is_there_in_part(stored: list[dict[str, Any]], shelf: Path) -> None:
    drop()
    bring_back(shelf)
    CheckResult.objects.filter(slot__lt=OLD + timedelta(minutes=1)).delete()
    assert bring_back(shelf)["results"] == 62
    assert content() == stored


def test_a_restored_day_stays_for_its_time_and_is_not_written_again(stored: list[dict[str, Any]], shelf: Path) -> None:
    drop()
    bring_back(shelf)
    assert drop() == []
    assert content() == stored
    assert len(storage.drop_old(now=NOW + timedelta(days=7), retention_days=30)) == 2
    assert len(archive.files(shelf)) == 2


def test_the_size_limit_leaves_a_restored_day(
    stored: list[dict[str, Any]], shelf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop()
    bring_back(shelf)
    settings.STORAGE_MAX_GB = 1
    monkeypatch.setattr(storage, "database_bytes", lambda: 2 * storage.GIGABYTE)
    assert TABLE not in drop()


def test_rows_that_came_late_get_a_part_of_their_own(
    stored: list[dict[str, Any]], shelf: Path, make_monitor: MakeMonitor
) -> None:
    drop()
    days.forget()
    store_all([result(make_monitor(), OLD)], now=NOW)
    drop()
    assert [(file.kind, file.part, file.rows) for file in archive.files(shelf, day=OLD.date())] == [
        ("results", 1, 302),
        ("results", 2, 1),
        ("evidence", 1, 1),
    ]
    assert bring_back(shelf) == {"results": 303, "evidence": 1}


def test_late_rows_beside_restored_ones_are_not_taken_for_archived(
    stored: list[dict[str, Any]], shelf: Path, make_monitor: MakeMonitor
) -> None:
    drop()
    days.forget()
    store_all([result(make_monitor(), OLD)], now=NOW)
    bring_back(shelf)
    storage.drop_old(now=NOW + timedelta(days=8), retention_days=30)
    assert [file.rows for file in archive.files(shelf) if file.kind == "results"] == [302, 303]


def test_a_restored_day_that_lost_a_row_and_got_another_is_written_again(
    stored: list[dict[str, Any]], shelf: Path, make_monitor: MakeMonitor
) -> None:
    drop()
    bring_back(shelf)
    CheckResult.objects.filter(slot=OLD, region="usa").delete()
    store_all([result(make_monitor(), OLD)], now=NOW)
    storage.drop_old(now=NOW + timedelta(days=8), retention_days=30)
    assert [(file.part, file.rows) for file in archive.files(shelf) if file.kind == "results"] == [(1, 302), (2, 302)]


def test_nothing_is_dropped_when_the_archive_cannot_be_written(
    stored: list[dict[str, Any]], shelf: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ARCHIVE_DIR = str(shelf / "gone")
    assert drop() == []
    assert content() == stored
    assert f"Kept {TABLE}" in caplog.text


def fewer_rows(real: Callable[..., None]) -> Callable[..., None]:
    """A writer that loses a row without noticing."""

    def write(path: Path, *, kind: str, table: str) -> None:
        real(path, kind=kind, table=table)
        rows = pq.read_table(path)
        pq.write_table(rows.slice(1), path)

    return write


def test_nothing_is_dropped_when_the_file_holds_other_than_the_day(
    stored: list[dict[str, Any]], shelf: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(archive, "_write_rows", fewer_rows(archive._write_rows))
    assert drop() == []
    assert content() == stored
    assert "301 rows of 302" in caplog.text
    assert list(shelf.iterdir()) == []


def test_what_a_crash_left_is_no_archive(stored: list[dict[str, Any]], shelf: Path) -> None:
    (shelf / f"results-{OLD.date()}.parquet{archive.UNFINISHED}").write_bytes(b"half of a day")
    assert archive.files(shelf) == []
    drop()
    assert {file.rows for file in archive.files(shelf)} == {302, 1}


def test_a_day_is_streamed_in_row_groups(
    stored: list[dict[str, Any]], shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "BLOCK_BYTES", 4096)
    drop()
    file = archive.files(shelf)[0]
    assert pq.read_metadata(file.path).num_row_groups > 5
    bring_back(shelf)
    assert content() == stored


def test_a_broken_file_is_named(shelf: Path) -> None:
    (shelf / f"results-{OLD.date()}.parquet").write_bytes(b"this is no Parquet")
    with pytest.raises(archive.ArchiveError, match="cannot be read"):
        archive.files(shelf)


@pytest.mark.django_db(transaction=True)
def test_a_reader_in_the_way_postpones_the_drop_and_holds_nobody_up_for_long(
    make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(storage, "LOCK_WAIT", "100ms")
    store_all([result(make_monitor(), OLD)], now=NOW)
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT count(*) FROM checks_checkresult")
                reading.set()
                done.wait(30)
                cursor.execute("ROLLBACK")
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert reading.wait(10)
        assert TABLE not in drop()
        assert f"Kept {TABLE} for now" in caplog.text
        assert CheckResult.objects.count() == 1
    finally:
        done.set()
        reader.join()
    assert TABLE in drop()


def test_processes_that_archive_nothing_do_not_carry_pyarrow() -> None:
    look = "import sys, uptime.celery as c, uptime.wsgi, uptime.urls; c.app.loader.import_default_modules(); "
    look += "print('checks.services.storage' in sys.modules, 'pyarrow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", look], env=os.environ, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]


AS_EVER = {
    "monitor_id": pa.string(),
    "region": pa.string(),
    "slot": pa.timestamp("us", tz="UTC"),
    "checked_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(("slots", "attempts", "http_status"), pa.int16()),
    **dict.fromkeys(("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "download_ms", "total_ms"), pa.float32()),
    "body_bytes": pa.int32(),
    **dict.fromkeys(("remote_ip", "outcome", "reason", "message"), pa.string()),
}
"""A file of results, as they have been written from the first day on: whoever has some can restore them."""


def test_a_file_from_before_the_table_was_changed_comes_back_and_goes_as_it_was(
    make_monitor: MakeMonitor, shelf: Path
) -> None:
    monitor = make_monitor()
    row = dict.fromkeys(AS_EVER) | {"monitor_id": str(monitor.pk), "slots": 1, "attempts": 1, "message": ""}
    https = {"region": "usa", "slot": OLD, "checked_at": OLD + timedelta(milliseconds=250), "tls_ms": 20.5}
    plain = {"region": "india", "slot": OLD, "checked_at": OLD - timedelta(milliseconds=3), "outcome": "up"}
    rows = [row | plain, row | https | {"outcome": "down", "reason": "tls_cert_expired", "message": "since\na day"}]
    path = shelf / f"results-{OLD.date()}.parquet"
    before = pa.Table.from_pylist(rows, pa.schema(AS_EVER))
    pq.write_table(before, path)
    assert bring_back(shelf)["results"] == 2
    kept = {result.region: result for result in CheckResult.objects.filter(monitor=monitor)}
    assert [(each.checked_at, each.tls_ms, each.reason) for each in (kept["usa"], kept["india"])] == [
        (https["checked_at"], 20.5, "tls_cert_expired"),
        (plain["checked_at"], None, None),
    ]
    path.unlink()
    days.write_note(TABLE, {})
    drop()
    assert pq.read_table(path).sort_by("region").to_pylist() == before.to_pylist()
