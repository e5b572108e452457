"""Which requests concern the API's own rules, and how a middleware refuses one in the API's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

View = Callable[..., HttpResponse]


def api_view_of(view: View) -> type[APIView] | None:
    """The class behind a route of the API; None for pages."""
    kind = getattr(view, "cls", None)
    return kind if isinstance(kind, type) and issubclass(kind, APIView) else None


def run(view: View, request: HttpRequest, args: Any, kwargs: Any) -> HttpResponse:
    """The view's whole answer, written out."""
    response = view(request, *args, **kwargs)
    return cast(HttpResponse, response.render()) if isinstance(response, Response) else response


def refuse(request: HttpRequest, refusal: APIException) -> HttpResponse:
    """As a view would have said it."""
    say = cast(Callable[..., Response], api_settings.EXCEPTION_HANDLER)
    response = say(refusal, {"request": Request(request)})
    response.accepted_renderer = JSONRenderer()
    response.accepted_media_type = JSONRenderer.media_type
    response.renderer_context = {}  # type: ignore[attr-defined]
    return cast(HttpResponse, response.render())
