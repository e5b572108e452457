"""PostgreSQL and Redis really gone: a process of its own whose settings point where nobody listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ASK = """
import json, time, django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
words = {"email": "ada@example.org", "password": "three grey herons"}
page = {"username": words["email"], "password": words["password"]}
asked = {
    "health": lambda: client.get("/healthz"),
    "log-in page": lambda: client.get("/login/"),
    "log-in form": lambda: client.post("/login/", page),
    "page with a session": lambda: client.get("/login/", headers={"Cookie": "sessionid=" + 32 * "a"}),
    "api log-in": lambda: client.post("/api/auth/login", words, "application/json"),
    "api sign-up": lambda: client.post("/api/auth/signup", words, "application/json"),
    "api unknown": lambda: client.get("/api/nothing"),
}
told = {}
for name, ask in asked.items():
    start = time.monotonic()
    answer = ask()
    seconds = time.monotonic() - start
    told[name] = [answer.status_code, answer.headers.get("Retry-After"), answer.content.decode(), seconds]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, list[Any]]:
    gone = {"DATABASE_URL": "postgres://u:p@127.0.0.1:1/uptime", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | gone | {"DJANGO_SETTINGS_MODULE": "uptime.settings"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("asked", ["log-in form", "page with a session"])
def test_a_page_that_needs_the_database_says_503(told: dict[str, list[Any]], asked: str) -> None:
    status, retry_after, page, _ = told[asked]
    assert (status, retry_after) == (503, "5")
    assert "<h1>Not available at the moment</h1>" in page
    assert "127.0.0.1" not in page


@pytest.mark.parametrize("asked", ["api log-in", "api sign-up"])
def test_the_api_says_503_in_json(told: dict[str, list[Any]], asked: str) -> None:
    status, retry_after, body, _ = told[asked]
    assert (status, retry_after) == (503, "5")
    assert json.loads(body)["code"] == "database_unavailable"


@pytest.mark.parametrize(("asked", "status"), [("health", 200), ("log-in page", 200), ("api unknown", 404)])
def test_what_needs_no_database_goes_on(told: dict[str, list[Any]], asked: str, status: int) -> None:
    assert told[asked][0] == status


def test_nobody_waits_long_for_the_bad_news(told: dict[str, list[Any]]) -> None:
    assert max(seconds for *_, seconds in told.values()) < 3
