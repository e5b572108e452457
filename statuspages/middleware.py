"""Hosts that are status pages of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponseBase
from django.http.request import split_domain_port, validate_host

from statuspages.selectors.pages import domains


class StatusDomainMiddleware:
    """Lets a host in that ALLOWED_HOSTS does not know when it is the domain of a published page.

    Such a request gets that page's routes and nothing else of the product. All other hosts go on to be refused. Our own
    hosts cost nothing here: a page cannot have one of them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        host = request.META.get("HTTP_HOST", "")
        domain, _ = split_domain_port(host)
        if domain and not validate_host(domain, settings.ALLOWED_HOSTS) and (slug := _page_at(domain)):
            request.status_page = slug  # type: ignore[attr-defined]
            request.urlconf = "statuspages.domain_urls"
            request.get_host = lambda: host  # type: ignore[method-assign]
        return self.get_response(request)


def _page_at(domain: str) -> str | None:
    with suppress(Error):  # without the database, and nothing kept: unknown
        return domains().get(domain)
    return None
