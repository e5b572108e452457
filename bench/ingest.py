"""What writing results down costs: the rate of one ingester, the CPU on both sides, and the bytes that stay.

    .venv/bin/python bench/ingest.py [--quick] [--monitors 1000 10000 60000] [--report 100 250 500]

Reports in the form that region workers send go to ``checks.services.ingest.ingest`` on one connection, against a
durable PostgreSQL of its own. Each monitor gets one result a minute, in the order in which checks become due; all pass,
as nearly all do, with response times like those of ``seed_demo``. Decoding the message is Celery's part, told apart.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg

from bench.stage.programs import environment, prepare, running
from onebox.servers import Postgres

REGION = "usa"
INTERVAL_S = 60
SHAPES = 64
MONTH = 30
NOWHERE = "redis://127.0.0.1:1/0"
"""Nothing is sent here."""


Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a number of results took: seconds by the clock, and of CPU on each side."""

    results: int
    wall_s: float
    client_s: float
    postgres_s: float
    wal_bytes: int

    def __str__(self) -> str:
        each = 1e6 / self.results
        return (
            f"{self.results / self.wall_s:7.0f}/s   client {self.client_s * each:5.0f} us   "
            f"postgres {self.postgres_s * each:5.0f} us   WAL {self.wal_bytes / self.results:5.0f} B"
        )


class Bench:
    """One PostgreSQL with so many monitors, and the reports on them."""

    def __init__(self, postgres: Postgres) -> None:
        assert postgres.process
        self.postgres, self.server = postgres, psutil.Process(postgres.process.pid)
        self.monitors: list[UUID] = []
        self.numbers = count()
        self.minute = int(time.time()) // 3600 * 3600

    def sql(self, query: str, *values: object) -> Any:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            found = connection.execute(query, values)
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def bytes_of(self, table: str) -> float:
        """Bytes of a row, with its indexes."""
        self.sql(f"VACUUM ANALYZE {table}")
        size = self.sql("SELECT pg_total_relation_size(%s)", table)
        return float(size) / int(self.sql(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a table of ours

    def fill(self, monitors: int) -> None:
        """Monitors that are up, as they are after their first minute."""
        self.monitors = [uuid4() for _ in range(monitors)]
        random.Random(1).shuffle(self.monitors)  # noqa: S311 - the order of their phases
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute("TRUNCATE monitors_monitor, accounts_team, checks_checkbatch CASCADE")
            connection.execute("TRUNCATE checks_checkresult, checks_checkevidence")
        from accounts.models import Team
        from monitors.models import Monitor

        one = Monitor.objects.create(
            team=Team.objects.create(name="bench"),
            name="One of many",
            spec={"url": "https://site.example/health?from=bench"},
            regions=[REGION],
            policy={"confirmations": 2, "quorum": None, "retries": 2},
            status="up",
        )
        names = [field.column for field in Monitor._meta.concrete_fields]
        columns = ", ".join(name for name in names if name and name != "id")
        self.sql(
            f"INSERT INTO monitors_monitor (id, {columns}) SELECT id, {columns}"  # noqa: S608
            f" FROM unnest(%s::uuid[]) AS new (id), (SELECT {columns} FROM monitors_monitor) AS one RETURNING 1",
            self.monitors,
        )
        self.sql("DELETE FROM monitors_monitor WHERE id = %s", one.pk)
        self.run(self.reports(monitors, 500))
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def fill_month(self) -> None:
        """A partition for each day of the past month, with a few rows in each."""
        from checks.services import days

        today = datetime.now(UTC).date()
        days.ensure_days(today - timedelta(days=age) for age in range(MONTH + 1))
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute(
                "INSERT INTO checks_checkresult (slot, monitor_id, region, outcome, total_ms)"
                " SELECT date_trunc('day', now()) - make_interval(days => age), monitor, %s, 'up', 100"
                " FROM generate_series(1, %s) AS age CROSS JOIN unnest(%s::uuid[]) AS monitor",
                [REGION, MONTH, self.monitors[:1000]],
            )

    def fill_hour(self, hour: datetime, *, monitors: int) -> None:
        """An hour of results of some monitors, minute by minute, written past the reports."""
        from checks.services import days
        from checks.services.demo import story

        days.ensure_days({hour.date()})
        totals = [story.response_times(20 + place % 30, (place + hour.hour) % SHAPES, 60) for place in range(60)]
        with psycopg.connect(self.postgres.url) as connection:
            columns = "slot, monitor_id, region, outcome, http_status, total_ms"
            with connection.cursor().copy(f"COPY checks_checkresult ({columns}) FROM STDIN") as copy:
                for minute in range(60):
                    at = f"{hour + timedelta(minutes=minute)}"
                    lines = (
                        f"{at}\t{monitor}\t{REGION}\tup\t200\t{totals[place % 60][minute]}\n"
                        for place, monitor in enumerate(self.monitors[:monitors])
                    )
                    copy.write("".join(lines))

    def reports(self, results: int, size: int) -> list[Wire]:
        """Reports of so many results, with the batches that wait for them; a minute goes by when all had a turn."""
        made: list[Wire] = []
        due = self._due()
        for number in range(0, results, size):
            some = [next(due) for _ in range(min(size, results - number))]
            batch = f"{REGION}/bench/{next(self.numbers)}"
            made.append({"v": 1, "batch": batch, "region": REGION, "worker": "w1", "results": some})
        with psycopg.connect(self.postgres.url) as connection:
            columns = "id, region, lane, check_ids, state, attempt, stored, patience_s, created_at, expires_at, sent_at"
            with connection.cursor().copy(f"COPY checks_checkbatch ({columns}) FROM STDIN") as copy:
                for report in made:
                    ids = [result["id"] for result in report["results"]]
                    now = datetime.now(UTC)
                    copy.write_row(
                        (report["batch"], REGION, "slots", ids, "open", 1, 0, 25, now, now + timedelta(minutes=2), now)
                    )
        return made

    def _due(self) -> Iterator[Wire]:
        while True:
            for place, monitor in enumerate(self.monitors):
                yield passed(monitor, self.minute + 60 * place // len(self.monitors), place)
            self.minute += INTERVAL_S

    def run(self, reports: Sequence[Wire]) -> Cost:
        from checks.services.ingest import ingest

        before, wal = self._postgres_s(), self._wal_bytes()
        began, client_s = time.perf_counter(), time.process_time()
        for report in reports:
            ingest(report)
        wall_s, client_s = time.perf_counter() - began, time.process_time() - client_s
        results = sum(len(report["results"]) for report in reports)
        return Cost(results, wall_s, client_s, self._postgres_s() - before, self._wal_bytes() - wal)

    def _postgres_s(self) -> float:
        """CPU of all of PostgreSQL's processes, those that have ended included."""
        ended = self.server.cpu_times()
        used_s = ended.children_user + ended.children_system
        for process in self.server.children():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used_s += times.user + times.system
        return used_s

    def _wal_bytes(self) -> int:
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))


def passed(monitor: UUID, slot: int, place: int) -> Wire:
    """What a worker says of a plain pass over HTTPS."""
    from checks.services.demo import story

    total = story.response_times(20 + place % 30, place % SHAPES, 60)[slot // INTERVAL_S % 60]
    phases = {name: round(total * share, 2) for name, share in story.PHASES}
    return {
        "id": f"{monitor}/{slot}/1",
        "kind": "http",
        "outcome": "up",
        "reason": None,
        "phase": None,
        "message": "",
        "http_status": 200,
        "remote_ip": "192.0.2.10",
        "body_bytes": 5120,
        "timings_ms": {**phases, "total": total},
        "redirects": [],
        "certificate": None,
        "attempts": 1,
        "evidence": None,
        "started_at": time.time(),
        "earlier_tries": [],
    }


def tell_folding(it: Bench, *, monitors: int) -> None:
    """What folding costs: an hour of so many monitors."""
    from checks.services import days, rollups

    it.fill(monitors)
    hour = days.start_of(datetime.now(UTC).date()) - timedelta(hours=10)
    _begin(it, hour)
    it.fill_hour(hour, monitors=monitors)
    before, began = it._postgres_s(), time.perf_counter()
    rollups.close(now=hour + timedelta(hours=1) + rollups.GRACE, seconds=600)
    used_s, wall_s = it._postgres_s() - before, time.perf_counter() - began
    told = (
        f"{1e6 * used_s / monitors:.0f} us of PostgreSQL for each monitor, {1e6 * used_s / monitors / 60:.1f} a result"
    )
    print(f"folding an hour of {monitors} monitors: {wall_s:.1f} s, {told}", flush=True)


def tell_sizes(it: Bench, *, monitors: int, rollup_days: int) -> None:
    """Bytes of a raw row after a day, and of a year of rollups, of monitors that are checked once a minute."""
    from checks.services import days, packing, rollups

    packing.FEWEST_ROWS = 1_000
    today = days.start_of(datetime.now(UTC).date())
    it.fill(monitors)
    _begin(it, today - timedelta(days=1))
    it.minute = int(today.timestamp()) - 86_400
    it.run(it.reports(monitors * 1_440, 500))
    day = days.partition_name(days.RESULTS, (today - timedelta(days=1)).date())
    live = it.bytes_of(day)
    packing.pack(now=datetime.now(UTC))
    print(f"a raw row with its key: {live:.0f} B as it comes in, {it.bytes_of(day):.0f} B packed")

    start = today - timedelta(days=rollup_days)
    _begin(it, start)
    for number in range(rollup_days * 24):
        hour = start + timedelta(hours=number)
        it.fill_hour(hour, monitors=monitors)
        rollups.close(now=hour + timedelta(hours=1) + rollups.GRACE, seconds=600)
    hour_bytes, day_bytes = it.bytes_of("checks_rolluphour"), it.bytes_of("checks_rollupday")
    packing.pack(now=datetime.now(UTC))
    packed = it.bytes_of("checks_rolluphour")
    year_mb = [(8_760 * each + 365 * day_bytes) / 1e6 for each in (hour_bytes, packed)]
    print(f"an hour of 60 checks: {hour_bytes:.0f} B, {packed:.0f} B packed; a day: {day_bytes:.0f} B")
    print(f"a year of a monitor in a region: {year_mb[0]:.2f} MB, {year_mb[1]:.2f} MB packed")


def _begin(it: Bench, at: datetime) -> None:
    """No results, and rollups up to this moment."""
    from checks.services import days

    days.ensure_days({at.date()})
    it.sql("TRUNCATE checks_checkresult, checks_rolluphour, checks_rollupday")
    it.sql("UPDATE checks_rollupmark SET folded = %s, closing = %s RETURNING 1", at, at)


def decoding_us(report: Wire) -> float:
    """What Celery's decoding of such a report costs per result."""
    from kombu.utils.json import dumps, loads

    text = dumps([[report], {}, {}])
    rounds = 20
    began = time.process_time()
    for _ in range(rounds):
        loads(text)
    return (time.process_time() - began) / rounds / len(report["results"]) * 1e6


@contextmanager
def bench(home: Path) -> Iterator[Bench]:
    """A durable PostgreSQL with our tables, and Django in this process."""
    with running(Postgres(home / "postgres")) as postgres:
        env = environment(postgres.url, NOWHERE) | {"DJANGO_SETTINGS_MODULE": "uptime.settings"}
        prepare(env)
        os.environ.update(env)
        import django

        django.setup()
        from django.db import connection

        yield Bench(postgres)
        connection.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="half a minute")
    options.add_argument("--monitors", type=int, nargs="+", default=[1_000, 10_000, 60_000])
    options.add_argument("--report", type=int, nargs="+", default=[100, 250, 500, 1_000])
    options.add_argument("--results", type=int, default=60_000)
    chosen = options.parse_args()
    if chosen.quick:
        chosen.monitors, chosen.report, chosen.results = [1_000, 10_000], [250], 20_000
    with tempfile.TemporaryDirectory(prefix="uptime-bench-") as home, bench(Path(home)) as it:
        for month in (False, True):
            for monitors in chosen.monitors:
                it.fill(monitors)
                if month:
                    it.fill_month()
                for size in chosen.report:
                    reports = it.reports(chosen.results, size)
                    where = "a month of partitions" if month else "one day"
                    print(f"{monitors:6} monitors, reports of {size:4}, {where:21} {it.run(reports)}", flush=True)
        print(f"the same reports again: {it.run(reports)}")
        print(f"decoding the message, which Celery does: {decoding_us(reports[0]):.0f} us a result", flush=True)
        tell_folding(it, monitors=2_000 if chosen.quick else 20_000)
        tell_sizes(it, monitors=100, rollup_days=4 if chosen.quick else 40)


if __name__ == "__main__":
    main()
