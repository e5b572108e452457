"""The log: one line an event, with what it belongs to, without secrets, whatever strangers write into it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.test import Client
from django_redis.cache import RedisCache
from pytest_django import Settings
from structlog.contextvars import bound_contextvars

from onebox.servers import Valkey
from uptime import logs
from uptime.celery import app

OURS = "canary-of-our-own"


def formatter(form: str) -> logging.Formatter:
    given = dict(logs.configuration(form=form, level="INFO", secrets=[OURS])["formatters"]["line"])
    return structlog.stdlib.ProcessorFormatter(**{name: given[name] for name in given if name != "()"})


def written(form: str, message: str, *args: Any, exc_info: Any = None, **extra: Any) -> str:
    record = logging.getLogger("x").makeRecord("x", logging.WARNING, "f", 1, message, args, exc_info, extra=extra)
    return formatter(form).format(record)


def test_a_cache_that_is_away_takes_one_line_however_much_it_is_asked(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger(logs.CACHE)
    assert {type(each) for each in logger.filters} == {logs.OutageOfTheCache}  # one each time it is set up
    valkey = Valkey(tmp_path / "valkey", durable=False)
    cache = RedisCache(valkey.start(), settings.CACHES["default"])
    try:
        cache.set("name", "kept", 60)
        assert cache.get("name") == "kept"
    finally:
        valkey.stop()
    monkeypatch.setattr(logger, "filters", [logs.OutageOfTheCache(every_s=600)])
    assert [cache.get("name") for _ in range(5)] == [None] * 5
    [line] = told_of_the_cache(caplog)
    told = json.loads(formatter("json").format(line))
    assert told["event"].startswith("The cache does not answer: ")
    assert str(valkey.port) in told["event"]
    assert "exception" not in told
    monkeypatch.setattr(logger, "filters", [logs.OutageOfTheCache(every_s=0)])
    cache.get("name")
    assert len(told_of_the_cache(caplog)) == 2, "while it lasts it is told of again"


def told_of_the_cache(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == logs.CACHE]


HOSTILE = "first\r\nsecond\x1b[31m\x00\x9b2J\u2028third"


def test_a_hostile_value_is_one_json_line() -> None:
    line = written("json", "Refused %s", HOSTILE, where={"url": HOSTILE, "list": [HOSTILE]})
    assert line.isascii()
    assert not set(line) & {"\n", "\r", "\x1b", "\x00"}
    told = json.loads(line)
    assert told["event"].startswith("Refused first\\x0d\\x0asecond\\x1b[31m")
    assert "\\x1b" in told["where"]["list"][0]
    assert (told["level"], told["logger"]) == ("warning", "x")


def test_a_hostile_value_steers_no_terminal() -> None:
    line = written("console", "Refused %s", HOSTILE)
    assert not set(line) & {"\n", "\r", "\x1b", "\x00", "\x9b"}


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_of_a_megabyte_is_cut(form: str) -> None:
    line = written(form, "Refused %s", "x" * 1_048_576, more={"deep": ["y" * 1_048_576] * 1_000})
    assert len(line) < 150_000
    assert "(1048584 characters)" in line


@pytest.mark.parametrize(
    ("message", "extra"),
    [
        ("GET /ping/canary-1234/start", {}),
        ("sent Authorization: Bearer canary-1234", {}),
        ("postgresql://uptime:canary-1234@db/uptime", {}),
        ("?token=canary-1234&x=1", {}),
        ('{"password": "canary-1234"}', {}),
        ("hello", {"password": "canary-1234"}),
        ("hello", {"headers": {"Cookie": "sessionid=canary-1234", "X-Api-Key": "canary-1234"}}),
        ("hello", {"request": type("Request", (), {"__repr__": lambda _: "<GET '/ping/canary-1234'>"})()}),
        (f"hello {OURS}", {"setting": [OURS]}),
        ("x" * 1_990 + OURS, {}),  # half of it would be within what is shown
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_written(form: str, message: str, extra: dict[str, Any]) -> None:
    line = written(form, message, **extra)
    assert "canary" not in line
    assert "***" in line


def test_a_secret_in_a_stack_trace_is_not_written() -> None:
    try:
        raise ValueError(f"no database at postgresql://uptime:canary-1234@db/uptime with {OURS}")
    except ValueError:
        line = written("json", "It failed", exc_info=sys.exc_info())
    told = json.loads(line)["exception"]
    assert "Traceback" in told
    assert "ValueError: no database at" in told
    assert "canary" not in line


def test_the_log_stays_readable_json() -> None:
    told = json.loads(written("json", 'GET "/ping/abc-DEF_1/start?rid=2"', path="/ping/abc"))
    assert (told["event"], told["path"]) == ('GET "/ping/********/start?rid=2"', "/ping/********")


def test_a_line_says_what_it_belongs_to() -> None:
    with bound_contextvars(request_id="abc", batch="usa/1"):
        told = json.loads(written("json", "hello"))
    assert (told["request_id"], told["batch"]) == ("abc", "usa/1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "given", "kept"),
    [(1, "from-the-proxy", True), (0, "from-a-stranger", False), (1, "a\tb c<>", False), (1, "x" * 200, False)],
)
def test_a_request_has_an_id(client: Client, settings: Settings, proxies: int, given: str, kept: bool) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    answer = client.get("/login/", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is kept
    assert len(answer.headers["X-Request-ID"]) <= 64


def test_a_task_says_which_it_is() -> None:
    found: dict[str, Any] = {}

    @app.task(name="tests.look", bind=True)
    def look(_self: Any) -> None:
        found.update(structlog.contextvars.get_contextvars())

    try:
        look.apply(task_id="the-id")
    finally:
        app.tasks.pop("tests.look")
    assert (found["task"], found["task_id"]) == ("tests.look", "the-id")
    assert structlog.contextvars.get_contextvars() == {}
