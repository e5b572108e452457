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
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil

from bench.stage.people import Past, Person, join
from bench.stage.programs import cpu_s, postgres_here, web
from bench.stage.reading import LIMIT_MS, Row, middle_and_slow, usual_rows, with_a_past


def rows(past: Past) -> list[Row]:
    some, old = [str(monitor) for monitor in past.monitors], [str(monitor) for monitor in past.old]
    anywhere = [str(page) for page in random.sample(range(1, past.pages + 1), min(past.pages, 50))]
    return [
        Row("list of monitors, any page", "/monitors/?page={}", anywhere),
        *usual_rows(past),
        Row("list, one status", "/monitors/?status={}", ["up", "down", "degraded"]),
        Row("list, live part", "/monitors/rows/?page={}", anywhere),
        Row("a monitor's page, a year old, 30 days", "/monitors/{}/?range=30d", old),
        Row("a monitor's page, a year old, 7 days", "/monitors/{}/?range=7d", old),
        Row("a monitor's page, live part", "/monitors/{}/live/", some),
        Row("incidents", "/incidents/?page={}", ["1", "2", "3"]),
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=10_000)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--requests", type=int, default=200, help="for each row")
    options.add_argument("--clients", type=int, default=1, help="at once")
    options.add_argument("--only", default="", help="rows whose name contains this")
    chosen = options.parse_args()
    with ExitStack() as stack:
        env = stack.enter_context(with_a_past(chosen.monitors, chosen.days))
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

    from accounts.services.programs import open_api_session

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
    addresses = [row.address_of(number) for number in range(requests_made)]
    person.renew()
    counts = sorted({count(address) for address in addresses[:5]})
    before = sum(cpu_s(process) for process in at_work)
    with ThreadPoolExecutor(clients) as threads:
        seen = list(threads.map(person.get, addresses))
    cpu_ms = 1000 * (sum(cpu_s(process) for process in at_work) - before) / requests_made
    p50, p95 = middle_and_slow([took_ms for took_ms, _ in seen])
    size = statistics.fmean(size for _, size in seen) / 1000
    queries = "-".join(str(number) for number in (counts if len(counts) < 2 else [counts[0], counts[-1]]))
    late = "  over" if p95 > LIMIT_MS else ""
    print(f"{row.name:<40}{p50:>8.1f}{p95:>8.1f}{cpu_ms:>8.1f}{queries:>9}{size:>8.1f}{late}", flush=True)


if __name__ == "__main__":
    main()
