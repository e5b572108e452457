"""The list of monitors: finding, keeping views of it, changing many at once, and how a first one comes into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.generic import View

from accounts.exceptions import NoTeam
from accounts.rules import Role
from accounts.selectors import membership_of
from dashboard import first_run
from dashboard.filters import Filters
from dashboard.forms.bulk import BulkForm
from dashboard.forms.monitor import AddForm
from dashboard.forms.views import SaveViewForm
from dashboard.kind_words import KINDS
from dashboard.models import SavedView
from dashboard.selectors import fingerprint
from dashboard.selectors.alerts import is_tested
from dashboard.selectors.listing import PAGE_SIZE, matching, monitor_list
from dashboard.services import open_first, save_view
from dashboard.views.base import TeamView, taken
from monitors import services
from monitors.models import Monitor
from monitors.rules import Action
from monitors.selectors import region_codes
from monitors.services import ManyChanged


class Home(View):
    """The front door: to the view that the person wants to see first, or to the whole list."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect("login")
        try:
            view = SavedView.objects.of(membership_of(request.user)).filter(is_first=True).first()
        except NoTeam:
            view = None
        return redirect(reverse("dashboard") + (view.query if view else ""))


class ListView(TeamView):
    """What the list and its polled part have in common: the same query in the address means the same rows."""

    def listed(self, *, held: Sequence[UUID] = (), with_tags: bool = False) -> dict[str, Any]:
        query = self.request.GET
        found = monitor_list(
            self.membership.team,
            now=timezone.now(),
            filters=Filters.parse(query),
            page=query.get("page", "1"),
            held=held,
            with_tags=with_tags,
        )
        return {"list": found, "etag": fingerprint(found.facts()), "trouble": found.failing}


class MonitorList(ListView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Watch an address: nothing else needs to be said."""
        form, team = AddForm(request.POST), self.membership.team
        first = not Monitor.objects.for_team(team).exists()
        monitor = taken(form, lambda: services.create_monitor(team=team, url=form.cleaned_data["url"]))
        if monitor is None:
            return self._page(form)
        return redirect("monitor-first" if first and self.hint_to_test else "monitor", pk=monitor.pk)

    @property
    def hint_to_test(self) -> bool:
        return self.can_change and not is_tested(self.membership.team)

    def _page(self, refused: AddForm | None = None) -> HttpResponse:
        context = self.listed(with_tags=True)
        total = context["list"].total
        return self.show(
            "dashboard/list.html" if total else "dashboard/first_run.html",
            form=refused or self._add_form(first=not total),
            **(self._tools() if total else {"demo_site_url": settings.DEMO_SITE_URL, "regions": region_codes()}),
            **context,
        )

    def _add_form(self, *, first: bool) -> AddForm:
        return AddForm(autofocus=first, suggested=first_run.site_of(self.membership.user.email) if first else "")

    def _tools(self) -> dict[str, Any]:
        """What stands around the rows and is not polled."""
        return {
            "hint_to_test": self.hint_to_test,
            "kinds": KINDS,
            "all_regions": region_codes(),
            "views": SavedView.objects.of(self.membership),
        }


class MonitorRows(ListView):
    """The polled part. ``X-Shown`` names the rows on the screen: they keep their places while somebody reads."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_live("dashboard/_rows.html", **self.listed(held=_ids(request.headers.get("X-Shown", ""))))


def _ids(text: str, *, most: int = PAGE_SIZE) -> list[UUID]:
    """Ids with commas between them; what is none is left out."""
    found = []
    for part in text.split(",")[:most]:
        try:
            found.append(UUID(part))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


# --- views that people keep ---


class OwnViews(TeamView):
    """Everybody keeps their own, whatever their role."""

    change_needs = Role.VIEWER

    @property
    def view(self) -> SavedView:
        return get_object_or_404(SavedView.objects.of(self.membership), pk=self.kwargs["pk"])


class SavedViews(OwnViews):
    def get(self, request: HttpRequest) -> HttpResponse:
        filters = Filters.parse(request.GET)
        return self._page(SaveViewForm(initial={"query": filters.query}), filters)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = SaveViewForm(request.POST)
        filters = _filters(request.POST.get("query", ""))
        view = taken(
            form,
            lambda: save_view(
                self.membership,
                name=form.cleaned_data["name"],
                filters=filters,
                is_first=form.cleaned_data["is_first"],
            ),
        )
        if view is None:
            return self._page(form, filters)
        messages.success(request, _("%(name)s is kept.") % {"name": view.name})
        return redirect(reverse("dashboard") + view.query)

    def _page(self, form: SaveViewForm, filters: Filters) -> HttpResponse:
        views = [(view, _filters(view.query).in_words) for view in SavedView.objects.of(self.membership)]
        return self.show("dashboard/views.html", form=form, views=views, filters=filters)


class SavedViewFirst(OwnViews):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        view = self.view
        open_first(self.membership, None if view.is_first else view)
        return redirect("saved-views")


class SavedViewDelete(OwnViews):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        view = self.view
        view.delete()
        messages.success(request, _("%(name)s is deleted; the monitors are as they were.") % {"name": view.name})
        return redirect("saved-views")


def _filters(query: str) -> Filters:
    return Filters.parse(QueryDict(query.removeprefix("?")))


# --- many at once ---

AT_ONCE_UNASKED = {Action.PAUSE, Action.RESUME}
NAMED = 20
"""How many names the question shows; the rest are counted."""


class MonitorBulk(TeamView):
    """Choose in the list, say what is meant on one page where that must be said or is grave, read what was refused."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        action = request.POST.get("action", "")
        if action not in set(Action):
            messages.error(request, _("There is no such action."))
            return self._back()
        chosen = self._chosen()
        if not chosen:
            messages.error(request, _("No monitor was chosen."))
            return self._back()
        return self._answer(Action(action), chosen)

    def _answer(self, action: Action, chosen: list[UUID]) -> HttpResponseBase:
        said = "said" in self.request.POST
        form = BulkForm(action, self.request.POST if said else None)
        at_once = action in AT_ONCE_UNASKED and "everything" not in self.request.POST
        if said or at_once:
            form = form if said else BulkForm(action, {})
            team = self.membership.team
            changed = taken(
                form,
                lambda: services.change_many(team=team, monitors=chosen, action=action, **form.configuration()),
            )
            if changed is not None:
                return self._done(action, changed)
        return self._ask(action, form, chosen)

    def _chosen(self) -> list[UUID]:
        """Those that were ticked, all that the list showed, or those that the page before named: no more than that."""
        post, team = self.request.POST, self.membership.team
        if "ids" in post:
            wanted = _ids(post["ids"], most=services.MOST_AT_ONCE)
        elif "everything" in post:
            return list(matching(team, _filters(post.get("query", ""))).worst_first().values_list("pk", flat=True))
        else:
            wanted = _ids(",".join(post.getlist("monitor")), most=services.MOST_AT_ONCE)
        own = set(Monitor.objects.for_team(team).filter(pk__in=wanted).values_list("pk", flat=True))
        return [pk for pk in wanted if pk in own]

    def _ask(self, action: Action, form: BulkForm, chosen: list[UUID]) -> HttpResponse:
        named = Monitor.objects.for_team(self.membership.team).filter(pk__in=chosen[:NAMED]).worst_first()
        return self.show(
            "dashboard/bulk.html",
            action=action.value,
            form=form,
            number=len(chosen),
            named=named,
            unnamed=len(chosen) - len(named),
            ids=",".join(pk.hex for pk in chosen),
            query=_filters(self.request.POST.get("query", "")).query,
        )

    def _done(self, action: Action, changed: ManyChanged) -> HttpResponseBase:
        said = _words_for(action, len(changed.done))
        if not changed.refused:
            messages.success(self.request, said)
            return self._back()
        return self.show("dashboard/bulk_done.html", said=said, changed=changed, back=self._address)

    @property
    def _address(self) -> str:
        return reverse("dashboard") + _filters(self.request.POST.get("query", "")).query

    def _back(self) -> HttpResponseBase:
        return redirect(self._address)


def _words_for(action: Action, number: int) -> str:
    sentences = {
        Action.PAUSE: ngettext("%(number)d monitor is paused.", "%(number)d monitors are paused.", number),
        Action.RESUME: ngettext(
            "%(number)d monitor is checked again.", "%(number)d monitors are checked again.", number
        ),
        Action.SHADOW: ngettext("%(number)d monitor is in shadow.", "%(number)d monitors are in shadow.", number),
        Action.ALERT: ngettext(
            "Alerts are on for %(number)d monitor.", "Alerts are on for %(number)d monitors.", number
        ),
        Action.DELETE: ngettext("%(number)d monitor is deleted.", "%(number)d monitors are deleted.", number),
    }
    changed = ngettext("%(number)d monitor is changed.", "%(number)d monitors are changed.", number)
    return sentences.get(action, changed) % {"number": number}
