"""``/api/maintenance``: plan work, see when it takes place, start and stop it for a deploy."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import membership_of, person_of
from common.paging import page_by, read_flag
from common.schema import query
from common.serializers import read_body
from maintenance import selectors, services
from maintenance.models import Window
from maintenance.serializers import OccurrenceOutput, StartInput, WindowInput, WindowOutput


def window_of(request: Request, pk: UUID) -> Window:
    return get_object_or_404(selectors.windows_of(membership_of(request.user).team), pk=pk)


class WindowList(APIView):
    @extend_schema(
        parameters=[query("to_come", "those that are going on or come again", kind="flag")],
        responses=WindowOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """The team's windows, newest first: ``?to_come=true &limit= &cursor=``."""
        asked = request.query_params
        found = selectors.windows_of(membership_of(request.user).team)
        if read_flag(asked, "to_come"):
            found = found.filter(next_ends__isnull=False)
        page, more = page_by(found, asked, order=("-created_at", "id"))
        return Response({"results": WindowOutput(page, many=True).data, "next": more})

    @extend_schema(request=WindowInput, responses={201: WindowOutput})
    def post(self, request: Request) -> Response:
        """Plan a window: ``title``, ``starts``, ``minutes``, and which monitors."""
        team, by = membership_of(request.user).team, person_of(request.user)
        window = services.plan_window(team=team, by=by, **read_body(WindowInput, request))
        return Response(WindowOutput(window).data, status=status.HTTP_201_CREATED)


class WindowDetail(APIView):
    @extend_schema(responses=WindowOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One window, and when it comes next."""
        return Response(WindowOutput(window_of(request, pk)).data)

    @extend_schema(request=WindowInput, responses=WindowOutput)
    def put(self, request: Request, pk: UUID) -> Response:
        """Replace the whole plan: what is left out gets its default."""
        window = window_of(request, pk)
        fields = services.defaults() | read_body(WindowInput, request)
        return Response(WindowOutput(services.change_window(window, **fields)).data)

    @extend_schema(request=WindowInput, responses=WindowOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named."""
        fields = read_body(WindowInput, request, partial=True)
        return Response(WindowOutput(services.change_window(window_of(request, pk), **fields)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a plan. What was already counted as maintenance stays so."""
        services.delete_window(window_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WindowPreview(APIView):
    unpaged = True

    @extend_schema(responses=OccurrenceOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """The next ten occurrences, in local time and in UTC."""
        coming = services.preview(window_of(request, pk), now=timezone.now())
        return Response({"results": OccurrenceOutput(coming, many=True).data})


class PlanPreview(APIView):
    @extend_schema(request=WindowInput, responses=OccurrenceOutput(many=True))
    def post(self, request: Request) -> Response:
        """The next ten occurrences of a plan that is not stored yet."""
        team = membership_of(request.user).team
        fields = read_body(WindowInput, request)
        fields.pop("monitors", None)
        coming = services.preview_of(team=team, now=timezone.now(), **fields)
        return Response({"results": OccurrenceOutput(coming, many=True).data})


class MaintenanceStart(APIView):
    @extend_schema(request=StartInput, responses={201: WindowOutput})
    def post(self, request: Request) -> Response:
        """Begin this moment, for so many minutes at most; stop it when the deploy is done."""
        team, by = membership_of(request.user).team, person_of(request.user)
        window = services.start_now(team=team, by=by, **read_body(StartInput, request))
        return Response(WindowOutput(window).data, status=status.HTTP_201_CREATED)


class WindowStart(APIView):
    @extend_schema(operation_id="maintenance_start_early", request=None, responses=WindowOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Begin what is planned next this moment; it ends as planned."""
        return Response(WindowOutput(services.start_early(window_of(request, pk))).data)


class MaintenanceStop(APIView):
    @extend_schema(request=None, responses=WindowOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """End what is going on; a plan that repeats goes on with its next time."""
        return Response(WindowOutput(services.stop(window_of(request, pk))).data)
