"""Signing in at the provider that the operator has set up (``OIDC_SERVER_URL``): going there, and coming back.

Without such a provider neither address exists.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.access.throttles import ScopedThrottle
from accounts.exceptions import ElsewhereRefused, RegistrationClosed
from accounts.services import elsewhere, oidc
from accounts.views.doors import go_on

UNDER_WAY = "signing_in_elsewhere"
"""In the session of who has left for the provider."""


@method_decorator(never_cache, name="dispatch")
class _Elsewhere(RedirectURLMixin, View):
    throttle_scope = "login"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not oidc.is_on():
            raise Http404
        if request.user.is_authenticated:
            return redirect(settings.LOGIN_REDIRECT_URL)
        throttle = ScopedThrottle()
        if not throttle.allow_request(request, self):
            return self.ask_to_wait(ceil(throttle.wait()))
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def ask_to_wait(self, seconds: int) -> HttpResponse:
        words = {"wait_seconds": seconds, "wait_minutes": ceil(seconds / 60)}
        late = render(self.request, "accounts/elsewhere_wait.html", words, status=429)
        late["Retry-After"] = str(seconds)
        return late

    def back_to_the_door(self, why: object) -> HttpResponse:
        messages.error(self.request, str(why))
        return redirect("login")


class Leave(_Elsewhere):
    """By POST: no link and no picture on another site sends anybody away.

    The answer is a page that leads on, not a redirect: our policy lets forms go to this site alone, and browsers hold
    that against whatever the provider redirects to as well.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            where, kept = oidc.begin()
        except ElsewhereRefused as error:
            return self.back_to_the_door(error.detail)
        request.session[UNDER_WAY] = kept | {"next": self.get_redirect_url()}
        return render(request, "accounts/elsewhere_leave.html", {"where": where, "provider": settings.OIDC_NAME})


class Return(_Elsewhere):
    """Where the provider sends the browser. What it brings is good once, in the browser that left."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        kept = request.session.pop(UNDER_WAY, {})
        try:
            claims = oidc.finish(kept=kept, answer=request.GET.dict())
            user = elsewhere.come(claims)
        except ElsewhereRefused as error:
            return self.back_to_the_door(error.detail)
        except RegistrationClosed as error:
            return self.back_to_the_door(error)
        except ValidationError:  # an address or a name that could not be stored
            return self.back_to_the_door(_("Signing in that way did not work: the address cannot be used here."))
        wanted = str(kept.get("next") or "")
        return go_on(request, user, wanted) or HttpResponseRedirect(wanted or self.get_default_redirect_url())
