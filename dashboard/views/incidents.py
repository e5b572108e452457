"""Incidents: the list, the page of one, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from accounts.rules import Role
from checks.services import corrections, stats
from common.clock import database_now
from common.languages import spoken
from dashboard.forms.incidents import CorrectionForm, NoteForm, WithdrawalForm
from dashboard.selectors import fingerprint
from dashboard.selectors.choices import monitor_choices, monitor_named
from dashboard.selectors.incidents import incident_list, incident_page, what_if
from dashboard.selectors.periods import name_of
from dashboard.views.base import TeamView, taken
from dashboard.words import percent
from incidents import selectors
from incidents.exceptions import Overtaken
from incidents.handling import corrections as handling
from incidents.handling import outages
from incidents.models import Correction, Incident


class IncidentList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        """``?open=yes &monitor= &page=``; a monitor that is not the team's filters nothing."""
        team, query = self.membership.team, request.GET
        monitor = monitor_named(team, query.get("monitor", ""))
        offered = monitor_choices(team, keep=[monitor.pk] if monitor else [])
        only_open = query.get("open") == "yes"
        page = incident_list(team, only_open=only_open, monitor=monitor, page=query.get("page", "1"))
        return self.show("dashboard/incidents.html", page=page, only_open=only_open, monitor=monitor, monitors=offered)


class IncidentView(TeamView):
    """A page of one of the team's incidents. Another team's does not exist here."""

    @cached_property
    def incident(self) -> Incident:
        mine = selectors.incidents_of(self.membership.team).select_related("monitor__team")
        return get_object_or_404(mine, pk=self.kwargs["pk"])

    @property
    def person(self) -> User:
        return cast(User, self.request.user)

    def incident_page(self, note: NoteForm | None = None) -> HttpResponse:
        return self.show("dashboard/incident.html", form=note or NoteForm(), **self.told())

    def told(self) -> dict[str, Any]:
        page = incident_page(self.incident)
        etag, trouble = fingerprint(page.facts(), self.can_change), int(page.incident.resolved_at is None)
        return {"page": page, "incident": page.incident, "etag": etag, "trouble": trouble}

    def back(self, said: str) -> HttpResponseBase:
        messages.success(self.request, said)
        return redirect("incident", pk=self.incident.pk)


class IncidentPage(IncidentView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.incident_page()


class IncidentLive(IncidentView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        return self.show_live("dashboard/_incident_live.html", **self.told())


class IncidentChange(IncidentView):
    """A button: does one thing, and says what it did or why it came too late."""

    http_method_names = ["post"]
    act: staticmethod[..., Incident]
    done: str

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        try:
            self.act(self.incident, actor=self.person, now=timezone.now())
        except Overtaken as error:
            messages.error(request, spoken(error.detail))
            return redirect("incident", pk=self.incident.pk)
        return self.back(_(self.done))


class IncidentAcknowledge(IncidentChange):
    act, done = staticmethod(outages.acknowledge), gettext_noop("Acknowledged: nobody is reminded of it any more.")


class IncidentResolve(IncidentChange):
    act, done = (
        staticmethod(outages.resolve_by_hand),
        gettext_noop("Closed. If the site recovers and fails again, a new one opens."),
    )


class IncidentReopen(IncidentChange):
    act, done = staticmethod(outages.reopen), gettext_noop("Opened again.")


class IncidentNote(IncidentView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        incident, form, now = self.incident, NoteForm(request.POST), timezone.now()
        noted = taken(
            form, lambda: outages.add_note(incident, text=form.cleaned_data["text"], actor=self.person, now=now)
        )
        return self.back(_("Noted.")) if noted else self.incident_page(form)


class IncidentCorrect(IncidentView):
    """Say what an incident was in truth, having seen what that does to the uptime; or take that back."""

    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page(CorrectionForm(), WithdrawalForm(self._standing()))

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        standing = self._standing()
        if "withdraw" in request.POST:
            back = WithdrawalForm(standing, request.POST)
            changed = taken(back, lambda: self._compare(lambda _now: self._withdraw(back)))
            return self.back(_("Taken back.") + f" {changed}") if changed else self._page(CorrectionForm(), back)
        form = CorrectionForm(request.POST)
        changed = taken(form, lambda: self._compare(lambda now: self._correct(form, now)))
        return self.back(_("Corrected.") + f" {changed}") if changed else self._page(form, WithdrawalForm(standing))

    def _correct(self, form: CorrectionForm, now: Any) -> Correction:
        incident, cleaned = self.incident, form.cleaned_data
        return handling.correct(
            incident.monitor,
            verdict=cleaned["kind"],
            starts_at=incident.started_at,
            ends_at=incident.resolved_at or now,
            why=cleaned["why"],
            actor=self.person,
            now=now,
            incident=incident,
        )

    def _withdraw(self, form: WithdrawalForm) -> Correction:
        return handling.withdraw(form.chosen, why=form.cleaned_data["why"], actor=self.person)

    def _compare(self, act: Callable[[Any], Correction]) -> str:
        """Do it, and say what it did to the uptime, where it did anything."""
        now, monitor = database_now(), self.incident.monitor_id
        uptime = corrections.compare(monitor, lambda: act(now), now=now)[1]
        stats.compute([monitor], now=now)
        told = [
            _("%(time)s: %(before)s before, %(after)s now")
            % {"time": name_of(name), "before": percent(value["before"]), "after": percent(value["after"])}
            for name, value in uptime.items()
            if value["before"] != value["after"]
        ]
        return _("Uptime over %s.") % "; ".join(told) if told else _("No uptime is another by that.")

    def _standing(self) -> list[Correction]:
        known = self.incident.corrections.filter(withdrawn_by=None).exclude(kind=Correction.Kind.WITHDRAWAL)
        return list(known.order_by("created_at"))

    def _page(self, form: CorrectionForm, back: WithdrawalForm) -> HttpResponse:
        return self.show(
            "dashboard/correct.html",
            incident=self.incident,
            form=form,
            back=back,
            figures=what_if(self.incident, now=database_now()),
        )
