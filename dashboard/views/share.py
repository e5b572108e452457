"""Making something of a monitor public: its badges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.html import escape
from django.utils.translation import gettext as _

from dashboard.forms.share import BadgesForm
from dashboard.views.monitors import MonitorView
from monitors.words import one_line
from statuspages import badges
from statuspages.badges import LABEL_LENGTH, Wanted
from statuspages.models import MonitorBadge
from statuspages.selectors.badges import badge_of, urls_of
from statuspages.services import badges as services

FIRST = "uptime-30d"


@dataclass(frozen=True, slots=True)
class Code:
    """One way to show a badge elsewhere."""

    title: str
    code: str


def codes(url: str, said: str) -> list[Code]:
    """``said``: what stands in the picture's place where there are none; it may hold anything."""
    markdown = "".join(f"\\{char}" if char in r"\`*_{}[]()<>#!|" else char for char in said)
    return [
        Code("Markdown", f"![{markdown}]({url}.svg)"),
        Code("HTML", f'<img src="{escape(url)}.svg" alt="{escape(said)}" height="{badges.HEIGHT}">'),
        Code(_("Address of the picture"), f"{url}.svg"),
        Code(_("For shields.io (endpoint)"), f"{url}.json"),
    ]


class MonitorShare(MonitorView):
    """Who may look sees what is public; an editor switches it on and off."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        shared = badge_of(self.monitor)
        return self._page(shared, BadgesForm(self.monitor, shared))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        shared = badge_of(self.monitor)
        match request.POST.get("do"):
            case "renew" if shared:
                services.renew_token(shared)
                return self.said(_("The badges have new addresses; the old ones are forgotten."))
            case "off" if shared:
                services.share(self.monitor, enabled=False, label=shared.label)
                return self.said(_("Switched off. Nothing answers at the addresses until you switch the badges on."))
            case "revoke":
                services.revoke(self.monitor)
                return self.said(_("The addresses are forgotten."))
            case "on" | "save" as do:
                return self._save(shared, enabled=do == "on" or bool(shared and shared.enabled))
            case _:
                raise Http404

    def _save(self, shared: MonitorBadge | None, *, enabled: bool) -> HttpResponseBase:
        form = BadgesForm(self.monitor, shared, self.request.POST)
        if not form.is_valid():
            return self._page(shared, form)
        services.share(self.monitor, enabled=enabled, label=form.cleaned_data["label"])
        return self.said(_("The badges are public.") if enabled and not (shared and shared.enabled) else _("Saved."))

    def said(self, words: str) -> HttpResponseBase:
        messages.success(self.request, words)
        return redirect("monitor-share", pk=self.monitor.pk)

    def _page(self, shared: MonitorBadge | None, form: BadgesForm) -> HttpResponse:
        chosen = Wanted.parse(self.request.GET.get("badge", "")) or badges.BY_NAME[FIRST]
        context: dict[str, Any] = {"chosen": chosen, "badges": badges.EVERY}
        if shared:
            said = f"{one_line(shared.label, LABEL_LENGTH)} {chosen.words}".strip()
            url = urls_of(shared)[chosen.name]
            context |= {"codes": codes(url, said), "alt": said, "picture": url.removeprefix(settings.SITE_URL) + ".svg"}
        return self.show("dashboard/share.html", monitor=self.monitor, shared=shared, form=form, **context)
