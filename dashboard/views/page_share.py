"""Who reads a status page elsewhere: feeds, the line for other sites, and subscribers."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.rules import Role
from dashboard.forms.base import as_id
from dashboard.views.share import Code
from dashboard.views.statuspages import PageView
from statuspages.models import StatusPage, Subscriber
from statuspages.rules import Visibility
from statuspages.selectors import subscribers as selectors
from statuspages.services import pages, subscribers

PAGE_SIZE = 50
DEAD_SHOWN = 10


def addresses(page: StatusPage) -> list[Code]:
    return [
        Code("Atom", f"{page.url}feed.atom"),
        Code("RSS", f"{page.url}feed.rss"),
        Code("JSON Feed", f"{page.url}feed.json"),
        Code(_("State in one JSON"), f"{page.url}summary.json"),
    ]


def frame(page: StatusPage) -> Code:
    title = escape(page.title)
    code = f'<iframe src="{escape(page.url)}widget/" title="{title}" width="320" height="64" loading="lazy"></iframe>'
    return Code("HTML", code)


class PageShare(PageView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        page = self.page
        listed = Paginator(selectors.find_subscribers(page), PAGE_SIZE).get_page(request.GET.get("page", "1"))
        dead = selectors.dead_notices(page)
        return self.show(
            "dashboard/page_share.html",
            status_page=page,
            addresses=[] if page.visibility == Visibility.PASSWORD else addresses(page),
            frame=frame(page) if page.embeddable and page.visibility != Visibility.PASSWORD else None,
            page=listed,
            subscribers=[selectors.view_of(one, whole=self.can_change) for one in listed.object_list],
            dead_count=dead.count(),
            dead=[(notice.reason, notice.settled_at) for notice in dead[:DEAD_SHOWN]],
        )

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        match request.POST.get("do"):
            case "open":
                pages.change_page(self.page, takes_subscribers=True)
                messages.success(request, _("Visitors may subscribe now."))
            case "close":
                pages.change_page(self.page, takes_subscribers=False)
                messages.success(request, _("Nobody new may subscribe. Those who are there are still told."))
            case "again":
                count = subscribers.send_dead_again(self.page, now=timezone.now())
                said = ngettext("%(count)d message is sent again.", "%(count)d messages are sent again.", count)
                messages.success(request, said % {"count": count})
            case "remove":
                messages.success(request, self._remove(request.POST.get("subscriber", "")))
            case _other:
                raise Http404
        return redirect("page-share", pk=self.page.pk)

    def _remove(self, wanted: str) -> str:
        try:
            pk = as_id(wanted)
        except ValueError:
            raise Http404 from None
        found = get_object_or_404(Subscriber.objects.filter(page=self.page), pk=pk)
        subscribers.remove(found)
        return _("Removed, and the address is forgotten.")


class SubscribersFile(PageView):
    """All of them with their addresses: for editors."""

    look_needs = Role.EDITOR
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        subscribers.note_export(self.page)
        return StreamingHttpResponse(
            selectors.as_csv(self.page),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="subscribers-{self.page.slug}.csv"',
                "Cache-Control": "private, no-store",
            },
        )
