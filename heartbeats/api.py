"""``/api/monitor/{id}/heartbeat``, ``pings``, ``ping-url``: how a job does, what it said, and a new address for it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.permissions import may_change
from common.clock import database_now
from common.paging import page_by
from heartbeats import selectors
from heartbeats.serializers import JobOutput, PingOutput
from monitors import services
from monitors.api import monitor_of, shown
from monitors.models import Monitor
from monitors.serializers import MonitorOutput


def heartbeat_of(request: Request, pk: UUID) -> Monitor:
    monitor = monitor_of(request, pk)
    if not monitor.is_passive:
        raise Http404
    return monitor


class HeartbeatDetail(APIView):
    @extend_schema(responses=JobOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """How the job does: new, up, late (in its grace), down or started; when a ping is due; what is under way."""
        job = selectors.job(heartbeat_of(request, pk), now=database_now())
        return Response(JobOutput(job if may_change(request) else job | {"ping_url": None}).data)


class PingList(APIView):
    @extend_schema(responses=PingOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What the job has said, newest first: ``?limit= &cursor=``; the last hundred pings are kept."""
        found = selectors.pings_of(heartbeat_of(request, pk))
        page, more = page_by(found, request.query_params, order=("-at", "-id"))
        return Response({"results": PingOutput(page, many=True).data, "next": more})


class PingUrl(APIView):
    @extend_schema(request=None, responses=MonitorOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Give the job a new address to report to; the old one is forgotten at once."""
        return Response(shown(services.renew_ping_url(heartbeat_of(request, pk)), request))
