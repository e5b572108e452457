"""``/api/monitor/{id}/badges``: whether a monitor's badges are public, and where."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.serializers import read_body
from monitors.api import monitor_of
from statuspages.selectors.badges import badge_of
from statuspages.serializers.badges import BadgesInput, BadgesOutput
from statuspages.services import badges


class MonitorBadges(APIView):
    @extend_schema(responses=BadgesOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """Whether the badges are public, and their addresses."""
        return Response(BadgesOutput().to_representation(badge_of(monitor_of(request, pk))))

    @extend_schema(request=BadgesInput, responses=BadgesOutput)
    def put(self, request: Request, pk: UUID) -> Response:
        """Switch them on or off. Their addresses stay, and answer only while they are on."""
        monitor = monitor_of(request, pk)
        return Response(BadgesOutput(badges.share(monitor, **read_body(BadgesInput, request))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke the addresses for good."""
        badges.revoke(monitor_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MonitorBadgesRenew(APIView):
    @extend_schema(request=None, responses=BadgesOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Replace the addresses; the present ones are forgotten at once."""
        shared = badge_of(monitor_of(request, pk))
        if shared is None:
            raise Http404
        return Response(BadgesOutput(badges.renew_token(shared)).data)
