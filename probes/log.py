"""How a region's worker writes its log: one line an event, for people (console) or for machines (json)."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from probes import tracing
from probes.settings import BadSetting, value

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMS = ("console", "json")
CHATTY = ("celery.worker.strategy", "celery.worker.request", "celery.app.trace", "kombu")
"""Loggers that tell of every batch."""


class Line(logging.Formatter):
    """``2026-01-31T12:00:00Z [info] message [logger]``"""

    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in tracing.ids().items())
        return f"{_moment(record)} [{record.levelname.lower()}] {super().format(record)} [{record.name}]{ids}"


class JsonLine(logging.Formatter):
    """The same fields as the server's JSON log."""

    def format(self, record: logging.LogRecord) -> str:
        told = {"event": super().format(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**told, **tracing.ids(), "timestamp": _moment(record)})


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def set_up(environ: Mapping[str, str] = os.environ) -> None:
    """Log to standard error as LOG_LEVEL and LOG_FORMAT say. Raises ``BadSetting``."""
    level, form = value(environ, "LOG_LEVEL") or "INFO", value(environ, "LOG_FORMAT") or "console"
    if level not in LEVELS:
        raise BadSetting(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}.")
    if form not in FORMS:
        raise BadSetting(f"LOG_FORMAT is {form!r}; it must be one of {', '.join(FORMS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if form == "json" else Line())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
