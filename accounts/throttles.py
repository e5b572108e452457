"""How often one client may knock. The rates are in the settings, by scope."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

from accounts.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView


class CountingThrottle(SimpleRateThrottle):
    """Counts in fixed windows, with one atomic increment.

    DRF's own way (read a list, append, write it back) forgets all but one of the tries that come at once.
    Without Redis there is nothing to count with, and the request passes: a lost cache must lock nobody out.
    """

    num_requests: int
    duration: int

    def allow_request(self, request: Any, view: Any) -> bool:
        address = self.get_cache_key(request, view)
        window, self._elapsed = divmod(time.time(), self.duration)
        key = f"{address}:{int(window)}"
        cache.add(key, 0, timeout=self.duration)
        try:
            count: int | None = cache.incr(key)
        except ValueError:  # the window closed between the two calls
            return True
        return count is None or count <= self.num_requests  # None: Redis is away

    def wait(self) -> float:
        return self.duration - self._elapsed


class KeyThrottle(CountingThrottle):
    """Of one API key, over all that it asks for. People and the doors are not counted here."""

    scope = "key"

    def allow_request(self, request: Request, view: APIView) -> bool:
        return not isinstance(request.auth, ApiKey) or super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}


class ScopedThrottle(ScopedRateThrottle, CountingThrottle):
    """For API views and pages alike: ``throttle_scope`` names the bucket; a page and its API twin share one.

    Counts a signed-in user by id and anybody else by address.
    """

    def allow_request(self, request: Request | HttpRequest, view: APIView | View) -> bool:
        return super().allow_request(request, view)

    def get_ident(self, request: Request) -> str:
        """The client's address, seen past our own proxies. In IPv6 one customer holds a whole /64."""
        text = super().get_ident(request)
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return text
