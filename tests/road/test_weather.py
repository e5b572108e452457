"""The broker gone, the database gone, a region gone: pages answer, nothing is called down, and all of it comes back."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import partial

import pytest
import requests

from bench.stage import invariants
from tests.road.box import PASSWORD, Box, Program, site, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

GAP_S = 25
"""Longer than what is caught up with."""


def test_without_the_broker_pages_work_and_checking_goes_on_when_it_returns(box: Box) -> None:
    program = Program(box, "redis@example.com")
    with site() as url:
        monitor = program.watch(url)
        wait_until("it is up", lambda: program.monitor(monitor)["status"] == "up", seconds=20)
        browser = signed_in(box, "redis@example.com")

        box.valkey.stop()
        stopped = box.one("SELECT now()")
        assert program.call("get", f"site-stats/{monitor}").status_code == 200
        late = program.watch(f"{url}late")
        assert program.call("post", "monitoring/test", {"url": url}).status_code == 503
        assert browser.get(box.url("/monitors/"), timeout=5).status_code == 200
        wait_until(
            "the page says that checking is delayed",
            lambda: "delayed" in browser.get(box.url("/monitors/"), timeout=20).text.lower(),
            seconds=40,
        )
        status = program.call("get", "monitoring/status").json()
        assert status["delayed"] is True
        assert requests.get(box.url("/readyz"), timeout=5).status_code == 503
        assert requests.get(box.url("/healthz"), timeout=5).status_code == 200
        wait_until("the gap is one of several slots", lambda: lasted(box, stopped) > GAP_S, seconds=GAP_S)

        box.valkey.start()
        wait_until("checking goes on by itself", lambda: program.latest(late).keys() == {"usa", "india"}, seconds=45)
        wait_until("both are up", lambda: statuses(program, monitor, late) == {"up"}, seconds=45)
        resumed = box.one("SELECT now()")
        lost = partial(box.rows, invariants.LOST_OR_UNRECORDED, stopped, resumed)
        wait_until("every slot has a result or is in a recorded gap", lambda: not lost(), seconds=60)
        outcomes = {row["outcome"] for row in program.call("get", f"results/{monitor}/checks").json()["results"]}
        assert outcomes == {"up", "unknown"}  # the gap is there, and it is not the site's
        assert program.call("get", "incidents").json()["results"] == []
        for each in (monitor, late):
            program.call("delete", f"monitor/{each}")


def test_without_the_database_requests_get_503_and_results_are_kept(box: Box) -> None:
    program = Program(box, "postgres@example.com")
    browser = signed_in(box, "postgres@example.com")
    may_answer = threading.Event()
    with site(may_answer=may_answer) as url:
        monitor = program.watch(url, interval=60, timeout=30)
        sent = "SELECT 1 FROM checks_checkbatch WHERE state = 'open' AND sent_at IS NOT NULL AND id LIKE %s"
        first = f"%/wanted/%{monitor}%"
        wait_until("the checks are on their way", lambda: len(box.rows(sent, first)) == 2, seconds=10)
        box.postgres.stop()
        may_answer.set()

        page = browser.get(box.url("/monitors/"), timeout=20)
        assert page.status_code == 503
        assert "Traceback" not in page.text
        answer = program.call("get", "monitor")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert requests.get(box.url("/healthz"), timeout=5).status_code == 200
        assert requests.get(box.url("/readyz"), timeout=5).status_code == 503
        # The site has answered by now, nobody can store it, and soon nobody tries.
        wait_until("the breaker is open", lambda: breaker(box) == ("open", "failing"), seconds=40)

        box.postgres.start()
        wait_until("the first results are there", lambda: len(first_results(box, monitor)) == 2, seconds=40)
        assert {row["outcome"] for row in first_results(box, monitor)} == {"up"}
        assert {row["attempt"] for row in box.rows(FIRST_BATCHES, first)} <= {1, 2}
        wait_until("it is up", lambda: program.monitor(monitor)["status"] == "up", seconds=30)
        wait_until("the breaker is closed", lambda: breaker(box) == ("closed", "ok"), seconds=40)
        program.call("delete", f"monitor/{monitor}")


def lasted(box: Box, since: datetime) -> float:
    now: datetime = box.one("SELECT now()")
    return (now - since).total_seconds()


def breaker(box: Box) -> tuple[str, str]:
    """As `monitoring/health` tells it, with the word for the database."""
    health = requests.get(box.url("/api/monitoring/health"), timeout=20).json()
    return health["breaker"]["state"], health["parts"]["database"]


FIRST_BATCHES = "SELECT attempt FROM checks_checkbatch WHERE id LIKE %s"


def first_results(box: Box, monitor: str) -> list[dict[str, object]]:
    """The oldest result of each region."""
    oldest = "SELECT DISTINCT ON (region) outcome FROM checks_checkresult WHERE monitor_id = %s ORDER BY region, slot"
    return box.rows(oldest, monitor)


def statuses(program: Program, *monitors: str) -> set[str]:
    return {program.monitor(monitor)["status"] for monitor in monitors}


def signed_in(box: Box, email: str) -> requests.Session:
    """A browser's session, by the log-in form."""
    browser = requests.Session()
    form = browser.get(box.url("/login/"), timeout=20)
    token = browser.cookies["csrftoken"]
    assert form.status_code == 200
    answer = browser.post(
        box.url("/login/"),
        data={"username": email, "password": PASSWORD, "csrfmiddlewaretoken": token},
        headers={"Referer": box.url("/login/")},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    assert answer.url == box.url("/monitors/")
    return browser
