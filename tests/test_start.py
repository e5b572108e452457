"""What the server says when it cannot know where its broker and cache are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from onebox.box import ROOT

SAY = "from uptime import settings as s; print(s.CELERY_BROKER_URL.partition(':')[0], s.CACHES['default']['BACKEND'])"
SQL = "sqla+postgresql+psycopg://uptime@db/uptime"


def start(*program: str, **broker: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "CELERY_BROKER_URL"}}
    command = [sys.executable, *(program or ("-c", SAY))]
    return subprocess.run(
        command, cwd=ROOT, env=environment | broker, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ({"REDIS_URL": "redis://r/0"}, "redis django_redis.cache.RedisCache"),
        ({"REDIS_URL": "", "CELERY_BROKER_URL": SQL}, "sqla+postgresql+psycopg uptime.cache.CountingCache"),
    ],
)
def test_the_cache_is_in_postgresql_where_there_is_no_redis(broker: dict[str, str], said: str) -> None:
    started = start(**broker)
    assert started.stdout.strip() == said, started.stderr


@pytest.mark.parametrize(
    ("broker", "named"),
    [({}, "neither REDIS_URL nor"), ({"CELERY_BROKER_URL": "sqla+sqlite:///x"}, "CELERY_BROKER_URL must start with")],
)
def test_without_either_it_says_so_in_one_sentence(broker: dict[str, str], named: str) -> None:
    started = start(**broker)
    assert started.returncode != 0
    assert started.stderr.startswith(f"uptime cannot start: {named}")
    assert started.stderr.count("\n") == 1


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_web_server_says_so_once_and_tries_no_more(processes: str) -> None:
    started = start("-m", "gunicorn", "uptime.wsgi", "--bind", "127.0.0.1:0", WEB_CONCURRENCY=processes)
    assert started.returncode != 0
    assert started.stderr.count("uptime cannot start: neither REDIS_URL nor") == 1
    assert "Traceback" not in started.stderr
