"""What all pages have in common: whose team it is, who may look, who may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.generic import View
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from accounts.exceptions import NoTeam
from accounts.models import Membership
from accounts.rules import Role
from accounts.selectors import membership_of
from dashboard.forms.base import show_errors

T = TypeVar("T")


class HtmxRequest(HttpRequest):
    """As the middleware leaves it."""

    htmx: HtmxDetails


class TeamView(LoginRequiredMixin, View):
    """A page of the visitor's team. Every member may look; changing something takes an editor."""

    request: HtmxRequest
    membership: Membership
    look_needs = Role.VIEWER
    change_needs = Role.EDITOR

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self.to_the_door()
        try:
            self.membership = membership_of(request.user)
        except NoTeam:
            return redirect("team-new")
        if not self.membership.allows(self.look_needs if request.method in {"GET", "HEAD"} else self.change_needs):
            raise PermissionDenied(_("Your role in the team does not allow this."))
        return super().dispatch(request, *args, **kwargs)

    def to_the_door(self) -> HttpResponseBase:
        """Where the session has ended under an open page, the page as a whole goes to the log-in."""
        return HttpResponseClientRefresh() if self.request.htmx else self.handle_no_permission()

    @property
    def can_change(self) -> bool:
        return self.membership.allows(Role.EDITOR)

    def show(self, template: str, **context: Any) -> HttpResponse:
        return render(self.request, template, {"can_change": self.can_change, **context})

    def confirm(self, heading: str, words: str, back: str, *, button: str = "") -> HttpResponse:
        """Ask before something is deleted, or done that is as grave."""
        context = {"heading": heading, "words": words, "back": back, "button": button or _("Delete")}
        return self.show("dashboard/confirm.html", **context)

    def show_live(self, template: str, etag: str, **context: Any) -> HttpResponseBase:
        """A polled part: not sent again while nothing in it has changed."""
        if self.request.headers.get("If-None-Match", "").removeprefix("W/") == f'"{etag}"':
            response: HttpResponse = HttpResponseNotModified()
        else:
            response = self.show(template, etag=etag, **context)
        response["ETag"] = f'"{etag}"'
        patch_cache_control(response, private=True, no_store=True)
        return response


def taken(form: forms.Form, act: Callable[[], T]) -> T | None:
    """What a service makes of a form; None when either refuses, with the complaints at their fields."""
    if form.is_valid():
        try:
            return act()
        except ValidationError as error:
            show_errors(form, error)
    return None
