"""How many checks a second the whole road carries, how late they start, and what each part costs.

    .venv/bin/python bench/pipeline.py [--monitors 60000] [--minutes 10] [--warm-up-s 90] [--broker postgres] [--tls]

Everything is on this machine: the site, PostgreSQL (durable), Valkey (or PostgreSQL in its place), beat, the central
worker and two region workers. Half of the monitors are checked from each region, once a minute. Lateness is start minus
slot; "stored" is the commit of the row minus its slot, by PostgreSQL's own commit timestamps.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django
import psutil
import psycopg

from bench.engine import certificates, serve_plain, serve_tls, site
from onebox.servers import Postgres, Valkey

ROOT = Path(__file__).parents[1]
INTERVAL_S = 60
REGIONS = ("usa", "india")
MADE_AT_ONCE = 5_000

LATENESS = """
SELECT count(*), count(*) FILTER (WHERE outcome <> 'up'),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM checked_at - slot)),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM pg_xact_commit_timestamp(xmin) - slot)),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY total_ms)
FROM checks_checkresult WHERE slot > %s AND slot <= %s
"""

WORST = """
SELECT slot, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM checked_at - slot)) AS late
FROM checks_checkresult WHERE slot > %s AND slot <= %s GROUP BY 1 ORDER BY 2 DESC LIMIT 8
"""

REASONS = """
SELECT outcome, reason, sum(slots) FROM checks_checkresult WHERE slot > %s AND slot <= %s AND outcome <> 'up'
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5
"""


def environment(postgres: Postgres, valkey: Valkey | None) -> dict[str, str]:
    in_postgres = "sqla+postgresql+psycopg://" + postgres.url.partition("://")[2]
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLWJlbmNobWFyay0zMi1ieXRlcyE=",
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url if valkey else "",
        "CELERY_BROKER_URL": valkey.url if valkey else in_postgres,
        "REGIONS": ",".join(REGIONS),
        "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PROBE_DOMAIN_RATE": "0",
        "PROBE_DOMAIN_CONCURRENCY": "0",
        "LOG_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }


@contextmanager
def plain_site() -> Iterator[str]:
    """The address of a site that answers everything at once."""
    with site(serve_plain, 0.0) as port:
        yield f"http://127.0.0.1:{port}/"


def manage(env: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


def make_monitors(env: dict[str, str], number: int, site_url: str) -> None:
    """Monitors in bulk, in a process of its own: Django takes its settings from the environment once."""
    subprocess.run([sys.executable, __file__, "--make", str(number), "--site", site_url], cwd=ROOT, env=env, check=True)


def make_monitors_here(number: int, site_url: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "uptime.settings"
    django.setup()
    from django.db import connection

    from accounts.models import Team
    from monitors.models import Monitor
    from monitors.rules import Policy, phase_of

    team, policy = Team.objects.create(name="bench"), Policy().as_dict()
    for first in range(0, number, MADE_AT_ONCE):
        monitors = [
            Monitor(
                team=team,
                name=f"site {place}",
                spec={"url": f"{site_url}{place}"},
                interval=INTERVAL_S,
                regions=[REGIONS[place % 2]],
                policy=policy,
            )
            for place in range(first, min(number, first + MADE_AT_ONCE))
        ]
        for monitor in monitors:
            monitor.phase = phase_of(monitor.pk, INTERVAL_S)
        Monitor.objects.bulk_create(monitors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE monitors_monitor")  # as it would be where they have come one by one


@contextmanager
def program(env: dict[str, str], *arguments: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_s(process: psutil.Process) -> float:
    """User and system time of a process and its children, dead ones included."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        total += times.user + times.system
    times = process.cpu_times()
    return total + times.children_user + times.children_system


def rss_mb(process: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=60_000)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--warm-up-s", type=float, default=90)
    options.add_argument("--broker", choices=("valkey", "postgres"), default="valkey")
    options.add_argument("--tls", action="store_true", help="HTTPS with a certificate that is verified")
    options.add_argument("--make", type=int, help=argparse.SUPPRESS)
    options.add_argument("--site", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.make:
        make_monitors_here(chosen.make, chosen.site)
        return
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        postgres = Postgres(home / "postgres")
        valkey = Valkey(home / "valkey") if chosen.broker == "valkey" else None
        with_commit_timestamps(postgres)
        stack.callback(postgres.stop)
        if valkey:
            valkey.start()
            stack.callback(valkey.stop)
        env = environment(postgres, valkey)
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "region", "sync")
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
    parts["beat"] = stack.enter_context(program(env, *celery, "-A", "uptime", "beat", "--schedule", schedule))

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
