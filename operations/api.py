"""``/api/operator``: how the installation does, and what went wrong done again. For operators, in person."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.permissions import OperatorInPerson
from alerts.models import Delivery
from alerts.services import upkeep
from checks.services import ledger
from common.clock import database_now
from operations import selectors
from operations.serializers import CheckedAgainOutput, DeadDeliveryOutput, OverviewOutput


class OperatorView(APIView):
    permission_classes = [OperatorInPerson]


class Overview(OperatorView):
    @extend_schema(responses=OverviewOutput)
    def get(self, request: Request) -> Response:
        """How regions, queues, storage and messages do, over all teams, and what should be looked at."""
        return Response(OverviewOutput(selectors.picture(now=database_now())).data)


class DeliveryRedrive(OperatorView):
    @extend_schema(request=None, responses=DeadDeliveryOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Send a message of any team again that never arrived."""
        delivery = get_object_or_404(Delivery.objects.select_related("channel", "team"), pk=pk)
        if not upkeep.redrive(delivery, now=timezone.now()):
            raise ValidationError({"state": [f"only a dead message is sent again; this one is {delivery.state}"]})
        delivery.refresh_from_db()
        return Response(DeadDeliveryOutput(delivery).data)


class BatchesRedrive(OperatorView):
    @extend_schema(request=None, responses=CheckedAgainOutput)
    def post(self, request: Request) -> Response:
        """Check the monitors of the newest batches that were given up, those that the overview lists."""
        return Response({"monitors": ledger.redrive(selectors.dead_batches())})
