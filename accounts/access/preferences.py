"""What a signed-in person has chosen, for the time of a request."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from accounts.models import User
from accounts.services.sessions import note_visit

FOR_THE_WORLD = ("/api/", "/status/", "/subscription/", "/badge/")
"""Answers that are the same for everybody, and some of them kept for everybody: they choose for themselves."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PreferencesMiddleware:
    """Pages speak in the person's language and tell the time by their clocks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(FOR_THE_WORLD):
            return self.get_response(request)
        # Without the cookie nobody is asked for, so that a ping and a badge cost no query.
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        request.LANGUAGE_CODE = translation.get_language_from_request(request)
        if not isinstance(user, User):
            with translation.override(request.LANGUAGE_CODE):
                return self.get_response(request)
        note_visit(request)
        request.LANGUAGE_CODE = user.language or request.LANGUAGE_CODE
        with timezone.override(zone_of(user)), translation.override(request.LANGUAGE_CODE):
            return self.get_response(request)


def zone_of(user: User) -> ZoneInfo:
    """UTC for a zone that this machine no longer knows."""
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
