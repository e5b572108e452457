"""The list of monitors, and how a first one comes into it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.generic import View

from dashboard.forms.monitor import AddForm
from dashboard.selectors import fingerprint
from dashboard.selectors.alerts import is_tested
from dashboard.selectors.listing import monitor_list
from dashboard.views.base import TeamView, taken
from monitors import services
from monitors.services import defaults


class Home(View):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return redirect("dashboard" if request.user.is_authenticated else "login")


class ListView(TeamView):
    """What the list and its polled part have in common: the same query in the address means the same rows."""

    def listed(self) -> dict[str, Any]:
        query = self.request.GET
        found = monitor_list(
            self.membership.team,
            now=timezone.now(),
            search=query.get("q", "").strip()[:200],
            status=query.get("status", ""),
            page=query.get("page", "1"),
        )
        return {"list": found, "etag": fingerprint(found.facts()), "trouble": found.failing}


class MonitorList(ListView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Watch an address: nothing else needs to be said."""
        form, team = AddForm(request.POST), self.membership.team
        monitor = taken(form, lambda: services.create_monitor(team=team, url=form.cleaned_data["url"]))
        return redirect("monitor", pk=monitor.pk) if monitor else self._page(form)

    def _page(self, refused: AddForm | None = None) -> HttpResponse:
        context = self.listed()
        return self.show(
            "dashboard/list.html",
            form=refused or AddForm(autofocus=not context["list"].total),
            regions=defaults()["regions"],
            demo_site_url=settings.DEMO_SITE_URL,
            hint_to_test=self.can_change and not is_tested(self.membership.team),
            **context,
        )


class MonitorRows(ListView):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_live("dashboard/_rows.html", **self.listed())
