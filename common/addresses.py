"""Where a request comes from, seen past our own proxies."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings


def client_address(request: HttpRequest | Request) -> str:
    """The address that the outermost of our proxies saw; what a client writes into the header itself is no address.

    ``TRUSTED_PROXY_COUNT`` says how many of the last entries of X-Forwarded-For are our own proxies' words.
    """
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    proxies = api_settings.NUM_PROXIES or 0
    if proxies and forwarded:
        return str(forwarded[-min(proxies, len(forwarded))])
    return str(request.META.get("REMOTE_ADDR") or "")


def client_network(request: HttpRequest | Request) -> str:
    """Whom to count as one client: an address, or in IPv6, where one customer holds it all, a /64."""
    text = client_address(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text


def plain_address(request: HttpRequest | Request) -> str | None:
    """The address if it is one: a proxy may write a port, a socket has none."""
    try:
        return str(ipaddress.ip_address(client_address(request)))
    except ValueError:
        return None
