"""OpenTelemetry: what was done for whom, across processes, and how long it took, for a collector of the operator's.

The standard variable ``OTEL_EXPORTER_OTLP_ENDPOINT`` switches it on, and the other standard ones say the rest: which
traces are kept (``OTEL_TRACES_SAMPLER``), what else each should say (``OTEL_RESOURCE_ATTRIBUTES``), and so on. Without
it nothing of OpenTelemetry is imported, which is why the imports stand where they do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
MISSING = (
    f"{ENDPOINTS[0]} is set, but OpenTelemetry is not installed, so nothing is traced: install requirements-otel.txt, "
    "or build the image with --build-arg OTEL=1."
)

log = logging.getLogger(__name__)
_present_span: Callable[[], Any] | None = None


def is_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def start(service: str) -> bool:
    """From now on tell the collector of each of Celery's tasks in this process and in those that it forks.

    ``service`` is its name unless ``OTEL_SERVICE_NAME`` gives another. Says whether anything is told; once is enough.
    """
    global _present_span
    if _present_span or not is_wanted():
        return _present_span is not None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.celery import CeleryInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning(MISSING)
        return False
    about = {"service.namespace": "uptime", "service.name": os.environ.get("OTEL_SERVICE_NAME") or service}
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # begins anew in a forked process
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    _present_span = trace.get_current_span
    return True


def ids() -> dict[str, str]:
    """``trace_id`` and ``span_id`` of what is being done, for a line of the log; empty where nothing is traced."""
    about = _present_span().get_span_context() if _present_span else None
    if about is None or not about.is_valid:
        return {}
    return {"trace_id": f"{about.trace_id:032x}", "span_id": f"{about.span_id:016x}"}
