"""How the server writes its log: one line an event, for people (console) or for machines (json).

Every line says what it belongs to: a request (``request_id``), a task (``task``, ``task_id``), a report (``batch``),
and where OpenTelemetry is on a trace (``trace_id``, ``span_id``).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, MutableMapping
from time import monotonic
from typing import Any

import structlog
from celery.beat import SchedulingError
from celery.exceptions import Reject

from probes import tracing
from probes.fields import MASK
from uptime import env

CACHE = "django_redis.cache"
CACHE_IS_TOLD_OF_EVERY_S = 10.0
"""In each process, while it is away."""


class OutageInOneLine(logging.Filter):
    """Celery tells of a tick or a report that has to wait with stack traces; the reason is enough, every second."""

    def filter(self, record: logging.LogRecord) -> bool:
        reason = record.exc_info[1] if record.exc_info else None
        if isinstance(reason, SchedulingError | Reject):
            _tell_the_reason(record, "Waiting: %s", reason)
        return True


class OutageOfTheCache(logging.Filter):
    """The cache tells of each question that Redis did not answer, with three stack traces; and a page asks many."""

    def __init__(self, every_s: float = CACHE_IS_TOLD_OF_EVERY_S) -> None:
        super().__init__()
        self._every_s, self._next_at = every_s, float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info or record.exc_info[1] is None:
            return True
        now = monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + self._every_s
        _tell_the_reason(record, "The cache does not answer: %s", record.exc_info[1])
        return True


def _tell_the_reason(record: logging.LogRecord, sentence: str, reason: BaseException) -> None:
    record.msg, record.args, record.exc_info = sentence, (str(reason).partition("\n")[0],), None


# --- what may stand in a line ---

LONGEST = 2_000
LONGEST_TRACE = 20_000
MOST_VALUES = 50
DEEPEST = 4
SHORTEST_SECRET = 8
SLACK = 400
"""A secret must not survive by being cut in two: so much more is looked at than is shown."""

SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|credential|api[-_]?key", re.IGNORECASE
)
SECRETS_IN_TEXT = (
    # The addresses that a job reports to and an invitation leads to are secrets; Django names the address of every
    # request that it refuses.
    (re.compile(r"(/ping/|/invitations/)[^/\s?\"'<>\\]+"), rf"\1{MASK}"),
    (re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"\b((?:pass(?:word|wd)|secret|token|api[-_]?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;})]+", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
)
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) != "\t"}
LINES = {code: seen for code, seen in CONTROLS.items() if chr(code) != "\n"}


class Tidy:
    """What a line may hold: no secret, nothing endless, and nothing that would steer a terminal or begin a new line.

    ``secrets``: the installation's own, wherever they turn up.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._secrets = sorted(known, key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        shown: dict[str, Any] = self._pairs(line, depth=0)
        if isinstance(trace := line.get("exception"), str):
            shown["exception"] = self._text(trace, LONGEST_TRACE, LINES)
        return shown

    def _pairs(self, values: Mapping[Any, Any], *, depth: int) -> dict[str, Any]:
        some = list(values.items())[:MOST_VALUES]
        return {
            self._text(str(name), LONGEST): MASK if SECRET_NAME.search(str(name)) else self._value(value, depth=depth)
            for name, value in some
        }

    def _value(self, value: Any, *, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < DEEPEST and isinstance(value, Mapping):
            return self._pairs(value, depth=depth + 1)
        if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth=depth + 1) for item in list(value)[:MOST_VALUES]]
        return self._text(value if isinstance(value, str) else _described(value), LONGEST)

    def _text(self, text: str, longest: int, controls: Mapping[int, str] = CONTROLS) -> str:
        shown = text[: longest + SLACK]
        for secret in self._secrets:
            shown = shown.replace(secret, MASK)
        for pattern, instead in SECRETS_IN_TEXT:
            shown = pattern.sub(instead, shown)
        cut = shown if len(text) <= longest else f"{shown[:longest]}... ({len(text)} characters)"
        return cut.translate(controls)


def _described(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  # a log must not fail for what it is told of
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _say_whose_trace(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line.update(tracing.ids())
    return line


def as_wanted(secrets: Iterable[str]) -> dict[str, Any]:
    """``configuration`` by ``LOG_FORMAT`` and ``LOG_LEVEL``."""
    return configuration(
        form=env.choice("LOG_FORMAT", "console", {"console", "json"}),
        level=env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"}),
        secrets=secrets,
    )


def configuration(*, form: str, level: str, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """Django's LOGGING: the standard library's loggers, rendered by structlog."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _say_whose_trace,
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
                    Tidy(secrets),
                    renderer,
                ],
            }
        },
        "filters": {"outage": {"()": OutageInOneLine}, "cache": {"()": OutageOfTheCache}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Celery tells of every task received and done: at a batch a second that hides what matters.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.worker.request": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING", "filters": ["outage"]},
            "celery.beat": {"level": "WARNING", "filters": ["outage"]},
            CACHE: {"filters": ["cache"]},
        },
    }
