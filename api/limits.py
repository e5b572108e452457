"""``RateLimit``: what is left of every limit that a request was counted against.

As in draft-ietf-httpapi-ratelimit-headers: ``RateLimit-Policy: "key";q=600;w=60`` and ``RateLimit: "key";r=599;t=42``.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.access.throttles import counts_of


class LimitsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith("/api/") and (counts := counts_of(request)):
            policies = (f'"{one.name}";q={one.most};w={one.per_s}' for one in counts)
            left = (f'"{one.name}";r={one.left};t={one.reset_s}' for one in counts)
            response.headers["RateLimit-Policy"], response.headers["RateLimit"] = ", ".join(policies), ", ".join(left)
        return response
