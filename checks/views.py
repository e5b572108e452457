"""``/readyz``: what other machines ask of this one."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from checks.selectors.health import health


def readyz(_request: HttpRequest) -> JsonResponse:
    """Ready when the database, its migrations and the broker answer and every region has been heard of."""
    found = health()
    return JsonResponse(found, status=200 if found["status"] == "ok" else 503)
