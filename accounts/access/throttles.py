"""How often one client may knock. The rates are in the settings, by scope."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

from accounts.models import ApiKey
from accounts.services import tries
from common.addresses import client_network

if TYPE_CHECKING:
    from rest_framework.views import APIView


@dataclass(frozen=True)
class Count:
    """Where a request stands with one limit: ``left`` of ``most`` in ``per_s`` seconds, which end in ``reset_s``."""

    name: str
    most: int
    per_s: int
    left: int
    reset_s: int


def counts_of(request: HttpRequest) -> list[Count]:
    """The limits that this request was counted against so far."""
    return list(getattr(request, "counted_limits", {}).values())


class Throttle(SimpleRateThrottle):
    """A limit that leaves its count with the request, for the headers of the answer."""

    num_requests: int
    duration: int
    _wait_s: float

    def wait(self) -> float:
        return self._wait_s

    def judge(self, request: Any, count: int) -> bool:
        plain = getattr(request, "_request", request)
        if not hasattr(plain, "counted_limits"):
            plain.counted_limits = {}
        name, left = str(self.scope), max(0, self.num_requests - count)
        # By name: a request that looks before it changes something (If-Match) counts twice and says so once.
        plain.counted_limits[name] = Count(name, self.num_requests, self.duration, left, ceil(self._wait_s))
        return count <= self.num_requests


class CountingThrottle(Throttle):
    """Counts in PostgreSQL.

    DRF's own way (read a list from the cache, append, write it back) forgets all but one of the tries that come at
    once, and all of them while the cache is away.
    """

    scope: str

    def allow_request(self, request: Any, view: Any) -> bool:
        who = self.get_cache_key(request, view) or ""
        counted = tries.count(door=self.scope, who=who, span=timedelta(seconds=self.duration))
        self._wait_s = counted.wait_s
        return self.judge(request, counted.number)


class CallerThrottle(Throttle):
    """Of one caller over all of the API: an API key, a person, or the address of somebody unknown.

    Counts in fixed windows in the cache, for programs may ask many times a second and guess nothing here: without
    Redis there is nothing to count with, and the request passes.
    """

    rate: str | None = ""  # by who asks

    def __init__(self) -> None:
        """No rate yet: ``allow_request`` chooses it."""

    def allow_request(self, request: Request, view: APIView | None) -> bool:
        self.scope = _kind_of(request)
        self.rate = self.get_rate()
        if self.rate is None:
            return True
        self.num_requests, self.duration = self.parse_rate(self.rate)  # type: ignore[assignment]
        window, elapsed = divmod(time.time(), self.duration)
        self._wait_s = self.duration - elapsed
        key = f"{self.get_cache_key(request, view)}:{int(window)}"
        cache.add(key, 0, timeout=self.duration)
        try:
            count: int | None = cache.incr(key)
        except ValueError:  # the window closed between the two calls
            return True
        return count is None or self.judge(request, count)  # None: Redis is away

    def get_cache_key(self, request: Request, view: APIView | None) -> str:
        who = {"key": getattr(request.auth, "pk", None), "person": request.user.pk}.get(str(self.scope))
        return self.cache_format % {"scope": self.scope, "ident": who or client_network(request)}


def _kind_of(request: Request) -> str:
    if isinstance(request.auth, ApiKey):
        return "key"
    return "person" if request.user and request.user.is_authenticated else "anonymous"


class ScopedThrottle(ScopedRateThrottle, CountingThrottle):
    """For API views and pages alike: ``throttle_scope`` names the bucket; a page and its API twin share one.

    Counts a signed-in user by id and anybody else by address.
    """

    def allow_request(self, request: Request | HttpRequest, view: APIView | View) -> bool:
        return super().allow_request(request, view)

    def get_ident(self, request: Request) -> str:
        return client_network(request)


class PostThrottle(ScopedThrottle):
    """Counts what is done, not who only looks."""

    def allow_request(self, request: Request | HttpRequest, view: APIView | View) -> bool:
        return request.method != "POST" or super().allow_request(request, view)
