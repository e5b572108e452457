"""``/readyz``: what other machines ask of this one."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from checks import selectors


def readyz(_request: HttpRequest) -> JsonResponse:
    """Ready when the database, its migrations and the broker answer and every region has been heard of."""
    health = selectors.health()
    return JsonResponse(health, status=200 if health["status"] == "ok" else 503)
