"""Regions, for everybody; and how the installation does, for those who operate it."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from alerts.models import Delivery
from alerts.services import upkeep
from checks.services import ledger
from common.clock import database_now
from dashboard.selectors import fingerprint
from dashboard.views.base import TeamView
from operations import selectors


class RegionsView(TeamView):
    """What the page and its polled part have in common."""

    def found(self) -> dict[str, Any]:
        regions = selectors.region_views(now=database_now(), team=self.membership.team)
        return {"regions": regions, "etag": fingerprint(regions), "operator": self.membership.user.is_staff}


class RegionsPage(RegionsView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/regions.html", **self.found())


class RegionsLive(RegionsView):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_live("dashboard/_regions.html", **self.found())


class OperatorView(TeamView):
    """For staff alone; to others there is no such page."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.is_staff:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def found(self) -> dict[str, Any]:
        picture = selectors.picture(now=database_now())
        return {"page": picture, "etag": fingerprint(picture)}


class OperatorPage(OperatorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/operator.html", **self.found())


class OperatorLive(OperatorView):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_live("dashboard/_operator.html", **self.found())


class OperatorRedrive(OperatorView):
    """Send a message of any team again that never arrived."""

    http_method_names = ["post"]

    @cached_property
    def delivery(self) -> Delivery:
        return get_object_or_404(Delivery, pk=self.kwargs["pk"])

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        if upkeep.redrive(self.delivery, now=timezone.now()):
            messages.success(request, gettext("It is sent again."))
        else:
            messages.error(request, gettext("Only a message that never arrived is sent again."))
        return redirect("operator")


class OperatorCheckAgain(OperatorView):
    """Check the monitors of all batches that were given up."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        asked = ledger.redrive(selectors.dead_batches())
        said = ngettext("%(count)d monitor is checked again.", "%(count)d monitors are checked again.", asked)
        messages.success(request, said % {"count": asked})
        return redirect("operator")
