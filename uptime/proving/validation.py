"""Does the system do what it must? Each part is tried for real, on a site and rows of its own; nothing stays behind."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from django.db import Error, connection, transaction

from checks.selectors.health import pending_migrations
from common.commands import Word
from probes.contract import CheckRequest, CheckResult, Outcome, Reason
from probes.engine import Engine
from probes.guard import PUBLIC_ONLY
from uptime import doctor
from uptime.proving import performance, site

MANY = 100
MANY_WITHIN_S = 10.0
ROUND_TRIP_MS = 50.0
A_LOCK = 7_160_099
"""An advisory lock that nothing else takes."""


def validate() -> list[Word]:
    """Database, HTTP client, error handling, locking, performance, configuration."""
    with site.running() as address, closing(performance.loopback_engine()) as engine:
        parts: dict[str, Callable[[], Iterator[Word]]] = {
            "database": _database,
            "HTTP client": lambda: _http_client(engine, address),
            "error handling": lambda: _error_handling(engine, address),
            "locking": _locking,
            "performance": lambda: _performance(engine, address),
            "configuration": _configuration,
        }
        return [word for part, look in parts.items() for word in _try(part, look)]


def _try(part: str, look: Callable[[], Iterator[Word]]) -> list[Word]:
    try:
        return list(look())
    except Error as error:
        return [Word(part, "fail", f"the database refused: {str(error).partition(chr(10))[0]}")]


def _word(part: str, passed: bool, says: str) -> Word:
    return Word(part, "ok" if passed else "fail", says)


# -- the parts


def _database() -> Iterator[Word]:
    yield _word("database", not pending_migrations(), "its tables are those of this version")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE proving (key int PRIMARY KEY, word text) ON COMMIT DROP")
        for _twice in range(2):
            cursor.execute("INSERT INTO proving VALUES (1, 'möhre') ON CONFLICT DO NOTHING")
        cursor.execute("SELECT count(*), min(word) FROM proving")
        yield _word("database", cursor.fetchone() == (1, "möhre"), "what is written twice is there once")


def _http_client(engine: Engine, address: str) -> Iterator[Word]:
    result = _check(engine, f"{address}/")
    phases = (result.timings_ms.connect, result.timings_ms.first_byte, result.timings_ms.total)
    yield _word("HTTP client", result.outcome is Outcome.UP, f"a page is up: {_seen(result)}")
    yield _word("HTTP client", None not in phases, "the phases of a check are measured")


def _error_handling(engine: Engine, address: str) -> Iterator[Word]:
    expected = {
        "a status of 500": (f"{address}/500", Reason.UNEXPECTED_STATUS),
        "nobody listens": (f"http://127.0.0.1:{_closed_port()}/", Reason.CONNECT_REFUSED),
        "a slow answer": (f"{address}/slow", Reason.FIRST_BYTE_TIMEOUT),
        "half a page": (f"{address}/short", Reason.BODY_TRUNCATED),
    }
    for what, (url, reason) in expected.items():
        result = _check(engine, url, timeout_ms=1_000)
        yield _word(
            "error handling", (result.outcome, result.reason) == (Outcome.DOWN, reason), f"{what}: {_seen(result)}"
        )
    with closing(performance.loopback_engine(PUBLIC_ONLY)) as guarded:
        result = _check(guarded, f"{address}/")
        blocked = (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED)
        yield _word("error handling", blocked, f"a private address: {_seen(result)}")


def _locking() -> Iterator[Word]:
    """Beside this connection there is another, as another scheduler would have one."""
    with closing(connection.get_new_connection(connection.get_connection_params())) as other:
        other.autocommit = True
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [A_LOCK])
            taken = other.execute("SELECT pg_try_advisory_xact_lock(%s)", [A_LOCK]).fetchone()[0]
            yield _word("locking", not taken, "what one scheduler has in hand another does not get")
            cursor.execute("SELECT code FROM monitors_region ORDER BY code LIMIT 1 FOR UPDATE")
            if held := cursor.fetchone():
                seen = other.execute(
                    "SELECT code FROM monitors_region WHERE code = %s FOR UPDATE SKIP LOCKED", [held[0]]
                ).fetchall()
                yield _word("locking", not seen, "a locked row is passed over, not waited for")
            cursor.execute("SELECT pg_advisory_unlock(%s)", [A_LOCK])
        free = other.execute("SELECT pg_try_advisory_xact_lock(%s)", [A_LOCK]).fetchone()[0]
        yield _word("locking", free, "and it is free again afterwards")


def _performance(engine: Engine, address: str) -> Iterator[Word]:
    run = performance.measure(engine, address, MANY)
    yield _word(
        "performance",
        run.passed and run.seconds <= MANY_WITHIN_S,
        f"{run.up} of {MANY} sites are up, in {run.seconds:.1f} s of {MANY_WITHIN_S:.0f} s",
    )
    trips = []
    with connection.cursor() as cursor:
        for _again in range(20):
            begun = time.monotonic()
            cursor.execute("SELECT 1")
            trips.append((time.monotonic() - begun) * 1_000)
    typical = statistics.median(trips)
    yield _word("performance", typical <= ROUND_TRIP_MS, f"a question to the database takes {typical:.2f} ms")


def _configuration() -> Iterator[Word]:
    for word in doctor.look_at_settings():
        yield Word("configuration", word.state, word.says, word.remedy)


def _check(engine: Engine, url: str, timeout_ms: int = 5_000) -> CheckResult:
    return engine.run_one(CheckRequest("1", "http", {"url": url}, timeout_ms))


def _seen(result: CheckResult) -> str:
    return f"{result.outcome} {result.reason or ''}".strip()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
