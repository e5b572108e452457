"""``/api/imports``: monitors from another tool's export; ``/api/imports/parity``: whether the two tools agree."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.rules import Role
from accounts.selectors import membership_of
from common.serializers import StrictJSONParser
from imports import services
from imports.serializers import FileInput, ImportInput, ImportPlanOutput, ParityOutput


class Imports(APIView):
    parser_classes = [StrictJSONParser, MultiPartParser]
    throttle_scope = "imports"

    @extend_schema(request=ImportInput, responses=ImportPlanOutput)
    def post(self, request: Request) -> Response:
        """Say what an import would do, or do it (``apply``): monitors that were imported before are updated."""
        serializer = ImportInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        said, team = serializer.validated_data, membership_of(request.user).team
        export = services.read(said["source"], serializer.data_of_file)
        act = services.apply if said["apply"] else services.preview
        plan = act(team=team, source=said["source"], export=export, origin=said["origin"], shadow=said["shadow"])
        return Response(ImportPlanOutput(plan, context={"applied": plan.applied}).data)


class ImportParity(APIView):
    parser_classes = [StrictJSONParser, MultiPartParser]
    needed_role = Role.VIEWER
    throttle_scope = "imports"

    @extend_schema(request=FileInput, responses=ParityOutput)
    def post(self, request: Request) -> Response:
        """Compare what the other tool said of imported monitors with what we said. Stores nothing."""
        serializer = FileInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        said, team = serializer.validated_data, membership_of(request.user).team
        data = serializer.data_of_file
        found = services.compare(team=team, source=said["source"], data=data, origin=said["origin"])
        return Response(ParityOutput({"results": found}).data)
