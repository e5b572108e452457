"""Planned work: the list, making and changing it, and starting and stopping it by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from accounts.rules import Role
from dashboard.forms.base import sentence
from dashboard.forms.maintenance import StartForm, WindowForm
from dashboard.selectors.choices import monitor_named
from dashboard.selectors.maintenance import covered_by, window_list
from dashboard.views.base import TeamView, taken
from maintenance import selectors, services
from maintenance.models import Window
from maintenance.occurrences import Occurrence


@dataclass(frozen=True, slots=True)
class Preview:
    """The next times that a plan comes round, or why there are none."""

    coming: list[Occurrence]
    zone: str
    problem: str = ""


class WindowList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/maintenance.html", list=window_list(self.membership.team, now=timezone.now()))


class Planning(TeamView):
    """A page with the form of a window and a preview of when it comes round."""

    look_needs = Role.EDITOR

    def preview(self, form: WindowForm) -> Preview:
        plan = form.plan
        if plan is None:
            return Preview([], "", _("Say first when it begins, for how long, and where."))
        try:
            coming = services.preview_of(team=self.membership.team, now=timezone.now(), **plan)
        except ValidationError as error:
            return Preview([], plan["zone"], " ".join(sentence(message) for message in error.messages))
        return Preview(
            coming, plan["zone"], "" if coming else _("This time is over, and it does not come round again.")
        )

    def form_page(self, form: WindowForm, **about: Any) -> HttpResponse:
        return self.show("dashboard/window_form.html", form=form, preview=self.preview(form), **about)


class WindowNew(Planning):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.form_page(WindowForm(self.membership.team))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        team, by = self.membership.team, self.membership.user
        form = WindowForm(team, request.POST)
        if "preview" in request.POST:
            return self.form_page(form)
        window = taken(form, lambda: services.plan_window(team=team, by=by, **form.configuration()))
        return redirect("window", pk=window.pk) if window else self.form_page(form)


class WindowStart(TeamView):
    """Begin this moment, for a deploy, say."""

    look_needs = Role.EDITOR

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self._form())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        team, by = self.membership.team, self.membership.user
        form = self._form(request.POST)
        window = taken(form, lambda: services.start_now(team=team, by=by, **form.configuration()))
        return redirect("window", pk=window.pk) if window else self._page(form)

    def _form(self, data: Any = None) -> StartForm:
        """``?monitor=`` has one of the team's monitors chosen already."""
        monitor = monitor_named(self.membership.team, self.request.GET.get("monitor", ""))
        return StartForm(self.membership.team, data, monitors=[monitor.pk] if monitor else [])

    def _page(self, form: StartForm) -> HttpResponse:
        return self.show("dashboard/window_start.html", form=form)


class WindowView(Planning):
    """A page of one of the team's windows. Another team's does not exist here."""

    @cached_property
    def window(self) -> Window:
        mine = selectors.windows_of(self.membership.team).select_related("team", "created_by")
        return get_object_or_404(mine, pk=self.kwargs["pk"])


class WindowPage(WindowView):
    look_needs = Role.VIEWER

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        window, now = self.window, timezone.now()
        return self.show(
            "dashboard/window.html",
            window=window,
            under_way=window.is_under_way(now),
            covered=covered_by(window),
            preview=Preview(services.preview(window, now=now), window.zone),
        )


class WindowEdit(WindowView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page(WindowForm(self.membership.team, window=self.window))

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        form = WindowForm(self.membership.team, request.POST, window=self.window)
        if "preview" in request.POST:
            return self._page(form)
        if taken(form, lambda: services.change_window(self.window, **form.configuration())):
            messages.success(request, _("Saved."))
            return redirect("window", pk=self.window.pk)
        return self._page(form)

    def _page(self, form: WindowForm) -> HttpResponse:
        return self.form_page(form, window=self.window)


class WindowStartEarly(WindowView):
    """Begin what is planned for later this moment."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        try:
            window = services.start_early(self.window)
        except ValidationError as error:
            messages.error(request, " ".join(sentence(message) for message in error.messages))
            return redirect("window", pk=self.window.pk)
        messages.success(request, gettext("Started. It ends as planned, or when you stop it."))
        return redirect("window", pk=window.pk)


class WindowStop(WindowView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        window = services.stop(self.window)
        messages.success(request, _("Ended. What still fails is told now."))
        return redirect("window", pk=window.pk)


class WindowDelete(WindowView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        back = reverse("window", kwargs={"pk": self.window.pk})
        words = _("If it is going on, it ends at once. Uptime of the past stays as it was counted.")
        return self.confirm(_("Delete %(title)s?") % {"title": self.window.title}, words, back)

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        title = self.window.title
        services.delete_window(self.window)
        messages.success(request, _("%s is deleted.") % title)
        return redirect("maintenance")
