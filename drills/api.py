"""``/api/drills``: take a target down on purpose; ``/api/monitor/{id}/backtest``: the past under another policy."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.throttles import CallerThrottle, PostThrottle
from accounts.rules import Role
from accounts.selectors import membership_of, person_of
from common.paging import page_by
from common.serializers import read_body
from drills import backtest, selectors, services
from drills.serializers import BacktestInput, BacktestOutput, DrillDetailOutput, DrillInput, DrillOutput
from monitors.api import monitor_of


class DrillList(APIView):
    throttle_scope = "trigger"
    throttle_classes = [PostThrottle, CallerThrottle]  # only a drill has everybody's phones ring

    @extend_schema(responses=DrillOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's drills, newest first, with the figures of the newest 200: ``?limit= &cursor=``."""
        team = membership_of(request.user).team
        page, more = page_by(selectors.drills_of(team), request.query_params, order=("-asked_at", "-id"))
        told = {"results": DrillOutput(page, many=True).data, "next": more}
        return Response(told | {"detection": asdict(selectors.detection(team))})

    @extend_schema(request=DrillInput, responses={202: DrillDetailOutput})
    def post(self, request: Request) -> Response:
        """Begin a drill: within a few minutes a target of ours fails, and the team is told by its rules."""
        team, by = membership_of(request.user).team, person_of(request.user)
        drill = services.begin(team=team, by=by, interval=read_body(DrillInput, request).get("interval"))
        return Response(DrillDetailOutput(drill).data, status=status.HTTP_202_ACCEPTED)


class DrillDetail(APIView):
    @extend_schema(responses=DrillDetailOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One drill: its stages, and every message sent because of it."""
        drill = get_object_or_404(selectors.drills_of(membership_of(request.user).team), pk=pk)
        return Response(DrillDetailOutput(drill).data)


class MonitorBacktest(APIView):
    needed_role = Role.VIEWER
    throttle_scope = "backtest"

    @extend_schema(request=BacktestInput, responses=BacktestOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Replay the last days under another policy: what it raises, misses or tells later. Stores nothing."""
        monitor = monitor_of(request, pk)
        found = backtest.run(monitor, **read_body(BacktestInput, request))
        same = not found.differences
        return Response(BacktestOutput(found).data | {"same_as_recorded": same, "limits": list(backtest.LIMITS)})
