"""``/api/config``: plan, apply and export a team's file, and its schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.rules import Role
from accounts.selectors import membership_of, person_of
from common.paging import read_flag
from common.serializers import read_body
from config import document, services
from config.document import BadDocument, Document
from config.rules import Delete, Plan
from config.schema import address, schema
from config.serializers import ConfigInput, PlanOutput
from probes.sentences import say

FORMS = ["yaml", "json"]
"""In which a file is given; the first unless said."""


class ConfigView(APIView):
    needed_role = look_role = Role.OWNER
    throttle_scope = "config"

    def answer(self, request: Request, act: Callable[..., Plan]) -> Response:
        fields = read_body(ConfigInput, request)
        found = act(
            team=membership_of(request.user).team,
            by=person_of(request.user),
            document=_document(fields),
            variables=fields.get("variables", {}),  # never the server's environment: anybody could read it then
            delete=Delete(fields["delete"]),
        )
        return Response(PlanOutput(asdict(found) | {"changed": bool(found.changes)}).data)


def _document(fields: dict[str, Any]) -> Document:
    if "config" in fields:
        return Document(fields["config"])
    try:
        return document.read(fields["yaml"])
    except BadDocument as error:
        raise ValidationError({"yaml": [str(error)]}) from error


class ConfigPlan(ConfigView):
    @extend_schema(request=ConfigInput, responses=PlanOutput)
    def post(self, request: Request) -> Response:
        """What applying this file would do; nothing is changed."""
        return self.answer(request, services.plan)


class ConfigApply(ConfigView):
    @extend_schema(request=ConfigInput, responses=PlanOutput)
    def post(self, request: Request) -> Response:
        """Make everything as the file says, or nothing at all; a second time changes nothing."""
        return self.answer(request, services.apply)


class ConfigExport(ConfigView):
    @extend_schema(
        parameters=[
            OpenApiParameter("as", str, enum=FORMS, description="`yaml` unless said"),
            OpenApiParameter("ids", bool, description="false: without them, for another team or server"),
        ],
        responses={(200, "application/yaml"): OpenApiTypes.OBJECT, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponse:
        """The file that says what the team has, secrets left out. ``?ids=false`` for another team or server."""
        query = request.query_params
        form = query.get("as") or FORMS[0]
        if form not in FORMS:
            raise ValidationError({"as": [say("must be one of {names}", names=", ".join(FORMS))]})
        found = services.export(membership_of(request.user).team, with_ids=read_flag(query, "ids") is not False)
        if form == "json":
            return JsonResponse(found)
        return HttpResponse(document.write(found, schema=address()), content_type="application/yaml; charset=utf-8")


class ConfigSchema(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """The file's JSON Schema, for editors."""
        return Response(schema())
