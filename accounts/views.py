"""The pages for signing up, in and out."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import services
from accounts.forms import LoginForm, SignUpForm
from accounts.throttles import ScopedThrottle


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class DoorPage(RedirectURLMixin, FormView):  # type: ignore[type-arg]
    """For people who are not in yet. It shares the API's limit on tries; ``?next=`` stays on our host."""

    throttle_scope: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            # Not to ?next=: the admin sends people without rights here, and would be sent them back for ever.
            return redirect(settings.LOGIN_REDIRECT_URL)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        throttle = ScopedThrottle()
        if throttle.allow_request(request, self):
            return super().post(request, *args, **kwargs)
        seconds = ceil(throttle.wait())
        words = self.get_context_data(form=self.get_form_class()(), wait_seconds=seconds)
        return self.render_to_response(words, status=429, headers={"Retry-After": str(seconds)})

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            next=self.get_redirect_url(), registration_open=settings.REGISTRATION_OPEN, **kwargs
        )


class Login(DoorPage, LoginView):
    template_name = "accounts/login.html"
    form_class = LoginForm
    throttle_scope = "login"


class SignUp(DoorPage):
    template_name = "accounts/signup.html"
    form_class = SignUpForm
    throttle_scope = "signup"

    def form_valid(self, form: Form) -> HttpResponse:
        """Create the account and go straight in."""
        try:
            user = services.sign_up(**form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)  # each message finds its field by name
            return self.form_invalid(form)
        login(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


class Logout(LogoutView):
    """By POST only: a link on another site must not log anybody out."""
