"""Beat by itself: it knows the broker, and rings for everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from redis import Redis

from probes.names import ALERTS_QUEUE, CENTRAL_QUEUE
from uptime.broker import TICKS, publisher_settings

RING = """
import sys
from uptime.beat import app
beat = app.Beat()
beat.init_loader()
beat.setup_logging()
scheduler = beat.Service(app=app, scheduler_cls="celery.beat:Scheduler").get_scheduler()
for entry in list(scheduler.schedule.values())[:int(sys.argv[1])]:
    scheduler.apply_entry(entry)
"""


def ring(broker: str, *, times: int = len(TICKS), worked: str = "") -> subprocess.CompletedProcess[str]:
    """Once for each tick, with nothing of the settings in the environment but the broker's address."""
    environment = {"PATH": os.environ["PATH"], "CELERY_BROKER_URL": broker, "LOG_FORMAT": "json", "WORK_FILE": worked}
    command = [sys.executable, "-c", RING, str(times)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_beat_rings_for_every_tick(tmp_path: Path) -> None:
    address = urlsplit(os.environ["REDIS_URL"])._replace(path="/15").geturl()  # nobody else's queues
    with Redis.from_url(address) as broker:
        try:
            told = ring(address, worked=str(tmp_path / "worked"))
            queues = {name: broker.lrange(name, 0, -1) for name in (CENTRAL_QUEUE, ALERTS_QUEUE)}
        finally:
            broker.flushdb()
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "worked").exists(), "the container's health check looks for it"
    rung = {(json.loads(message)["headers"]["task"], name) for name, queue in queues.items() for message in queue}
    assert rung == {(tick["task"], tick["options"]["queue"]) for tick in TICKS.values()}
    assert all(json.loads(message)["headers"]["expires"] for queue in queues.values() for message in queue)


def test_beat_without_a_broker_says_so_in_one_line_a_tick() -> None:
    told = ring("redis://:canary-of-our-own@127.0.0.1:1/0", times=2)
    lines = [json.loads(line) for line in told.stderr.splitlines()]
    assert [line["event"][:8] for line in lines] == ["Waiting:"] * 2
    assert "canary" not in told.stderr


def test_beat_without_an_address_says_what_to_set() -> None:
    told = ring("")
    assert told.returncode == 1
    assert told.stderr.strip().startswith("uptime cannot start: neither REDIS_URL nor CELERY_BROKER_URL is set")


def test_beat_goes_by_the_time_of_the_site() -> None:
    """Celery read it from Django once; a schedule file that was written then is still good."""
    assert publisher_settings()["timezone"] == settings.TIME_ZONE
