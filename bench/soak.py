"""Whether anything grows while nothing changes: a whole box under light, steady use for hours.

    make soak                      # two hours
    make soak ARGS="--hours 0.2"   # to see that it works

Starts the box as ``make run`` does, with monitors once a minute of which one in a hundred watches a site that fails for
two minutes of every ten, and people, programs and jobs as in bench/load.py. Every half minute it writes down, of each
program: resident memory (RSS; and PSS, in which what processes share counts once) and open files; of PostgreSQL and
Valkey: connections, dead rows, the size of the tables that are updated in place, messages that nobody has
acknowledged. After a first quarter, in which caches fill, the median of the second quarter is compared with that of
the last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import redis
import requests

from bench.load import populated, report, visit
from bench.stage.box import RunningBox, running_box
from bench.stage.sites import plain_site

EVERY_S = 30
FAILS_S, CALM_S = 120, 480
UPDATED_IN_PLACE = (
    "monitors_monitor",
    "monitors_region",
    "incidents_regionstate",
    "checks_checkbatch",
    "checks_monitorstats",
    "checks_watermark",
)
TABLES = """
SELECT coalesce(sum(pg_total_relation_size(relid)), 0) / 1e6, coalesce(sum(n_dead_tup), 0)
FROM pg_stat_user_tables WHERE relname = ANY (%s)
"""
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


@dataclass(frozen=True)
class Limit:
    """How much more the last quarter may show than the second."""

    factor: float
    plus: float


LIMITS = {
    "RSS": Limit(1.10, 5),  # MB
    "PSS": Limit(1.10, 5),  # MB
    "files": Limit(1.05, 3),
    "connections": Limit(1.05, 3),
    "unacknowledged": Limit(1.0, 20),
    "waiting": Limit(1.0, 20),
    "tables": Limit(1.25, 5),  # MB
    "dead rows": Limit(1.5, 20_000),  # between two turns of autovacuum they rise and fall
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=3_000)
    options.add_argument("--hours", type=float, default=2)
    options.add_argument("--rate", type=float, default=4, help="requests a second, all together")
    options.add_argument("--samples", type=Path, help="write every sample to this file, a line of JSON each")
    chosen = options.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        box = stack.enter_context(running_box(home, TEAM_MAX_MONITORS=str(chosen.monitors + 1_000)))
        visitors = populated(box, chosen.monitors, stack.enter_context(plain_site()), clients=4)
        watch_demo(box, chosen.monitors // 100)
        time.sleep(60)
        over = threading.Event()
        stack.callback(over.set)
        threading.Thread(target=trouble, args=(box, over), daemon=True).start()
        samples: list[dict[str, float]] = []
        threading.Thread(target=watch, args=(box, samples, over, chosen.samples), daemon=True).start()
        began = time.time()
        visit(visitors, rate=chosen.rate, ends=time.monotonic() + 3600 * chosen.hours)
        over.set()
        ended = time.time()
        time.sleep(10)
        report(box, visitors[0].seen, began, ended)
        print(outages(box))
        compare(samples)


def watch_demo(box: RunningBox, number: int) -> None:
    """Point so many monitors at the demo site."""
    with psycopg.connect(box.database_url) as connection:
        some = "SELECT id FROM monitors_monitor WHERE kind = 'http' ORDER BY id LIMIT %s"
        connection.execute(
            f"UPDATE monitors_monitor SET spec = jsonb_set(spec, '{{url}}', to_jsonb(%s::text)) WHERE id IN ({some})",  # noqa: S608
            [box.env["DEMO_SITE_URL"], number],
        )


def trouble(box: RunningBox, over: threading.Event) -> None:
    """Let the demo site fail every now and then, so that incidents and messages come and go."""
    while not over.wait(CALM_S):
        for state, pause in (("failing", FAILS_S), ("healthy", 0)):
            with suppress(requests.RequestException):
                requests.post(box.env["DEMO_SITE_URL"] + "control", data={"state": state}, timeout=10)
            over.wait(pause)


def watch(box: RunningBox, samples: list[dict[str, float]], over: threading.Event, file: Path | None) -> None:
    """Take a sample every half minute."""
    while not over.wait(EVERY_S):
        with suppress(psycopg.Error, redis.RedisError, psutil.Error):
            samples.append(sample(box))
            if file:
                with file.open("a") as lines:
                    lines.write(json.dumps(samples[-1]) + "\n")


def sample(box: RunningBox) -> dict[str, float]:
    """Every figure by what it is of: memory in MB, everything else by number."""
    found: dict[str, float] = {"at": time.time()}
    for process in box.process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            program = name_of(process)
            memory = process.memory_full_info()
            for what, amount in (("RSS", memory.rss / 1e6), ("PSS", memory.pss / 1e6), ("files", process.num_fds())):
                found[f"{what} {program}"] = found.get(f"{what} {program}", 0) + amount
    with psycopg.connect(box.database_url) as connection:
        connection.execute("SET TRANSACTION READ ONLY")
        found["tables"], found["dead rows"] = map(
            float, connection.execute(TABLES, [list(UPDATED_IN_PLACE)]).fetchone() or (0, 0)
        )
        [found["connections"]] = connection.execute(CONNECTIONS).fetchone() or (0,)
    with redis.Redis.from_url(box.env["REDIS_URL"]) as broker:
        found["connections valkey"] = len(broker.client_list())
        found["unacknowledged"] = float(broker.hlen("unacked"))
        lists = (key for key in broker.scan_iter(_type="list"))
        found["waiting"] = float(sum(broker.llen(key) for key in lists))
    return found


def name_of(process: psutil.Process) -> str:
    """The program of the box to which a process belongs, pool children included."""
    command = " ".join(process.cmdline())
    words = {
        "gunicorn": "web",
        " beat ": "beat",
        "central@": "central",
        "alerts@": "alerts",
        "probes.worker": "regions",
        "onebox.demo": "demo",
        "valkey": "valkey",
        "postgres": "postgres",
    }
    return next((name for word, name in words.items() if word in command), "other")


def outages(box: RunningBox) -> str:
    with psycopg.connect(box.database_url) as connection:
        row = connection.execute("SELECT count(*), count(resolved_at) FROM incidents_incident").fetchone()
        sent = connection.execute("SELECT state, count(*) FROM alerts_delivery GROUP BY 1").fetchall()
    return f"incidents: {row[0] if row else 0}, ended {row[1] if row else 0}; deliveries: {dict(sent)}"


def compare(samples: list[dict[str, float]]) -> None:
    """Print the second quarter beside the last; what grew beyond its limit is marked."""
    quarter = len(samples) // 4
    if not quarter:
        print("too short to compare anything")
        return
    print(f"{'':<24}{'second quarter':>16}{'last quarter':>16}")
    for name in sorted(set(samples[-1]) - {"at"}):
        before, after = (
            statistics.median(each.get(name, 0.0) for each in part)
            for part in (samples[quarter : 2 * quarter], samples[-quarter:])
        )
        limit = next(limit for words, limit in LIMITS.items() if name.startswith(words))
        grew = "" if after <= before * limit.factor + limit.plus else "  grew"
        print(f"{name:<24}{before:>16.1f}{after:>16.1f}{grew}")


if __name__ == "__main__":
    main()
