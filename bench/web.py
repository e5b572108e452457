"""What people wait for: p50 and p95 of the pages they look at all day, and the bytes on the wire.

    .venv/bin/python bench/web.py [--monitors 10000] [--requests 200] [--quick] [--status /status/demo/]

Fills a PostgreSQL of its own as bench/reads.py does (that one also tells CPU and queries, and reads years) and asks the
web server as `make run` starts it over loopback, packed by gzip as a browser asks. With DATABASE_URL set, that database
is read as it is. `--quick`: 200 monitors, 20 requests, to see that the script works; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

from bench.stage.people import Past, Person, join
from bench.stage.programs import web
from bench.stage.reading import LIMIT_MS, Row, middle_and_slow, usual_rows, with_a_past

STATIC = Path(__file__).resolve().parent.parent / "static"
FILES = ("style.css", "app.js", "keys.js", "list.js", "vendor/htmx/htmx.min.js")
BUDGET_KB = 150


def rows(past: Past, status_page: str) -> list[Row]:
    found = [
        Row("list, first page", "/monitors/"),
        Row("list, last page", f"/monitors/?page={past.pages}"),
        Row("list, by tag and region, failed lately", "/monitors/?tag=demo&region=usa&failed=24h"),
        Row("list, live part", "/monitors/rows/"),
        Row("list, live part, nothing new", "/monitors/rows/", known=True),
        *usual_rows(past),
    ]
    return found + ([Row("status page", status_page)] if status_page else [])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--monitors", type=int, default=10_000)
    options.add_argument("--days", type=int, default=3, help="of history")
    options.add_argument("--requests", type=int, default=200, help="for each row")
    options.add_argument("--quick", action="store_true", help="small, to see that it works")
    options.add_argument("--status", default="", help="the address of a public status page in that database")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.monitors, chosen.days, chosen.requests = 200, 2, 20
    with ExitStack() as stack:
        env = stack.enter_context(with_a_past(chosen.monitors, chosen.days))
        site, _server = stack.enter_context(web(env))
        person = Person(site)
        past = join(env["DATABASE_URL"], person.email)
        person.sign_in()
        print(f"{past.pages} pages of 50 monitors; {chosen.requests} requests a row, one at a time")
        print(f"{'':<42}{'p50 ms':>8}{'p95 ms':>8}{'kB sent':>9}")
        sizes = {row.name: measure(row, person, requests_made=chosen.requests) for row in rows(past, chosen.status)}
        files = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in FILES) / 1000
        whole = sizes["list, first page"] + files
        over = "" if whole < BUDGET_KB else "  over"
        print(f"the list with its styles and scripts: {whole:.0f} kB of {BUDGET_KB} kB{over}")


def measure(row: Row, person: Person, *, requests_made: int) -> float:
    """Print the row; the mean size of an answer, kB."""
    person.renew()
    times, sizes = [], []
    headers = dict(person.bearer) if row.address.startswith("/api/") else {}
    headers["Accept-Encoding"] = "gzip"
    for number in range(requests_made):
        address = person.site + row.address_of(number)
        if row.known:
            headers["If-None-Match"] = person.http.get(address, timeout=60).headers["ETag"]
        begun = time.perf_counter()
        answer = person.http.get(address, headers=headers, stream=True, timeout=60)
        sent = len(answer.raw.read(decode_content=False))
        times.append(1000 * (time.perf_counter() - begun))
        sizes.append(sent / 1000)
        assert answer.status_code in {200, 304}, (address, answer.status_code)
    p50, p95 = middle_and_slow(times)
    size = statistics.fmean(sizes)
    print(f"{row.name:<42}{p50:>8.1f}{p95:>8.1f}{size:>9.1f}{'  over' if p95 > LIMIT_MS else ''}", flush=True)
    return size


if __name__ == "__main__":
    main()
