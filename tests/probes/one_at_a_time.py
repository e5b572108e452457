"""A worker for tests that takes one message at a time and holds it until it is told to go on."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

from probes.broker import broker_settings
from probes.stuck import ConnectAnew

app = Celery("one_at_a_time", broker=os.environ.get("CELERY_BROKER_URL"), set_as_current=False)
app.conf.update(broker_settings())
app.steps["consumer"].add(ConnectAnew)


@app.task(name="hold")
def hold(directory: str, name: str) -> None:
    """Say that it has begun, wait until it may end, say that it is done."""
    here = Path(directory)
    (here / f"{name}.begun").touch()
    while not (here / f"{name}.may-end").exists():
        time.sleep(0.05)
    (here / f"{name}.done").touch()
