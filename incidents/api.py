"""``/api/incidents``: what was down, since when, why, and what people did about it."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import membership_of, person_of
from common.paging import page_by, read_flag, read_order
from common.schema import order, query
from common.serializers import read_body
from incidents import selectors
from incidents.handling import outages
from incidents.models import Incident
from incidents.serializers import ExplanationOutput, IncidentDetailOutput, IncidentOutput, NoteInput
from probes.sentences import say


class IncidentList(APIView):
    orders = ("-started_at", "started_at")

    @extend_schema(
        parameters=[
            query("monitor", "of this monitor", kind="uuid"),
            query("open", "those that are not over, or those that are", kind="flag"),
            order(orders),
        ],
        responses=IncidentOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """The team's incidents, newest first: ``?monitor= &open= &order= &limit= &cursor=``."""
        asked = request.query_params
        found = selectors.find_incidents(
            membership_of(request.user).team,
            monitor=asked.get("monitor", ""),
            only_open=bool(is_open := read_flag(asked, "open")),
        )
        if is_open is False:
            found = found.exclude(resolved_at=None)
        wanted = read_order(asked, self.orders)
        page, more = page_by(found, asked, order=(wanted, "-id" if wanted.startswith("-") else "id"))
        return Response({"results": IncidentOutput(page, many=True).data, "next": more})


def incident_of(request: Request, pk: UUID) -> Incident:
    """The caller's incident; somebody else's is as unknown as one that never was."""
    return get_object_or_404(selectors.incidents_of(membership_of(request.user).team), pk=pk)


class IncidentDetail(APIView):
    @extend_schema(responses=IncidentDetailOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One incident with its events and the votes that decided."""
        return Response(IncidentDetailOutput(incident_of(request, pk)).data)


class IncidentExplain(APIView):
    @extend_schema(responses=ExplanationOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """Why it was opened, and whether the same rules would open it again."""
        explained = selectors.explain(incident_of(request, pk))
        if explained is None:
            raise NotFound(say("The verdict that opened this incident is not stored any more."))
        return Response(ExplanationOutput(explained).data)


class IncidentAcknowledge(APIView):
    @extend_schema(request=None, responses=IncidentDetailOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Say that somebody takes care of it. The first one counts."""
        incident = outages.acknowledge(incident_of(request, pk), actor=person_of(request.user), now=timezone.now())
        return Response(IncidentDetailOutput(incident).data)


class IncidentNotes(APIView):
    @extend_schema(request=NoteInput, responses=IncidentDetailOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Write something down for the others."""
        incident, text = incident_of(request, pk), read_body(NoteInput, request)["text"]
        incident = outages.add_note(incident, text=text, actor=person_of(request.user), now=timezone.now())
        return Response(IncidentDetailOutput(incident).data)


class IncidentResolve(APIView):
    @extend_schema(request=None, responses=IncidentDetailOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Close it. The monitor's status stays what the regions see; the next incident needs a recovery first."""
        incident = outages.resolve_by_hand(incident_of(request, pk), actor=person_of(request.user), now=timezone.now())
        return Response(IncidentDetailOutput(incident).data)


class IncidentReopen(APIView):
    @extend_schema(request=None, responses=IncidentDetailOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Take back a closing by hand, as long as the site has not recovered."""
        incident = outages.reopen(incident_of(request, pk), actor=person_of(request.user), now=timezone.now())
        return Response(IncidentDetailOutput(incident).data)
