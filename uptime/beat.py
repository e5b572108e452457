"""Beat's Celery app: ``python -m probes.serve -A uptime.beat beat``.

It rings by name, so it needs none of what it rings for: no tasks, no models, no settings but where the broker is, and
no Django. ``celery -A uptime beat`` rings for the same, in twice the memory and without traces.
"""

from __future__ import annotations

from logging.config import dictConfig
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from celery.signals import after_task_publish, beat_init, setup_logging

from probes import tracing, worked
from uptime import logs
from uptime.broker import CELERY_BROKER_URL, publisher_settings

app = Celery("uptime", fixups=[])  # one of them would load Django where its variable is set
app.conf.update(publisher_settings())


@setup_logging.connect
def _log_as_the_others(**_: Any) -> None:
    dictConfig(logs.as_wanted([urlsplit(CELERY_BROKER_URL).password or ""]))


@beat_init.connect
def _trace_ticks(**_: Any) -> None:
    tracing.start("uptime-beat")


@after_task_publish.connect
def _note_work(**_: Any) -> None:
    """Beat's work is to publish ticks; there is one every second."""
    worked.note()
