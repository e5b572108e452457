"""``/api/incidents``: what was down, since when, and why."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import membership_of
from incidents import selectors
from incidents.serializers import IncidentDetailOutput, IncidentOutput
from monitors.paging import page_of, read_cursor


class IncidentList(APIView):
    @extend_schema(responses=IncidentOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's incidents, newest first: ``?monitor= &open=true &limit= &cursor=``."""
        query = request.query_params
        found = selectors.find_incidents(
            membership_of(request.user).team,
            monitor=query.get("monitor", ""),
            only_open=query.get("open") == "true",
            after=read_cursor(query["cursor"], parts=2) if query.get("cursor") else None,
        )
        page, more = page_of(found, query, key=lambda incident: (incident.started_at, incident.pk))
        return Response({"results": IncidentOutput(page, many=True).data, "next": more})


class IncidentDetail(APIView):
    @extend_schema(responses=IncidentDetailOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One incident with its events and the votes that decided."""
        incident = get_object_or_404(selectors.incidents_of(membership_of(request.user).team), pk=pk)
        return Response(IncidentDetailOutput(incident).data)
