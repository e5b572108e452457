"""A circuit breaker around the database, for what must not be lost while it is away: the regions' reports.

Five failures in a row open it, two successes close it. While it is open no report is tried. After 60 s at the latest
the next one is, which half-opens it; but the database is also asked a cheap question once a second, and its first
answer half-opens the breaker at once, so that nothing waits for a minute where a second is enough.

Each process that ingests has a breaker of its own and tells the others of it by the cache, which is a hint: the last
word counts, and it is forgotten when nobody repeats it. Why a library and no counter of ours: ADR 13.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from time import monotonic, sleep, time
from typing import Any, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache
from django.db import Error, InterfaceError, OperationalError, connection
from pybreaker import STATE_OPEN, CircuitBreaker, CircuitBreakerError, CircuitBreakerListener

from checks.selectors.health import BREAKER_WORD, BREAKER_WORD_LASTS_S

FAILURES_OPEN = 5
SUCCESSES_CLOSE = 2
HALF_OPEN_AFTER_S = 60
ASK_EVERY_S = 1.0
REPEAT_EVERY_S = 20

Open = CircuitBreakerError
"""The breaker is open: the work was not tried."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


def run(work: Callable[[], T], *, patience_s: float) -> T:
    """Do the work unless the breaker is open; then wait for so long for the database to answer again.

    Raises ``Open`` when it did not, and whatever the work raises.
    """
    _await_database(patience_s)
    return database.call(work)


def _await_database(seconds: float) -> None:
    deadline = monotonic() + seconds
    while database.current_state == STATE_OPEN:
        if _answers():
            database.half_open()
            return
        _herald.tell(STATE_OPEN, database.fail_counter)
        if monotonic() + ASK_EVERY_S > deadline:
            return
        sleep(ASK_EVERY_S)


def _answers() -> bool:
    connection.close()  # one that broke stays broken
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        return False
    return True


class _Herald(CircuitBreakerListener):
    """Tells others of each change, and now and then that all is well."""

    def __init__(self) -> None:
        self.since, self.told_at = int(time()), float("-inf")

    def state_change(self, cb: CircuitBreaker, old_state: Any, new_state: Any) -> None:
        self.since = int(time())
        logger.warning("The breaker around the database is %s, it was %s", new_state.name, old_state.name)
        self.tell(new_state.name, cb.fail_counter)

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        self.tell(cb.current_state, cb.fail_counter)

    def success(self, cb: CircuitBreaker) -> None:
        if monotonic() - self.told_at > REPEAT_EVERY_S:
            self.tell(cb.current_state, cb.fail_counter)

    def tell(self, state: str, failures: int) -> None:
        self.told_at = monotonic()
        with contextlib.suppress(Error):  # a cache in the database is away together with it
            cache.set(BREAKER_WORD, {"state": state, "since": self.since, "failures": failures}, BREAKER_WORD_LASTS_S)


def _is_no_failure(error: BaseException) -> bool:
    """Whatever else the work raises, the database answered. Out of time: it may hang."""
    return not isinstance(error, OperationalError | InterfaceError | SoftTimeLimitExceeded)


_herald = _Herald()
database = CircuitBreaker(
    fail_max=FAILURES_OPEN,
    reset_timeout=HALF_OPEN_AFTER_S,
    success_threshold=SUCCESSES_CLOSE,
    exclude=[_is_no_failure],
    listeners=[_herald],
    throw_new_error_on_trip=False,
)
