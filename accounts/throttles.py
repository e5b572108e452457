"""How often one client may knock. The rates are in the settings, by scope."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

from accounts import tries
from accounts.addresses import client_network
from accounts.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView


class CountingThrottle(SimpleRateThrottle):
    """Counts in PostgreSQL.

    DRF's own way (read a list from the cache, append, write it back) forgets all but one of the tries that come at
    once, and all of them while the cache is away.
    """

    scope: str
    num_requests: int
    duration: int

    def allow_request(self, request: Any, view: Any) -> bool:
        who = self.get_cache_key(request, view) or ""
        counted = tries.count(door=self.scope, who=who, span=timedelta(seconds=self.duration))
        self._wait_s = counted.wait_s
        return counted.number <= self.num_requests

    def wait(self) -> float:
        return self._wait_s


class KeyThrottle(SimpleRateThrottle):
    """Of one API key, over all that it asks for. People and the doors are not counted here.

    Counts in fixed windows in the cache, for a key may ask many times a second and guesses nothing: without Redis
    there is nothing to count with, and the request passes.
    """

    num_requests: int
    duration: int

    scope = "key"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            return True
        window, self._elapsed = divmod(time.time(), self.duration)
        key = f"{self.get_cache_key(request, view)}:{int(window)}"
        cache.add(key, 0, timeout=self.duration)
        try:
            count: int | None = cache.incr(key)
        except ValueError:  # the window closed between the two calls
            return True
        return count is None or count <= self.num_requests  # None: Redis is away

    def wait(self) -> float:
        return self.duration - self._elapsed

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}


class ScopedThrottle(ScopedRateThrottle, CountingThrottle):
    """For API views and pages alike: ``throttle_scope`` names the bucket; a page and its API twin share one.

    Counts a signed-in user by id and anybody else by address.
    """

    def allow_request(self, request: Request | HttpRequest, view: APIView | View) -> bool:
        return super().allow_request(request, view)

    def get_ident(self, request: Request) -> str:
        return client_network(request)
