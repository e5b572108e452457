"""Drills: take a target of ours down on purpose, and see how long it takes until somebody is told."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from accounts.access.throttles import ScopedThrottle
from accounts.models import User
from common.languages import spoken
from dashboard.forms.base import sentence
from dashboard.selectors import fingerprint
from dashboard.selectors.drills import drill_page, drills_page
from dashboard.views.base import TeamView
from drills import selectors, services
from drills.exceptions import DrillRuns
from drills.models import Drill


class DrillsView(TeamView):
    """What the page and its polled part have in common."""

    def looked_at(self) -> dict[str, Any]:
        found = drills_page(self.membership.team)
        return {"page": found, "etag": fingerprint(found.facts())}


class DrillList(DrillsView):
    throttle_scope = "trigger"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/drills.html", **self.looked_at())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Begin one. It shares the API's limit, since it has everybody's phones ring."""
        throttle = ScopedThrottle()
        if throttle.allow_request(request, self):
            self._begin()
        else:
            wait = {"seconds": ceil(throttle.wait())}
            messages.error(request, _("Too many at once. Try again in %(seconds)d seconds.") % wait)
        return redirect("drills")

    def _begin(self) -> None:
        try:
            services.begin(team=self.membership.team, by=cast(User, self.request.user))
        except DrillRuns as error:
            messages.error(self.request, spoken(error.detail))
        except ValidationError as error:
            messages.error(self.request, " ".join(sentence(message) for message in error.messages))
        else:
            messages.success(self.request, _("The drill has begun. Its stages appear here as they are reached."))


class DrillLive(DrillsView):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_live("dashboard/_drills.html", **self.looked_at())


class DrillPage(TeamView):
    @cached_property
    def drill(self) -> Drill:
        return get_object_or_404(selectors.drills_of(self.membership.team), pk=self.kwargs["pk"])

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.show("dashboard/drill.html", page=drill_page(self.drill))
