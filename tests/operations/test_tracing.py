"""OpenTelemetry, switched on by its variable: what a collector hears of a request and of the task that it causes."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from accounts.models import User
from accounts.services.programs import open_api_session
from onebox.servers import free_port
from probes import log, tracing
from probes.names import CENTRAL_QUEUE
from tests.conftest import MakeMonitor
from tests.loopback import Asked, listening
from tests.operations.running import address_of
from tests.operations.test_logs import written
from tests.probes.region import ROOT, wait_until

GUNICORN = ["gunicorn", "uptime.wsgi", "--preload", "--workers", "1", "--threads", "2", "--no-control-socket"]
WORKER = ["celery", "-A", "uptime", "worker", "-Q", CENTRAL_QUEUE, "-c", "1"]


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace: bytes
    words: tuple[str, ...]
    """The values of its attributes, as far as they are texts."""


@dataclass
class Collector:
    """Takes what OTLP over HTTP brings."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def take(self, asked: Asked) -> None:
        body = gzip.decompress(asked.body) if asked.headers.get("Content-Encoding") == "gzip" else asked.body
        for found in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {pair.key: pair.value.string_value for pair in found.resource.attributes}
            self.spans += [
                Span(
                    about["service.name"],
                    span.name,
                    span.trace_id,
                    tuple(pair.value.string_value for pair in span.attributes),
                )
                for scope in found.scope_spans
                for span in scope.spans
            ]
        asked.reply()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    with listening(one.take) as one.url:
        yield one


@contextmanager
def processes(directory: Path, commands: list[list[str]], **environment: str) -> Iterator[None]:
    env = os.environ | {"DATABASE_URL": address_of()} | environment
    with (directory / "log").open("wb") as out:
        started = [
            subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=out, stderr=out)
            for command in commands
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=30)


def ask(port: int, path: str, *, access: str = "") -> int:
    url, headers = f"http://127.0.0.1:{port}{path}", {"Authorization": f"Bearer {access}"}
    with suppress(requests.ConnectionError):
        answer = requests.post(url, json={}, headers=headers, timeout=20) if access else requests.get(url, timeout=20)
        return answer.status_code
    return 0


@pytest.mark.processes
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_a_request_and_the_task_that_it_causes_are_one_trace(
    collector: Collector, owner: User, make_monitor: MakeMonitor, tmp_path: Path
) -> None:
    monitor, access, port = make_monitor(), open_api_session(user=owner).access, free_port()
    commands = [[*GUNICORN, "--bind", f"127.0.0.1:{port}"], WORKER]
    switched_on = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    route = "api/monitor/<uuid:pk>/check"

    def asked_and_seen() -> bool:
        """The ring that a request sends is worth five seconds: a worker that takes longer needs another one."""
        assert ask(port, f"/api/monitor/{monitor.pk}/check", access=access) == 202
        with suppress(AssertionError):
            wait_until(lambda: is_whole(collector.spans, f"POST {route}"), seconds=10)
        return is_whole(collector.spans, f"POST {route}")

    with processes(tmp_path, commands, **switched_on, SITE_URL=f"http://127.0.0.1:{port}"):
        wait_until(lambda: ask(port, "/healthz") == 200, seconds=60)
        wait_until(lambda: any(span.service == "uptime-worker" for span in list(collector.spans)), seconds=60)
        wait_until(asked_and_seen, seconds=60)
    told = "\n".join(word for span in collector.spans for word in span.words)
    assert str(monitor.pk) not in told, "addresses hold secrets: a span names the route"
    assert access not in told
    assert not [span for span in collector.spans if "healthz" in span.name]


def is_whole(spans: list[Span], request: str) -> bool:
    """Whether a trace has the request, a statement of its own, the task that it causes, and a statement of that."""

    def traces(service: str, name: str) -> set[bytes]:
        return {span.trace for span in list(spans) if (span.service, span.name) == (service, name)}

    task = traces("uptime-worker", "run/checks.dispatch_wanted") & traces("uptime-worker", "SELECT")
    return bool(traces("uptime-web", request) & traces("uptime-web", "SELECT") & task)


def test_nothing_of_it_is_imported_while_it_is_off() -> None:
    code = "import sys, uptime.wsgi, probes.worker; sys.exit('opentelemetry.sdk' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_switch_it(environ: dict[str, str], wanted: bool) -> None:
    assert tracing.is_wanted(environ) is wanted


def test_lines_of_the_log_name_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "hello", (), None)
    assert "trace_id" not in log.JsonLine().format(record) + written("json", "hello")
    monkeypatch.setattr(tracing, "_present_span", trace.get_current_span)
    about = trace.SpanContext(trace_id=10, span_id=11, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(about)):
        lines = [log.JsonLine().format(record), written("json", "hello")]
    for line in lines:
        assert f'"trace_id": "{10:032x}"' in line
        assert f'"span_id": "{11:016x}"' in line
