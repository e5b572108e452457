"""Status pages: the list, what stands on each, and what is written on it."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.rules import Role
from dashboard.forms.statuspages import ComponentForm, PageForm, PostForm, SectionForm, UpdateForm
from dashboard.selectors.statuspages import blocks_of, page_list, posts_on
from dashboard.views.base import TeamView, taken
from statuspages.colours import stylesheet
from statuspages.models import Component, Post, Section, StatusPage
from statuspages.rules import PostKind
from statuspages.selectors import pages as selectors
from statuspages.services import pages, posts


class PageList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/pages.html", pages=page_list(self.membership.team))


class PageNew(TeamView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(PageForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        team, by = self.membership.team, self.membership.user
        form = PageForm(request.POST, request.FILES)
        page = taken(form, lambda: pages.create_page(team=team, by=by, **form.configuration()))
        return redirect("page", pk=page.pk) if page else self._page(form)

    def _page(self, form: PageForm) -> HttpResponse:
        return self.show("dashboard/page_form.html", form=form)


class PageView(TeamView):
    """One of the team's pages. Another team's does not exist here."""

    @cached_property
    def page(self) -> StatusPage:
        return get_object_or_404(selectors.pages_of(self.membership.team).select_related("team"), pk=self.kwargs["pk"])

    def back(self, said: str = "") -> HttpResponseBase:
        if said:
            messages.success(self.request, said)
        return redirect("page", pk=self.page.pk)

    def form_page(self, heading: str, form: Any, **about: Any) -> HttpResponse:
        return self.show("dashboard/page_part.html", heading=heading, form=form, page=self.page, **about)


class PageOverview(PageView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        page = self.page
        return self.show("dashboard/page.html", page=page, blocks=blocks_of(page), posts=posts_on(page))


class PageEdit(PageView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self._page(PageForm(page=self.page))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = PageForm(request.POST, request.FILES, page=self.page)
        if taken(form, lambda: pages.change_page(self.page, **form.configuration())):
            return self.back(_("Saved."))
        return self._page(form)

    def _page(self, form: PageForm) -> HttpResponse:
        return self.show("dashboard/page_form.html", form=form, page=self.page)


class PagePreview(PageView):
    """The page as visitors see it, published or not. ``?style`` and ``?chart=`` are parts of it."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        shown = selectors.show(self.page, now=timezone.now())
        if "style" in request.GET:
            return HttpResponse(stylesheet(shown.colours), content_type="text/css; charset=utf-8")
        if "chart" in request.GET:
            return _chart(shown.component(_uuid(request.GET["chart"])))
        logo = StatusPage.objects.filter(pk=self.page.pk).values_list("logo", flat=True).get()
        about = {
            "page": shown,
            "preview": True,
            "back": reverse("page", kwargs={"pk": self.page.pk}),
            "root": self.page.path,
            "language": "en",
            "style_url": "?style" if shown.colours else "",
            "logo_url": f"data:image/png;base64,{base64.b64encode(bytes(logo)).decode()}" if logo else "",
        }
        return render(request, "statuspages/page.html", about)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _chart(component: Any) -> HttpResponse:
    if component is None or component.chart is None:
        raise Http404
    return JsonResponse(component.chart.as_json())


class PageToken(PageView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        pages.renew_token(self.page)
        return self.back(_("The page has a new address; the old one leads nowhere."))


class PageDelete(PageView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        words = _("What was written on it goes with it. Monitors and incidents stay.")
        back = reverse("page", kwargs={"pk": self.page.pk})
        return self.confirm(_("Delete %(title)s?") % {"title": self.page.title}, words, back)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        title = self.page.title
        pages.delete_page(self.page)
        messages.success(request, _("%(title)s is deleted.") % {"title": title})
        return redirect("pages")


class SectionNew(PageView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(_("Add a section"), SectionForm())

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = SectionForm(request.POST)
        if taken(form, lambda: pages.add_section(self.page, **form.cleaned_data)):
            return self.back()
        return self.form_page(_("Add a section"), form)


class ComponentNew(PageView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(_("Add a component"), ComponentForm(self.page))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = ComponentForm(self.page, request.POST)
        if taken(form, lambda: pages.add_component(self.page, **form.configuration())):
            return self.back()
        return self.form_page(_("Add a component"), form)


class PostNew(PageView):
    """``?kind=maintenance`` for planned work."""

    look_needs = Role.EDITOR

    @property
    def kind(self) -> PostKind:
        return PostKind.MAINTENANCE if self.request.GET.get("kind") == PostKind.MAINTENANCE else PostKind.INCIDENT

    @property
    def heading(self) -> str:
        return _("Write of an incident") if self.kind is PostKind.INCIDENT else _("Announce planned work")

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(self.heading, PostForm(self.kind, self.page))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form, by = PostForm(self.kind, self.page, request.POST), self.membership.user
        written = taken(form, lambda: posts.write_post(self.page, by=by, kind=self.kind, **form.configuration()))
        return redirect("post", pk=written.pk) if written else self.form_page(self.heading, form)


# --- what stands on a page ---


class PartView(PageView):
    """A page about something that stands on one of the team's pages."""

    look_needs = Role.EDITOR

    @property
    def part(self) -> Section | Component | Post:
        raise NotImplementedError

    @cached_property
    def page(self) -> StatusPage:
        return self.part.page


class SectionView(PartView):
    @cached_property
    def part(self) -> Section:
        return get_object_or_404(selectors.sections_of(self.membership.team), pk=self.kwargs["pk"])


class SectionEdit(SectionView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(_("Edit section"), SectionForm(initial={"name": self.part.name}))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = SectionForm(request.POST)
        if taken(form, lambda: pages.change_section(self.part, **form.cleaned_data)):
            return self.back(_("Saved."))
        return self.form_page(_("Edit section"), form)


class SectionDelete(SectionView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        back = reverse("page", kwargs={"pk": self.page.pk})
        heading = _("Delete %(title)s?") % {"title": self.part.name}
        return self.confirm(heading, _("Its components stay, without a section."), back)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        pages.delete_section(self.part)
        return self.back()


class ComponentView(PartView):
    @cached_property
    def part(self) -> Component:
        return get_object_or_404(selectors.components_of(self.membership.team), pk=self.kwargs["pk"])


class ComponentEdit(ComponentView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(_("Edit component"), ComponentForm(self.page, component=self.part))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = ComponentForm(self.page, request.POST, component=self.part)
        if taken(form, lambda: pages.change_component(self.part, **form.configuration())):
            return self.back(_("Saved."))
        return self.form_page(_("Edit component"), form)


class ComponentDelete(ComponentView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        back = reverse("page", kwargs={"pk": self.page.pk})
        heading = _("Delete %(title)s?") % {"title": self.part.name}
        return self.confirm(heading, _("It is gone from the page. Its monitors stay."), back)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        pages.delete_component(self.part)
        return self.back()


class Move(PartView):
    """A button: one place up or down among its neighbours."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        part = self.part
        if not isinstance(part, Post):
            pages.move(part, by=-1 if request.POST.get("to") == "up" else 1)
        return self.back()


class SectionMove(Move, SectionView):
    pass


class ComponentMove(Move, ComponentView):
    pass


# --- posts ---


class PostView(PartView):
    @cached_property
    def part(self) -> Post:
        return get_object_or_404(selectors.posts_of(self.membership.team), pk=self.kwargs["pk"])

    def post_page(self, form: UpdateForm | None = None) -> HttpResponse:
        post = self.part
        form = form or UpdateForm(PostKind(post.kind), state=post.state)
        return self.show("dashboard/post.html", post=post, page=self.page, form=form)


class PostPage(PostView):
    look_needs = Role.VIEWER

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.post_page()


class PostSay(PostView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form, by = UpdateForm(PostKind(self.part.kind), request.POST), self.membership.user
        if taken(form, lambda: posts.add_update(self.part, by=by, **form.cleaned_data)):
            messages.success(request, _("Said."))
            return redirect("post", pk=self.part.pk)
        return self.post_page(form)


class PostEdit(PostView):
    def _form(self, data: Any = None) -> PostForm:
        return PostForm(PostKind(self.part.kind), self.page, data, post=self.part)

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form_page(_("Edit post"), self._form())

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = self._form(request.POST)
        if taken(form, lambda: posts.change_post(self.part, **form.configuration())):
            return redirect("post", pk=self.part.pk)
        return self.form_page(_("Edit post"), form)


class PostDelete(PostView):
    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        back = reverse("post", kwargs={"pk": self.part.pk})
        heading = _("Delete %(title)s?") % {"title": self.part.title}
        return self.confirm(heading, _("It is gone from the page and from its history."), back)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        page = self.page
        posts.delete_post(self.part)
        return redirect("page", pk=page.pk)
