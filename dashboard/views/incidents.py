"""Incidents: the list, and the page of one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from dashboard.selectors.incidents import incident_list
from dashboard.views.base import TeamView


class IncidentList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        page = incident_list(self.membership.team, page=request.GET.get("page", "1"))
        return self.show("dashboard/incidents.html", page=page)
