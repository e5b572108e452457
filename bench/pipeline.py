"""How many checks a second the whole road carries, how late they start, and what each part costs.

    .venv/bin/python bench/pipeline.py [--monitors 60000] [--minutes 10] [--warm-up-s 90] [--broker postgres] [--tls]

Everything is on this machine: the site, PostgreSQL (durable), Valkey (or PostgreSQL in its place), beat, the central
worker and two region workers. Half of the monitors are checked from each region, once a minute. Lateness is start minus
slot; "stored" is the commit of the row minus its slot, by PostgreSQL's own commit timestamps.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg

from bench.stage.monitors import INTERVAL_S, make_monitors
from bench.stage.programs import REGIONS, cpu_s, environment, prepare, program, rss_mb, running
from bench.stage.sites import certificates, plain_site, serve_tls, site
from onebox.servers import Postgres, Valkey

LATENESS = """
SELECT count(*), count(*) FILTER (WHERE outcome <> 'up'),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY late_ms / 1000.0),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - slot)),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY total_ms)
FROM checks_checkresult WHERE slot > %s AND slot <= %s
"""

WORST = """
SELECT slot, percentile_cont(0.5) WITHIN GROUP (ORDER BY late_ms / 1000.0) AS late
FROM checks_checkresult WHERE slot > %s AND slot <= %s GROUP BY 1 ORDER BY 2 DESC LIMIT 8
"""

REASONS = """
SELECT outcome, reason, sum(slots) FROM checks_checkresult WHERE slot > %s AND slot <= %s AND outcome <> 'up'
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=60_000)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--warm-up-s", type=float, default=90)
    options.add_argument("--broker", choices=("valkey", "postgres"), default="valkey")
    options.add_argument("--tls", action="store_true", help="HTTPS with a certificate that is verified")
    chosen = options.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        postgres = Postgres(home / "postgres")
        valkey = Valkey(home / "valkey") if chosen.broker == "valkey" else None
        with_commit_timestamps(postgres)
        stack.callback(postgres.stop)
        if valkey:
            stack.enter_context(running(valkey))
        env = environment(postgres.url, valkey.url if valkey else "")
        prepare(env)
        if chosen.tls:
            env["PROBE_CA_FILE"], certificate = certificates(str(home))
            site_url = f"https://127.0.0.1:{stack.enter_context(site(serve_tls, certificate))}/"
        else:
            site_url = stack.enter_context(plain_site())
        make_monitors(env, chosen.monitors, site_url)
        measure(stack, env, postgres, valkey, chosen)


def with_commit_timestamps(postgres: Postgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.stop()
    postgres.start()


def measure(
    stack: ExitStack, env: dict[str, str], postgres: Postgres, valkey: Valkey | None, chosen: argparse.Namespace
) -> None:
    celery = ("-m", "probes.serve", "--quiet")
    central = ("-A", "uptime", "worker", "-Q", "central,results", "-c", "2", "-n", "central@%h")
    assert postgres.process
    parts = {"postgres": psutil.Process(postgres.process.pid)}
    if valkey and valkey.process:
        parts["valkey"] = psutil.Process(valkey.process.pid)
    parts["central"] = stack.enter_context(program(env, *celery, *central))
    for region in REGIONS:
        own = {"REGION": region, "WORKER_ID": region}
        queues = f"region.{region},region.{region}.now"
        worker = ("-A", "probes.worker", "worker", "-Q", queues, "-n", f"{region}@%h")
        parts[region] = stack.enter_context(program(env | own, *celery, *worker))
    schedule = str(Path(tempfile.gettempdir()) / f"bench-beat-{os.getpid()}")
    parts["beat"] = stack.enter_context(program(env, *celery, "-A", "uptime.beat", "beat", "--schedule", schedule))

    time.sleep(chosen.warm_up_s)
    before, began = {name: cpu_s(part) for name, part in parts.items()}, time.time()
    time.sleep(chosen.minutes * 60)
    after, ended = {name: cpu_s(part) for name, part in parts.items()}, time.time()
    memory = {name: rss_mb(part) for name, part in parts.items()}
    time.sleep(10)
    report(postgres, chosen, began, ended, {name: after[name] - before[name] for name in parts}, memory)


def report(
    postgres: Postgres,
    chosen: argparse.Namespace,
    began: float,
    ended: float,
    cpu: dict[str, float],
    memory: dict[str, float],
) -> None:
    seconds = ended - began
    with psycopg.connect(postgres.url) as connection:
        bounds = connection.execute("SELECT to_timestamp(%s), to_timestamp(%s)", [began, ended]).fetchone()
        row = connection.execute(LATENESS, bounds).fetchone()
        assert row
        stored, other, late, kept, took = row
        reasons = connection.execute(REASONS, bounds).fetchall()
        worst = connection.execute(WORST, bounds).fetchall()
    due = chosen.monitors * seconds / INTERVAL_S
    print(f"{chosen.monitors} monitors every {INTERVAL_S} s for {seconds:.0f} s: {stored / seconds:.0f} checks/s")
    print(f"  due {due:.0f}, stored {stored}, not up {other} {reasons or ''}")
    print(f"  lateness  p50 {late[0]:.2f} s  p99 {late[1]:.2f} s")
    print(f"  stored    p50 {kept[0]:.2f} s  p99 {kept[1]:.2f} s after the slot")
    print(f"  worst seconds, p50 of lateness: {', '.join(f'{second:%H:%M:%S} {each:.1f} s' for second, each in worst)}")
    print(f"  total_ms  p50 {took[0]:.1f}  p99 {took[1]:.1f}")
    for name, used in cpu.items():
        print(f"  {name:<9} {100 * used / seconds:5.1f} % of a core, {memory[name]:.0f} MB")
    own = sum(used for name, used in cpu.items() if name not in REGIONS)
    print(f"  all but the checks themselves: {100 * own / seconds:.1f} % of a core")


if __name__ == "__main__":
    main()
