"""The pages of one monitor."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access.throttles import ScopedThrottle
from accounts.rules import Role
from dashboard.forms.base import sentence
from dashboard.forms.monitor import MonitorForm
from dashboard.kind_words import examples, kind_words
from dashboard.selectors import fingerprint
from dashboard.selectors.backtest import Tried, try_policy
from dashboard.selectors.chart import Chart, Measure, chart
from dashboard.selectors.facts import facts_of
from dashboard.selectors.monitor import monitor_page
from dashboard.selectors.periods import NAMES, period_of
from dashboard.spec_fields import described, told
from dashboard.views.base import TeamView, taken
from dashboard.words import listing
from monitors import services
from monitors.kinds import SPECS
from monitors.models import Monitor


class MonitorNew(TeamView):
    """Watch something with everything said at once. ``?kind=`` says what it is, ``?url=`` begins the form."""

    look_needs = Role.EDITOR

    @property
    def kind(self) -> str:
        asked = self.request.GET.get("kind", "")
        return asked if asked in SPECS else "http"

    def get(self, request: HttpRequest) -> HttpResponse:
        url = request.GET.get("url", "")
        return self._page(MonitorForm(self.membership.team, kind=self.kind, initial_url=url))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        team = self.membership.team
        form = MonitorForm(team, request.POST, kind=self.kind)
        if "preview" in request.POST:
            return self._page(form)
        monitor = taken(form, lambda: services.create_monitor(team=team, kind=self.kind, **form.configuration()))
        return redirect("monitor", pk=monitor.pk) if monitor else self._page(form)

    def _page(self, form: MonitorForm) -> HttpResponse:
        return self.show("dashboard/form.html", form=form, kinds=[(kind, kind_words(kind)) for kind in SPECS])


# --- one monitor ---


class MonitorView(TeamView):
    """A page of one of the team's monitors. Another team's does not exist here."""

    @cached_property
    def monitor(self) -> Monitor:
        team = self.membership.team
        monitor = get_object_or_404(Monitor.objects.for_team(team), pk=self.kwargs["pk"])
        monitor.team = team
        return monitor

    def looked_at(self) -> dict[str, Any]:
        found = monitor_page(self.monitor, now=timezone.now())
        return {"page": found, "etag": fingerprint(found.facts()), "trouble": found.failing}

    def charted(self) -> Chart:
        """``?range= | ?from= &to=``, ``?measure=p50|p95|p99``, ``?phases=<region>``."""
        query, now = self.request.GET, timezone.now()
        measure = Measure.parse(query.get("measure", ""))
        period = period_of(query, now=now)
        return chart(self.monitor, period, measure=measure, phases_of=query.get("phases", ""), now=now)

    def chart_context(self) -> dict[str, Any]:
        return {"chart": self.charted(), "ranges": list(NAMES.items()), "measures": list(Measure)}

    def back(self, said: str) -> HttpResponseBase:
        messages.success(self.request, said)
        return redirect("monitor", pk=self.monitor.pk)


class MonitorPage(MonitorView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        monitor = self.monitor
        return self.show(
            "dashboard/monitor.html",
            monitor=monitor,
            **({} if monitor.is_passive else self.chart_context()),
            facts=facts_of(monitor, now=timezone.now()),
            needed=monitor.rules.needed(len(monitor.regions)),
            told=told(described(monitor.kind), monitor.spec),
            examples=examples(monitor.ping_url, cron=monitor.spec.get("cron")) if self.can_change else [],
            **self.looked_at(),
        )


class MonitorLive(MonitorView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        return self.show_live("dashboard/_live.html", monitor=self.monitor, **self.looked_at())


class MonitorChart(MonitorView):
    """The chart alone, when another time or measure is chosen; without JavaScript the whole page answers that."""

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.show("dashboard/_chart.html", monitor=self.monitor, **self.chart_context())


class MonitorSeries(MonitorView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return JsonResponse(self.charted().as_json(), headers={"Cache-Control": "private, no-store"})


class MonitorEdit(MonitorView):
    look_needs = Role.EDITOR
    throttle_scope = "backtest"

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page(MonitorForm(self.membership.team, monitor=self.monitor))

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        form = MonitorForm(self.membership.team, request.POST, monitor=self.monitor)
        if "backtest" in request.POST:
            return self._page(form, self._try_out(form))
        if "preview" in request.POST:
            return self._page(form)
        saved = taken(form, lambda: services.update_monitor(self.monitor, **form.configuration()))
        return self.back(_("Saved.")) if saved else self._page(form)

    def _try_out(self, form: MonitorForm) -> Tried:
        """The past under the policy in the form. It shares the API's limit, since it takes seconds of work."""
        policy = form.typed_policy
        if policy is None:
            return Tried(refused=_("Mend the values above first."))
        throttle = ScopedThrottle()
        if not throttle.allow_request(self.request, self):
            wait = {"seconds": ceil(throttle.wait())}
            return Tried(refused=_("Too many at once. Try again in %(seconds)d seconds.") % wait)
        try:
            return try_policy(self.monitor, policy)
        except ValidationError as error:
            return Tried(refused=" ".join(sentence(message) for message in error.messages))

    def _page(self, form: MonitorForm, backtest: Tried | None = None) -> HttpResponse:
        return self.show("dashboard/form.html", form=form, monitor=self.monitor, backtest=backtest)


class MonitorClone(MonitorView):
    """Another monitor with the same settings, paused, and its form to make it another."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        try:
            clone = services.clone_monitor(self.monitor, name=_("%(name)s (copy)") % {"name": self.monitor.name})
        except ValidationError as error:
            messages.error(request, " ".join(sentence(message) for message in error.messages))
            return redirect("monitor", pk=self.monitor.pk)
        messages.success(request, _("This is the copy. It is paused: change it, then resume it."))
        return redirect("monitor-edit", pk=clone.pk)


class MonitorPause(MonitorView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        services.pause(self.monitor)
        return self.back(_("Paused. It is not checked until you resume it."))


class MonitorResume(MonitorView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        services.resume(self.monitor)
        return self.back(_("Resumed."))


class MonitorAlert(MonitorView):
    """Take a monitor out of the shadow."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        services.set_shadow(self.monitor, shadow=False)
        return self.back(_("Alerts are on: whoever your rules name is told from now on."))


class MonitorCheck(MonitorView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        services.request_check(self.monitor)
        return self.back(_("Asked %s for a check now.") % listing(self.monitor.regions))


class MonitorPingUrl(MonitorView):
    """Give a job another address to report to."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        if not self.monitor.is_passive:
            raise Http404
        services.renew_ping_url(self.monitor)
        return self.back(_("The job has a new address; the old one is forgotten."))


class MonitorDelete(MonitorView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.show("dashboard/delete.html", monitor=self.monitor)

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        name = self.monitor.name
        services.delete_monitor(self.monitor)
        messages.success(request, _("%s is deleted.") % name)
        return redirect("dashboard")
