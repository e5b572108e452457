"""The pages for signing up, in and out, and for a forgotten password."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LogoutView, PasswordResetConfirmView, RedirectURLMixin
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from accounts.forms import CodeForm, LoginForm, NewPasswordForm, ResetForm, SignUpForm
from accounts.models import User
from accounts.services import factors, letters, oidc, people
from accounts.services.sessions import enter
from accounts.views.base import LimitedForm
from common.addresses import client_network

HALFWAY = "knows_the_password"
"""In the session of somebody who has given the password and owes the second factor."""
HALFWAY_LASTS_S = 600


@method_decorator(never_cache, name="dispatch")
class DoorPage(RedirectURLMixin, LimitedForm):
    """For people who are not in yet. It shares the API's limit on tries; ``?next=`` stays on our host."""

    throttle_scope: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            # Not to ?next=: the admin sends people without rights here, and would be sent them back for ever.
            return redirect(settings.LOGIN_REDIRECT_URL)
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            next=self.get_redirect_url(),
            registration_open=settings.REGISTRATION_OPEN,
            elsewhere=oidc.is_on() and settings.OIDC_NAME,
            **kwargs,
        )


class Login(DoorPage):
    template_name = "accounts/login.html"
    form_class = LoginForm
    throttle_scope = "login"

    def act(self, form: Form) -> HttpResponse:
        given = form.cleaned_data
        user = people.check_credentials(
            email=given["username"], password=given["password"], place=client_network(self.request)
        )
        people.check_confirmed(user=user)
        return go_on(self.request, user, self.get_redirect_url()) or HttpResponseRedirect(self.get_success_url())


def go_on(request: HttpRequest, user: User, wanted: str) -> HttpResponse | None:
    """Let somebody in who has shown the first factor; or, where a second one is on, lead to the page that asks for it.

    ``wanted``: where they were going, which has been looked at.
    """
    if not factors.are_on(user):
        enter(request, user)
        return None
    mark = user.get_session_auth_hash()
    request.session.cycle_key()
    request.session[HALFWAY] = {"user": str(user.pk), "mark": mark, "at": int(time.time()), "next": wanted}
    return redirect("second-factor")


class SecondFactor(DoorPage):
    """The second step of logging in: a code, or a key held against the browser's challenge."""

    template_name = "accounts/second_factor.html"
    form_class = CodeForm
    throttle_scope = "login"
    person: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = _halfway(request)
        if person is None and not request.user.is_authenticated:
            request.session.pop(HALFWAY, None)
            return redirect("login")
        self.person = person or User()
        return super().dispatch(request, *args, **kwargs)

    def act(self, form: Form) -> HttpResponse:
        if credential := form.cleaned_data["credential"]:
            factors.check_key(user=self.person, credential=credential)
        else:
            factors.check_code(user=self.person, code=form.cleaned_data["code"])
        self.request.session.pop(HALFWAY)
        enter(self.request, self.person)
        return HttpResponseRedirect(self.get_success_url())

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        return str(self.request.session.get(HALFWAY, {}).get("next", ""))

    def get_success_url(self) -> str:
        return self.wanted or self.get_default_redirect_url()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.wanted = self.get_redirect_url()  # the session is a new one afterwards
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = factors.of(self.person)
        challenge = factors.begin_key(self.person) if found["own_keys"] else None
        return super().get_context_data(factors=found, challenge=challenge, **kwargs)


def _halfway(request: HttpRequest) -> User | None:
    """Who gave the right password here, not long ago, if it still is the right one."""
    half = request.session.get(HALFWAY) or {}
    if time.time() - half.get("at", 0) > HALFWAY_LASTS_S:
        return None
    person = User.objects.filter(pk=half["user"], is_active=True).first()
    return person if person and person.get_session_auth_hash() == half["mark"] else None


class SignUp(DoorPage):
    template_name = "accounts/signup.html"
    form_class = SignUpForm
    throttle_scope = "signup"

    def act(self, form: Form) -> HttpResponse:
        """Create the account and go straight in; or to the mailbox, where the operator wants that first."""
        if settings.EMAIL_VERIFICATION == "mandatory":
            people.ask_to_join(**form.cleaned_data)
            return redirect("check-mail")
        enter(self.request, people.come_straight_in(**form.cleaned_data))
        return HttpResponseRedirect(self.get_success_url())


class CheckMail(TemplateView):
    """After a form that says the same whether or not the address has an account."""

    template_name = "accounts/check_mail.html"


class Logout(LogoutView):
    """By POST only: a link on another site must not log anybody out."""


class PasswordReset(DoorPage):
    template_name = "accounts/reset.html"
    form_class = ResetForm
    throttle_scope = "reset"

    def act(self, form: Form) -> HttpResponse:
        people.ask_for_reset(email=form.cleaned_data["email"])
        return redirect("check-mail")


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class PasswordResetConfirm(PasswordResetConfirmView):
    """Where the link from the mail leads. The token moves into the session at once, so that no page tells it on."""

    template_name = "accounts/reset_confirm.html"
    form_class = NewPasswordForm  # type: ignore[assignment]
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, _("Your password is set. All sessions were ended: log in anew."))
        return response


@method_decorator(never_cache, name="dispatch")
class EmailConfirm(TemplateView):
    """Where the link from the mail leads. Looking confirms nothing: mail servers look at links as well."""

    template_name = "accounts/email_confirm.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = letters.read_email_token(self.kwargs["token"])
        return super().get_context_data(address=found[2] if found else None, **kwargs)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        user = people.confirm_email(token=token)
        if user is None:
            return render(request, self.template_name, {"address": None}, status=400)
        messages.success(request, _("%(address)s is confirmed.") % {"address": user.email})
        return redirect("account-email" if request.user == user else "login")
