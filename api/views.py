"""The API about itself: the OpenAPI document, and the same as a page."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.mixins import AccessMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access.authentication import BearerAuthentication
from api.description import Generator, document
from api.reading import sections_of

ANYTHING = {"type": "object"}


class MayRead(BasePermission):
    """Strangers too where the operator lets them (``API_DOCS_OPEN``), else whoever is signed in, or has a key."""

    def has_permission(self, request: Request, view: object) -> bool:
        return settings.API_DOCS_OPEN or bool(request.user and request.user.is_authenticated)


class Schema(SpectacularAPIView):
    generator_class = Generator
    # A browser's session as well, for the links on the page: there is nothing here that could be changed.
    authentication_classes = [BearerAuthentication, SessionAuthentication]
    permission_classes = [MayRead]

    @extend_schema(responses={(200, f"application/vnd.oai.openapi{form}"): ANYTHING for form in ("", "+json")}, auth=[])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """This description as OpenAPI 3.1, in YAML unless JSON is asked for."""
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


class Docs(AccessMixin, View):
    """The OpenAPI document for people: ``?q=`` shows the operations that have all of these words."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if not (settings.API_DOCS_OPEN or request.user.is_authenticated):
            return self.handle_no_permission()
        words = request.GET.get("q", "")[:100].strip()
        known, about = sections_of(document()), document()["info"]["description"]
        found = [section.having(words) for section in known] if words else known
        shown = {
            "sections": [section for section in found if section.operations],
            "all_sections": known,
            "words": words,
            "about": about.split("\n\n"),
            "number": sum(len(section.operations) for section in found),
        }
        return render(request, "api/docs.html", shown)
