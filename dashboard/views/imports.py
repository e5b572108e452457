"""Settings, Import: choose a file, see what would become of it, say yes; and whether both tools say the same."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.rules import Role
from dashboard.forms.imports import FileForm, ImportForm, ParityForm
from dashboard.views.base import TeamView, taken
from imports import selectors, services
from imports.models import ImportDraft
from imports.rules import Action
from imports.services import Plan
from imports.sources import SOURCES

SHOWN_AT_ONCE = 20
"""How many disagreements of a monitor the page shows; the command and the API give all."""


class ImportPage(TeamView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.import_page(ImportForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Show what would be done. The file is kept, encrypted, until somebody says yes or an hour has passed."""
        form = ImportForm(request.POST, request.FILES)
        previewed = taken(form, lambda: self._preview(form))
        if previewed is None:
            return self.import_page(form)
        draft, plan = previewed
        return self.show("dashboard/import_preview.html", draft=draft, **_told(plan, draft.source))

    def _preview(self, form: ImportForm) -> tuple[ImportDraft, Plan]:
        said, team = form.cleaned_data, self.membership.team
        how = {name: said[name] for name in ("source", "origin", "shadow")}
        how["export"] = services.read(said["source"], said["file"].read())
        plan = services.preview(team=team, **how)
        return services.keep_draft(team=team, user=self.membership.user, **how), plan

    def import_page(self, form: ImportForm) -> HttpResponse:
        team = self.membership.team
        return self.show(
            "dashboard/import.html",
            form=form,
            parity_form=ParityForm(auto_id="parity_%s"),  # the names are those of the form above
            in_shadow=len(selectors.in_shadow(team)),
            imported=len(selectors.imported(team)),
            is_owner=self.membership.allows(Role.OWNER),
        )


class ImportApply(TeamView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        mine = ImportDraft.objects.filter(team=self.membership.team, user=self.membership.user)
        draft = get_object_or_404(mine, pk=_id(request.POST.get("draft", "")))
        source, plan = draft.source, services.apply_draft(draft)
        if plan is None:
            messages.error(request, _("The preview is too old. Give the file again."))
            return redirect("import")
        return self.show("dashboard/import_preview.html", draft=None, **_told(plan, source))


class ImportAlerts(TeamView):
    """Take everything that was imported out of the shadow."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        number = services.end_shadow(self.membership.team)
        said = ngettext("Alerts are on for %(number)d monitor.", "Alerts are on for %(number)d monitors.", number)
        messages.success(request, said % {"number": number})
        return redirect("import")


class ImportParity(TeamView):
    http_method_names = ["post"]
    change_needs = Role.VIEWER

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = ParityForm(request.POST, request.FILES)
        found = taken(form, lambda: self._compare(form))
        if found is None:
            return self.show("dashboard/parity.html", form=form, found=None)
        tool = SOURCES[form.cleaned_data["source"]].title
        return self.show("dashboard/parity.html", form=form, found=found, tool=tool, most=SHOWN_AT_ONCE)

    def _compare(self, form: FileForm) -> list[services.Compared]:
        said, team = form.cleaned_data, self.membership.team
        return services.compare(team=team, source=said["source"], data=said["file"].read(), origin=said["origin"])


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _told(plan: Plan, source: str) -> dict[str, Any]:
    """What will be done before what will not."""
    order = list(Action)
    items = sorted(plan.items, key=lambda item: order.index(item.action))
    return {"plan": plan, "items": items, "tool": SOURCES[source].title}
