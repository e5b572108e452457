"""How much memory the product's processes take: web, beat, central worker, one region's worker.

    .venv/bin/python bench/memory.py [--monitors 60000] [--minutes 5] [--python /elsewhere/bin/python]

Starts PostgreSQL, Valkey and the four as `make run` does, checks all monitors once a minute from one region, reads
pages and API meanwhile, and prints what each group of processes holds at the end. RSS counts what processes share once
for each of them; PSS divides it among them, so its sum is what the machine really gives.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import psycopg

from bench.reads import rows
from bench.stage.monitors import make_monitors
from bench.stage.people import Person, join
from bench.stage.programs import manage, program, servers, web
from bench.stage.sites import plain_site
from onebox.box import HABITS

REGION = "usa"
LIMIT_MB = 600


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=60_000)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--python", default=sys.executable, help="whose packages count: images have fewer than .venv")
    chosen = options.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        env = stack.enter_context(servers()) | HABITS | {"REGIONS": REGION, "BENCH_PYTHON": chosen.python}
        manage(env, "region", "sync")
        make_monitors(env, chosen.monitors, stack.enter_context(plain_site()))
        with psycopg.connect(env["DATABASE_URL"]) as connection:
            connection.execute("UPDATE monitors_monitor SET regions = %s", [[REGION]])
        parts, address = start(stack, env, home)
        use(address, env["DATABASE_URL"], ends=time.monotonic() + 60 * chosen.minutes)
        report(env["DATABASE_URL"], chosen.monitors, parts)


def start(stack: ExitStack, env: dict[str, str], home: Path) -> tuple[dict[str, psutil.Process], str]:
    """The processes by name, with the options of ``onebox.box``, and where the pages are."""
    celery = ("-m", "probes.serve", "--quiet")
    address, server = stack.enter_context(web(env))
    commands = {
        "beat": (*celery, "-A", "uptime.beat", "beat", "--schedule", str(home / "beat")),
        "central": (*celery, "-A", "uptime", "worker", "-Q", "central,results", "-c", "2"),
        "region": (*celery, "-A", "probes.worker", "worker", "-Q", f"region.{REGION},region.{REGION}.now"),
    }
    own = {"REGION": REGION, "WORKER_ID": "one"}
    parts = {name: stack.enter_context(program(env | own, *command)) for name, command in commands.items()}
    return {"web": server, **parts}, address


def use(address: str, database_url: str, *, ends: float) -> None:
    """Read everything that ``bench/reads.py`` measures, over and over."""
    person = Person(address)
    past = join(database_url, person.email)
    person.sign_in()
    while time.monotonic() < ends:
        person.renew()
        for row in rows(past):
            for choice in row.choices[:10]:
                person.get(row.address.replace("{}", choice))
        time.sleep(5)


def report(database_url: str, monitors: int, parts: dict[str, psutil.Process]) -> None:
    with psycopg.connect(database_url) as connection:
        count = "SELECT count(*) FROM checks_checkresult WHERE slot > now() - interval '1 minute'"
        for (results,) in connection.execute(count):
            print(f"{monitors} monitors, {results} results in the last minute")
    print(f"{'':<10}{'processes':>10}{'RSS MB':>8}{'PSS MB':>8}")
    whole = [0.0, 0.0]
    for name, part in parts.items():
        held = [memory_mb(process) for process in [part, *part.children(recursive=True)]]
        rss, pss = sum(rss for rss, _ in held), sum(pss for _, pss in held)
        whole = [whole[0] + rss, whole[1] + pss]
        print(f"{name:<10}{len(held):>10}{rss:>8.0f}{pss:>8.0f}")
    print(f"{'together':<10}{'':>10}{whole[0]:>8.0f}{whole[1]:>8.0f}{'  over' if whole[0] > LIMIT_MB else ''}")


def memory_mb(process: psutil.Process) -> tuple[float, float]:
    """Resident and proportional size; nothing of a process that has just ended."""
    with suppress(psutil.NoSuchProcess):
        info = process.memory_full_info()
        return info.rss / 1e6, info.pss / 1e6
    return 0.0, 0.0


if __name__ == "__main__":
    main()
