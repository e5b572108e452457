"""``/metrics``: what Prometheus asks."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from common.clock import database_now
from operations import metrics


@require_safe
def metrics_for_prometheus(request: HttpRequest) -> HttpResponse:
    """For whoever sends METRICS_TOKEN as a bearer token; without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse("METRICS_TOKEN is wanted as a bearer token.\n", status=401, content_type="text/plain")
    return HttpResponse(metrics.render(now=database_now()), content_type=CONTENT_TYPE_LATEST)
