"""What a worker keeps on disk: in order, once, within bounds, and whatever happens to the file or to the process."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from probes.contract import CheckResult, Outcome, Reason, Report
from probes.settings import BadSetting, read_settings
from probes.spool import Spool, SpoolError

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000


def report(batch: str, ids: Iterable[object], worker: str = "w1", message: str = "") -> Report:
    results = [CheckResult(str(name), "http", Outcome.UP, message=message) for name in ids]
    return Report(batch, "usa", worker, results)


def drained(spool: Spool) -> list[tuple[str, str]]:
    """Take everything out, as batch and check."""
    found = []
    while parcel := spool.oldest():
        found += [(parcel.report["batch"], result["id"]) for result in parcel.report["results"]]
        spool.forget(parcel)
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", "usa", 10 * MEGABYTE)


def test_what_comes_out_is_what_went_in(spool: Spool) -> None:
    seen = CheckResult(
        "1:\ud800", "http", Outcome.DOWN, Reason.BODY_EMPTY, message="\x00 \ud800 ☃", evidence={"body": "é"}
    )
    spool.add(Report("usa/b/0", "usa", "w1", [seen]))
    parcel = spool.oldest()

    assert parcel is not None
    assert parcel.report == Report("usa/b/0", "usa", "w1", [seen]).to_wire()


def test_a_check_of_a_batch_is_kept_once_and_the_oldest_go_first(spool: Spool) -> None:
    spool.add(report("b1", [1, 2]))
    spool.add(report("b2", [1]))
    spool.add(report("b1", [3, 2], message="the same once more"))

    assert spool.count() == 4
    assert drained(spool) == [("b1", "1"), ("b1", "2"), ("b1", "3"), ("b2", "1")]
    assert spool.count() == 0


def test_a_report_from_the_spool_is_no_larger_than_others(spool: Spool) -> None:
    spool.add(report("b1", range(150)))
    spool.add(report("b1", [150], worker="w2"))
    parcel = spool.oldest()

    assert parcel is not None
    assert len(parcel.report["results"]) == 100
    assert drained(spool) == [("b1", str(number)) for number in range(151)]


def test_what_was_not_sent_is_still_there_afterwards(spool: Spool, tmp_path: Path) -> None:
    spool.add(report("b1", [1]))
    assert spool.oldest() == spool.oldest()

    assert drained(Spool(tmp_path / "spool", "usa", MEGABYTE)) == [("b1", "1")]


def test_regions_do_not_mix(spool: Spool, tmp_path: Path) -> None:
    spool.add(report("b1", [1]))

    assert Spool(tmp_path / "spool", "india", MEGABYTE).count() == 0


def test_when_it_is_full_the_oldest_go_and_it_says_how_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, "usa", MEGABYTE)
    for number in range(30):
        spool.add(report(f"b{number}", range(100), message="x" * 500))
    kept = spool.count()

    assert spool.path.stat().st_size <= MEGABYTE
    assert kept > 500
    assert sum(map(int, re.findall(r"The spool is full: dropped its (\d+) oldest", caplog.text))) == 3000 - kept
    assert drained(spool)[-1] == ("b29", "99")
    spool.add(report("b30", [1]))
    assert drained(spool) == [("b30", "1")]


def test_an_emptied_spool_gives_its_space_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "usa", 10 * MEGABYTE)
    for number in range(30):
        spool.add(report(f"b{number}", range(100), message="x" * 500))
    drained(spool)

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * MEGABYTE


def test_what_the_server_would_not_take_any_more_is_dropped(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.add(report("old", range(150)))
    with sqlite3.connect(spool.path) as other:
        other.execute("UPDATE result SET spooled_at = spooled_at - 6 * 3600")
    spool.add(report("new", [1]))

    assert drained(spool) == [("new", "1")]
    assert "Dropped 150 results" in caplog.text


def test_a_broken_file_is_set_aside_with_a_word(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.path.parent.mkdir()
    spool.path.write_bytes(random.Random(1).randbytes(50_000))
    spool.add(report("b1", [1]))

    assert drained(spool) == [("b1", "1")]
    assert spool.path.with_suffix(".broken").stat().st_size == 50_000
    assert "set aside as spool-usa.broken" in caplog.text


def test_a_file_that_breaks_while_it_is_used_is_set_aside(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        spool.add(report(f"b{number}", range(100)))
    del spool
    data = (tmp_path / "spool" / "spool-usa.sqlite3").read_bytes()
    (tmp_path / "spool" / "spool-usa.sqlite3").write_bytes(data[:8192] + b"\x99" * (len(data) - 8192))
    damaged = Spool(tmp_path / "spool", "usa", MEGABYTE)
    damaged.add(report("fresh", [1]))

    assert drained(damaged) == [("fresh", "1")]
    assert "is broken" in caplog.text


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE result DROP COLUMN wire", "UPDATE result SET wire = '{'", "UPDATE result SET wire = x'ff'"],
)
def test_a_file_that_is_not_ours_is_set_aside(spool: Spool, change: str, caplog: pytest.LogCaptureFixture) -> None:
    spool.add(report("b1", [1]))
    with sqlite3.connect(spool.path) as other:
        other.execute(change)
    again = Spool(spool.path.parent, "usa", MEGABYTE)
    if "UPDATE" in change:
        with pytest.raises(SpoolError):
            again.oldest()
    again.add(report("b2", [1]))

    assert drained(again) == [("b2", "1")]
    assert "is broken" in caplog.text


def test_a_file_that_vanishes_is_made_anew(spool: Spool) -> None:
    spool.add(report("b1", [1]))
    for file in spool.path.parent.iterdir():
        file.unlink()
    spool.path.parent.rmdir()
    spool.add(report("b2", [1]))

    assert drained(spool) == [("b2", "1")]


def test_a_place_where_nothing_can_be_written_is_an_error_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc")):
        with pytest.raises(SpoolError):
            Spool(directory, "usa", MEGABYTE).add(report("b1", [1]))
        with pytest.raises(SpoolError), Spool(directory, "usa", MEGABYTE).sending():
            pass


WRITER = """
import sys
from pathlib import Path
from tests.probes.test_spool import report
from probes.spool import Spool
spool = Spool(Path(sys.argv[1]), "usa", 50_000_000)
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    spool.add(report("own", [f"{sys.argv[2]}-{number}"]))
    spool.add(report("common", [number]))
    print(number, flush=True)
"""
HOLDER = """
import sys, time
from pathlib import Path
from probes.spool import Spool
with Spool(Path(sys.argv[1]), "usa", 1_000_000).sending() as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said: str = process.stdout.readline()
    return said.strip()


@pytest.mark.processes
def test_several_processes_share_it_and_one_that_is_killed_takes_nothing_along(spool: Spool) -> None:
    writers = [start(WRITER, spool.path.parent, name, 200) for name in "abc"]
    assert [line(writer) for writer in writers] == ["ready"] * 3
    found = drained(spool)
    acknowledged = 0
    while (said := line(writers[0])) and acknowledged < 50:
        acknowledged = int(said)
        found += drained(spool)
    writers[0].send_signal(signal.SIGKILL)
    for writer in writers:
        writer.communicate(timeout=30)
    found += drained(spool)
    own = [name for batch, name in found if batch == "own"]
    by_writer = {name: [item for item in own if item.startswith(name)] for name in "abc"}

    assert len(own) == len(set(own))
    assert by_writer["a"][: acknowledged + 1] == [f"a-{number}" for number in range(acknowledged + 1)]
    assert by_writer["b"] == [f"b-{number}" for number in range(200)]
    assert by_writer["c"] == [f"c-{number}" for number in range(200)]


@pytest.mark.processes
def test_one_process_sends_and_when_it_dies_another_may(spool: Spool) -> None:
    holder = start(HOLDER, spool.path.parent)
    assert line(holder) == "True"
    with spool.sending() as ours:
        assert not ours
    holder.kill()
    holder.communicate()
    with spool.sending() as ours:
        assert ours


def test_settings_of_the_spool() -> None:
    assert read_settings({}).spool_dir is None
    assert read_settings({"PROBE_SPOOL_DIR": "off"}).spool_dir is None
    chosen = read_settings({"PROBE_SPOOL_DIR": "/var/spool/uptime", "PROBE_SPOOL_MB": "2"})
    assert (chosen.spool_dir, chosen.spool_bytes) == (Path("/var/spool/uptime"), 2 * MEGABYTE)
    for wrong in ("0", "many", "1.5"):
        with pytest.raises(BadSetting, match=r"^PROBE_SPOOL_MB is"):
            read_settings({"PROBE_SPOOL_MB": wrong})
