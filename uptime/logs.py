"""How the server writes its log: one line an event, for people (console) or for machines (json)."""

from __future__ import annotations

import logging
import re
from typing import Any

import structlog
from celery.beat import SchedulingError
from celery.exceptions import Reject


class OutageInOneLine(logging.Filter):
    """Celery tells of a tick or a report that has to wait with stack traces; the reason is enough, every second."""

    def filter(self, record: logging.LogRecord) -> bool:
        reason = record.exc_info[1] if record.exc_info else None
        if isinstance(reason, SchedulingError | Reject):
            first_line = str(reason).partition("\n")[0]
            record.msg, record.args, record.exc_info = "Waiting: %s", (first_line,), None
        return True


PING_TOKEN = re.compile(r"(/ping/)[^/\s?\"'<>\\]+")


def without_tokens(_logger: Any, _method: str, line: str) -> str:
    """The address that a job reports to is a secret; Django names the address of every request that it refuses."""
    return PING_TOKEN.sub(r"\1********", line)


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: the standard library's loggers, rendered by structlog."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, sort_keys=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    renderer,
                    without_tokens,
                ],
            }
        },
        "filters": {"outage": {"()": OutageInOneLine}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Celery tells of every task received and done: at a batch a second that hides what matters.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.worker.request": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING", "filters": ["outage"]},
            "celery.beat": {"level": "WARNING", "filters": ["outage"]},
        },
    }
