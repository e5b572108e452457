"""What pages and API answers cost over a large past: time, queries and bytes.

    .venv/bin/python bench/reads.py [--monitors 10000] [--days 30] [--requests 200] [--clients 1]

Makes a PostgreSQL (durable) and a Valkey of its own, fills them by `manage.py seed_demo` (10,000 monitors of 30 days
take some minutes), adds five monitors with a year of history, and asks the web server as `make run` starts it, over
loopback. With DATABASE_URL set, that database is read as it is; it must have been seeded, and gets one more user. Each
request of a row is for another monitor or another page of the list. Times are the client's; CPU is that of the web
server and of PostgreSQL for one request, which a busy machine blurs less.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import requests

from bench.pipeline import cpu_s, environment, manage, program
from onebox.servers import Postgres, Valkey, free_port, wait_for

PASSWORD = secrets.token_urlsafe(12)
YEAR_MONITORS = 5
LIMIT_MS = 100


@dataclass
class Past:
    """What the database holds, as far as it is asked for."""

    monitors: list[UUID]
    """Some of the team's."""
    old: list[UUID]
    """Those with the longest history."""
    pages: int
    """Of the list."""


@dataclass
class Row:
    """One line of the table. ``{}`` in the address stands for what is different each time."""

    name: str
    address: str
    choices: list[str] = field(default_factory=lambda: [""])


def rows(past: Past) -> list[Row]:
    some, old = [str(monitor) for monitor in past.monitors], [str(monitor) for monitor in past.old]
    anywhere = [str(page) for page in random.sample(range(1, past.pages + 1), min(past.pages, 50))]
    words = [f"{number:02}" for number in range(100)]
    return [
        Row("list of monitors, any page", "/monitors/?page={}", anywhere),
        Row("list, searched", "/monitors/?q={}", words),
        Row("list, one status", "/monitors/?status={}", ["up", "down", "degraded"]),
        Row("list, live part", "/monitors/rows/?page={}", anywhere),
        Row("a monitor's page", "/monitors/{}/", some),
        Row("a monitor's page, a year old, 30 days", "/monitors/{}/?range=30d", old),
        Row("a monitor's page, a year old, 7 days", "/monitors/{}/?range=7d", old),
        Row("a monitor's page, live part", "/monitors/{}/live/", some),
        Row("incidents", "/incidents/?page={}", ["1", "2", "3"]),
        Row("API monitor (100)", "/api/monitor"),
        Row("API monitor, searched", "/api/monitor?search={}", words),
        Row("API monitor/{id}", "/api/monitor/{}", some),
        Row("API site-stats (100)", "/api/site-stats"),
        Row("API site-stats/{id}", "/api/site-stats/{}", some),
        Row("API results/{id}/checks (100)", "/api/results/{}/checks", some),
        Row("API results/{id}/checks?outcome=down", "/api/results/{}/checks?outcome=down", some),
        Row("API results/{id}/latest", "/api/results/{}/latest", some),
        Row("API incidents (100)", "/api/incidents"),
        Row("API monitoring/status", "/api/monitoring/status"),
        Row("API monitoring/health", "/api/monitoring/health"),
    ]


class Person:
    """Signed in at the pages and at the API, with a session and with a token."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.email = f"reader-{secrets.token_hex(4)}@example.com"
        self.http = requests.Session()
        signed_up = self.http.post(f"{site}/api/auth/signup", json={"email": self.email, "password": PASSWORD})
        signed_up.raise_for_status()
        self.sign_in()

    def sign_in(self) -> None:
        form = {"username": self.email, "password": PASSWORD}
        self.http.get(f"{self.site}/login/")
        form["csrfmiddlewaretoken"] = self.http.cookies["csrftoken"]
        answer = self.http.post(f"{self.site}/login/", data=form, headers={"Referer": f"{self.site}/login/"})
        assert answer.url == f"{self.site}/monitors/", answer.url
        self.renew()

    def renew(self) -> None:
        """Tokens last for five minutes."""
        words = {"email": self.email, "password": PASSWORD}
        answer = requests.post(f"{self.site}/api/auth/login", json=words, timeout=30)
        answer.raise_for_status()
        self.bearer = {"Authorization": f"Bearer {answer.json()['access']}"}

    def get(self, address: str) -> tuple[float, int]:
        """Milliseconds and bytes of one answer."""
        begun = time.perf_counter()
        headers = self.bearer if address.startswith("/api/") else {"Accept-Encoding": "identity"}
        answer = self.http.get(f"{self.site}{address}", headers=headers, timeout=60)
        took_ms = 1000 * (time.perf_counter() - begun)
        assert answer.status_code in {200, 503 if address.endswith("/health") else 200}, (address, answer.status_code)
        return took_ms, len(answer.content)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=10_000)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--requests", type=int, default=200, help="for each row")
    options.add_argument("--clients", type=int, default=1, help="at once")
    options.add_argument("--only", default="", help="rows whose name contains this")
    chosen = options.parse_args()
    with ExitStack() as stack:
        env = stack.enter_context(servers(chosen.monitors, chosen.days))
        site, server = stack.enter_context(web(env))
        servers_at_work = [server, *postgres_here(env["DATABASE_URL"])]
        person = Person(site)
        past = join(env["DATABASE_URL"], person.email)
        person.sign_in()
        count = queries_counted(env, person.email)
        print(f"{past.pages} pages of 50 monitors; {chosen.requests} requests a row, {chosen.clients} at a time")
        print(f"{'':<40}{'p50 ms':>8}{'p95 ms':>8}{'CPU ms':>8}{'queries':>9}{'kB':>8}")
        for row in rows(past):
            if chosen.only in row.name:
                measure(row, person, count, servers_at_work, requests_made=chosen.requests, clients=chosen.clients)


@contextmanager
def servers(monitors: int, days: int) -> Iterator[dict[str, str]]:
    """The environment of the programs, with a past in the database."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        postgres, valkey = Postgres(home / "postgres"), Valkey(home / "valkey", durable=False)
        valkey.start()
        stack.callback(valkey.stop)
        env = environment(postgres, valkey) | {"ONEBOX": "true"}
        if given := os.environ.get("DATABASE_URL"):
            yield env | {"DATABASE_URL": given}
            return
        stack.callback(postgres.stop)
        postgres.start()
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "region", "sync")
        print(f"making {monitors} monitors with {days} days; this takes a while", flush=True)
        manage(env, "seed_demo", "--monitors", str(monitors), "--days", str(days))
        manage(env, "seed_demo", "--monitors", str(YEAR_MONITORS), "--days", "365", "--seed", "2")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield env


@contextmanager
def web(env: dict[str, str], *, port: int = 0) -> Iterator[tuple[str, psutil.Process]]:
    """The web server with the options of ``onebox.box``, on a free port unless one is named."""
    site = f"http://127.0.0.1:{port or free_port()}"
    options = ("--threads", "16", "--log-level", "error")
    bind = ("--bind", site.removeprefix("http://"), "--no-control-socket")
    with program(env, "-m", "gunicorn", "uptime.wsgi", *bind, *options) as process:
        assert wait_for(lambda: answers(site), seconds=60)
        yield site, process


def postgres_here(database_url: str) -> list[psutil.Process]:
    """The server's main process; none when it is on another machine."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT pg_backend_pid(), inet_server_addr()").fetchone()
        assert row
        parent = psutil.Process(row[0]).parent() if row[1] is None else None
    return [parent] if parent else []


def answers(site: str) -> bool:
    try:
        return requests.get(f"{site}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def join(database_url: str, email: str) -> Past:
    """Make the person a member of the team that has the most monitors, and look at those."""
    with psycopg.connect(database_url) as connection:
        largest = "SELECT team_id, count(*) FROM monitors_monitor GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
        found = connection.execute(largest).fetchone()
        assert found, "no monitors: fill the database by manage.py seed_demo"
        moved = "UPDATE accounts_membership SET team_id = %s FROM accounts_user WHERE user_id = accounts_user.id"
        connection.execute(f"{moved} AND email = %s", [found[0], email])
        some = "SELECT id FROM monitors_monitor WHERE team_id = %s ORDER BY random() LIMIT 200"
        first = "SELECT min(bucket) FROM checks_rollupday AS day WHERE day.monitor_id = monitor.id"
        old = f"SELECT id FROM monitors_monitor AS monitor WHERE team_id = %s ORDER BY ({first}) LIMIT {YEAR_MONITORS}"  # noqa: S608
        return Past(
            monitors=[row[0] for row in connection.execute(some, [found[0]])],
            old=[row[0] for row in connection.execute(old, [found[0]])],
            pages=-(-found[1] // 50),
        )


def queries_counted(env: dict[str, str], email: str) -> Callable[[str], int]:
    """How many queries an address takes, asked of the same code in this process."""
    os.environ |= env | {"DJANGO_SETTINGS_MODULE": "uptime.settings", "ALLOWED_HOSTS": "testserver"}
    import django

    django.setup()
    logging.disable(logging.CRITICAL)  # that a box without workers is not healthy is no news here
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.services.sessions import open_api_session

    user = get_user_model().objects.get(email=email)
    browser, bearer = Client(), {"Authorization": f"Bearer {open_api_session(user=user).access}"}
    browser.force_login(user)

    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(address, headers=bearer if address.startswith("/api/") else {})
        return len(queries)

    return count


def measure(
    row: Row,
    person: Person,
    count: Callable[[str], int],
    at_work: list[psutil.Process],
    *,
    requests_made: int,
    clients: int,
) -> None:
    addresses = [row.address.replace("{}", row.choices[number % len(row.choices)]) for number in range(requests_made)]
    person.renew()
    counts = sorted({count(address) for address in addresses[:5]})
    before = sum(cpu_s(process) for process in at_work)
    with ThreadPoolExecutor(clients) as threads:
        seen = list(threads.map(person.get, addresses))
    cpu_ms = 1000 * (sum(cpu_s(process) for process in at_work) - before) / requests_made
    times = sorted(took_ms for took_ms, _ in seen)
    p50, p95 = statistics.median(times), times[int(0.95 * (len(times) - 1))]
    size = statistics.fmean(size for _, size in seen) / 1000
    queries = "-".join(str(number) for number in (counts if len(counts) < 2 else [counts[0], counts[-1]]))
    late = "  over" if p95 > LIMIT_MS else ""
    print(f"{row.name:<40}{p50:>8.1f}{p95:>8.1f}{cpu_ms:>8.1f}{queries:>9}{size:>8.1f}{late}", flush=True)


if __name__ == "__main__":
    main()
