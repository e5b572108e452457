"""Pages, API and pings under mixed load while checks go on: how long an answer takes, and whether anything is lost.

    .venv/bin/python bench/load.py [--monitors 6000] [--minutes 10] [--rate 20] [--clients 8]

Starts the whole box as ``make run`` does, in a directory of its own, with monitors once a minute, half of them from
each region. People read pages, programs read the API and write to it, jobs send pings, all over loopback and at a
steady rate together. Lost is a slot without a row; a 5xx, an answer that breaks off and a ping that was acknowledged
and not kept are counted too. Lateness is the start of a check minus its slot.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psycopg
import requests

from bench.stage.box import RunningBox, running_box
from bench.stage.invariants import LOST_OR_UNRECORDED
from bench.stage.monitors import make_monitors
from bench.stage.people import Past, Person, join
from bench.stage.sites import plain_site

JOBS = 50
PINGS_KEPT = 100
"""Of each job the newest (heartbeats.services)."""
CHANCE = Random(4)  # noqa: S311 - what is asked for is no secret

LATENESS = """
SELECT count(*), count(*) FILTER (WHERE outcome = 'unknown'),
    percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY late_ms / 1000.0)
FROM checks_checkresult WHERE slot > to_timestamp(%s) AND slot <= to_timestamp(%s)
"""


@dataclass
class Seen:
    """What the clients met, from many threads."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    pings: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, status: int, took_ms: float) -> None:
        with self.lock:
            self.took_ms[name].append(took_ms)
            self.statuses[name, status] += 1

    def bad(self) -> dict[tuple[str, int], int]:
        """Everything but a success and "not modified"; status 0: no answer."""
        return {key: count for key, count in self.statuses.items() if not 200 <= key[1] < 400}


@dataclass
class Visitor:
    """One of those who ask: a browser and a program in one, with connections of its own."""

    person: Person
    past: Past
    jobs: list[str]
    seen: Seen
    tags: dict[str, str] = field(default_factory=dict)
    """The ETag of each page that is polled."""

    def __post_init__(self) -> None:
        self.http = requests.Session()
        self.http.cookies.update(self.person.http.cookies)

    def turn(self) -> None:
        """Ask for one thing, as often as people and programs do."""
        acts: dict[Callable[[], None], int] = {
            self.poll: 40,
            self.page: 20,
            self.read_api: 20,
            self.ping: 15,
            self.write_api: 5,
        }
        [act] = CHANCE.choices(list(acts), weights=list(acts.values()))
        act()

    def ask(self, name: str, method: str, path: str, **options: object) -> requests.Response | None:
        begun = time.perf_counter()
        try:
            answer = self.http.request(method, self.person.site + path, timeout=60, **options)  # type: ignore[arg-type]
        except requests.RequestException:
            self.seen.note(name, 0, 1000 * (time.perf_counter() - begun))
            return None
        self.seen.note(name, answer.status_code, 1000 * (time.perf_counter() - begun))
        return answer

    def poll(self) -> None:
        path = CHANCE.choice(["/monitors/rows/", f"/monitors/{CHANCE.choice(self.past.monitors)}/live/"])
        known = {"If-None-Match": self.tags[path]} if path in self.tags else {}
        answer = self.ask("live part", "GET", path, headers=known)
        if answer is not None and (tag := answer.headers.get("ETag")):
            self.tags[path] = tag

    def page(self) -> None:
        a_page = f"/monitors/?page={CHANCE.randint(1, self.past.pages)}"
        path = CHANCE.choice([a_page, f"/monitors/{CHANCE.choice(self.past.monitors)}/", "/incidents/"])
        self.ask("page", "GET", path)

    def read_api(self) -> None:
        monitor = CHANCE.choice(self.past.monitors)
        paths = ["/api/monitor", f"/api/results/{monitor}/checks", f"/api/site-stats/{monitor}", "/api/incidents"]
        self.ask("API, read", "GET", CHANCE.choice(paths), headers=self.person.bearer)

    def write_api(self) -> None:
        words = {"name": f"load {secrets.token_hex(4)}", "url": "http://127.0.0.1:9/", "interval": 3600}
        made = self.ask("API, write", "POST", "/api/monitor", json=words, headers=self.person.bearer)
        if made is not None and made.status_code == 201:
            self.ask("API, write", "DELETE", f"/api/monitor/{made.json()['id']}", headers=self.person.bearer)

    def ping(self) -> None:
        path = CHANCE.choice(self.jobs)
        answer = self.ask("ping", "POST", path, data=b"x" * 200)
        if answer is not None and answer.ok:
            with self.seen.lock:
                self.seen.pings[path] += 1


def make_jobs(person: Person, number: int) -> list[str]:
    """Where so many heartbeat monitors of the person's team report."""
    found = []
    for place in range(number):
        words = {"kind": "heartbeat", "name": f"job {place}", "spec": {"period": 3600}}
        answer = requests.post(f"{person.site}/api/monitor", json=words, headers=person.bearer, timeout=30)
        answer.raise_for_status()
        found.append("/ping/" + str(answer.json()["ping_url"]).rpartition("/ping/")[2])
    return found


def visit(visitors: list[Visitor], *, rate: float, ends: float) -> None:
    """Let each of them ask in turn, together so often a second, until then (monotonic)."""

    def work(visitor: Visitor, number: int) -> None:
        pause = len(visitors) / rate
        due = time.monotonic() + pause * number / len(visitors)
        while due < ends:
            time.sleep(max(0.0, due - time.monotonic()))
            visitor.turn()
            due = max(due + pause, time.monotonic() - 5)  # who fell far behind does not catch up all at once

    threads = [threading.Thread(target=work, args=(each, number)) for number, each in enumerate(visitors)]
    for thread in threads:
        thread.start()
    renewed = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        if time.monotonic() - renewed > 120:  # a token lasts for five minutes
            visitors[0].person.renew()
            renewed = time.monotonic()


def populated(box: RunningBox, monitors: int, site_url: str, clients: int) -> list[Visitor]:
    """A team with its monitors and jobs, and those who will ask about them."""
    person = Person(box.address)
    make_monitors(box.env, monitors, site_url)
    past = join(box.database_url, person.email)
    person.sign_in()
    jobs, seen = make_jobs(person, JOBS), Seen()
    return [Visitor(person, past, jobs, seen) for _ in range(clients)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=6_000)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--rate", type=float, default=20, help="requests a second, all together")
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--warm-up-s", type=float, default=90)
    chosen = options.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uptime-bench-")))
        box = stack.enter_context(running_box(home, TEAM_MAX_MONITORS=str(chosen.monitors + 1_000)))
        visitors = populated(box, chosen.monitors, stack.enter_context(plain_site()), chosen.clients)
        time.sleep(chosen.warm_up_s)
        began = time.time()
        visit(visitors, rate=chosen.rate, ends=time.monotonic() + 60 * chosen.minutes)
        ended = time.time()
        time.sleep(10)  # what was due last is stored by then
        report(box, visitors[0].seen, began, ended)


def report(box: RunningBox, seen: Seen, began: float, ended: float) -> None:
    print(f"{'':<12}{'answers':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    for name, times in sorted(seen.took_ms.items()):
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        print(f"{name:<12}{len(times):>9}{cuts[49]:>9.1f}{cuts[94]:>9.1f}{cuts[98]:>9.1f}")
    total = sum(len(times) for times in seen.took_ms.values())
    print(f"{total / (ended - began):.1f} requests a second; neither success nor 304: {seen.bad() or 'none'}")
    print(slots(box, began, ended))
    with psycopg.connect(box.database_url) as connection:
        [kept] = connection.execute("SELECT count(*) FROM heartbeats_ping").fetchone() or [0]
    to_keep = sum(min(sent, PINGS_KEPT) for sent in seen.pings.values())
    print(f"pings: acknowledged {seen.pings.total()}, of which to be kept {to_keep}, kept {kept}")


def slots(box: RunningBox, began: float, ended: float) -> str:
    """What became of the slots between two moments."""
    with psycopg.connect(box.database_url) as connection:
        connection.execute("SET work_mem = '256MB'")
        row = connection.execute(LATENESS, [began, ended]).fetchone()
        span = [datetime.fromtimestamp(moment, UTC) for moment in (began, ended)]
        lost = len(connection.execute(LOST_OR_UNRECORDED, span).fetchall())
    assert row
    stored, unknown, (p50, p99) = row
    return f"slots: {stored} stored, {unknown} of them unknown, {lost} lost; lateness p50 {p50:.2f} s, p99 {p99:.2f} s"


if __name__ == "__main__":
    main()
