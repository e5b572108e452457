"""The account page: what is one's own, whatever the team."""

from __future__ import annotations

import base64
from typing import Any

from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts import forms
from accounts.models import User
from accounts.selectors import identities_of, live_api_sessions, teams_left_without_owner, teams_of_one
from accounts.services import elsewhere, factors, oidc, people, sessions
from accounts.views.base import LimitedForm
from common.addresses import client_network

NEW_APP_SECRET = "new_app_secret"  # noqa: S105 - a key of the session


class MineRequest(HttpRequest):
    user: User


class MineView(LoginRequiredMixin, View):
    request: MineRequest

    @property
    def me(self) -> User:
        return self.request.user

    def check_password(self, form: Form) -> None:
        place = client_network(self.request)
        people.check_password(user=self.me, password=form.cleaned_data["password"], place=place)

    def thank(self, words: str, to: str) -> HttpResponse:
        messages.success(self.request, words)
        return redirect(to)


@method_decorator(never_cache, name="dispatch")
class MineForm(MineView, LimitedForm):  # type: ignore[misc]  # the request is ours: of somebody who is in
    """A page of the account with one form."""

    tab = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(tab=self.tab, **kwargs)


class Profile(MineForm):
    """Name, clocks, look and keys."""

    template_name = "accounts/profile.html"
    form_class = forms.ProfileForm
    tab = "account"

    def get_initial(self) -> dict[str, Any]:
        return {name: getattr(self.me, name) for name in people.PREFERENCES}

    def act(self, form: Form) -> HttpResponse:
        people.set_preferences(user=self.me, **form.cleaned_data)
        return self.thank(_("Saved."), "account")


class Email(MineForm):
    template_name = "accounts/email.html"
    form_class = forms.EmailForm
    throttle_scope = "account"
    tab = "account-email"

    def act(self, form: Form) -> HttpResponse:
        self.check_password(form)
        people.ask_for_email(user=self.me, email=form.cleaned_data["email"])
        words = _("A link is on its way to %(address)s. The address changes when it is followed.")
        return self.thank(words % {"address": form.cleaned_data["email"]}, "account-email")


class EmailAgain(MineForm):
    """The link for the present address once more; the button stands on the page of the address."""

    http_method_names = ["post"]
    template_name = "accounts/email.html"
    form_class = Form
    throttle_scope = "account"
    tab = "account-email"

    def act(self, form: Form) -> HttpResponse:
        people.ask_for_email(user=self.me, email=self.me.email)
        return self.thank(_("A link is on its way to %(address)s.") % {"address": self.me.email}, "account-email")


class Password(MineForm):
    template_name = "accounts/password.html"
    form_class = forms.PasswordForm
    tab = "account-password"

    def act(self, form: Form) -> HttpResponse:
        self.check_password(form)
        people.change_password(user=self.me, password=form.cleaned_data["new_password"])
        sessions.end_others(user=self.me, key=self.request.session.session_key)
        sessions.stay(self.request, self.me)
        return self.thank(_("Your password is changed, and everything else that was signed in is out."), "account")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        linked = [(identity, elsewhere.name_of(identity)) for identity in identities_of(self.me)]
        may_link = oidc.is_on() and not self.me.is_staff and not linked
        return super().get_context_data(linked=linked, may_link=settings.OIDC_NAME if may_link else "", **kwargs)


class Unlink(MineForm):
    """A provider's way in is taken away. Who has no password is told to set one, on the page that leads here."""

    template_name = "accounts/factor_sure.html"
    form_class = forms.SureForm
    tab = "account-password"

    def act(self, form: Form) -> HttpResponse:
        self.check_password(form)
        if not elsewhere.unlink(user=self.me, pk=self.kwargs["pk"]):
            raise Http404
        return self.thank(_("Unlinked."), "account-password")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = next((identity for identity in identities_of(self.me) if identity.pk == self.kwargs["pk"]), None)
        if found is None:
            raise Http404
        return super().get_context_data(
            heading=_("Unlink %(name)s?") % {"name": elsewhere.name_of(found)},
            words=_(
                "From then on it does not open this account. Sessions that are open stay: end them under Sessions. "
                "Signing in there again with this confirmed address links it anew."
            ),
            button=_("Unlink"),
            **kwargs,
        )


@method_decorator(never_cache, name="dispatch")
class Sessions(MineView):
    """Where one is signed in: browsers and programs."""

    def get(self, request: MineRequest) -> HttpResponse:
        words = {
            "tab": "account-sessions",
            "browsers": sessions.sessions_of(self.me),
            "programs": live_api_sessions(self.me),
            "here": request.session.session_key,
            "unknown": sessions.UNKNOWN_ADDRESS,
        }
        return render(request, "accounts/sessions.html", words)

    def post(self, request: MineRequest) -> HttpResponse:
        """End one (``browser`` or ``program`` names it) or, with ``all``, all but this one."""
        if "all" in request.POST:
            sessions.end_other_sessions(user=self.me, key=request.session.session_key)
            return self.thank(_("All other sessions are ended."), "account-sessions")
        form = forms.EndingForm(request.POST)
        if not form.is_valid():
            raise Http404
        if (browser := form.cleaned_data["browser"]) is not None:
            sessions.end_one(user=self.me, pk=browser)
        else:
            sessions.end_api_session_of(user=self.me, session_id=form.cleaned_data["program"])
        return self.thank(_("The session is ended."), "account-sessions")


class Factors(MineView):
    def get(self, request: MineRequest) -> HttpResponse:
        words = {"tab": "account-factors", "factors": factors.of(self.me), "secure": request.is_secure()}
        return render(request, "accounts/factors.html", words)


class FactorForm(MineForm):
    """One that changes the second factor: with the password, and a mail afterwards."""

    form_class = forms.SureForm
    tab = "account-factors"

    def act(self, form: Form) -> HttpResponse:
        self.check_password(form)
        codes = self.change(form)
        people.tell_of_change(user=self.me)
        if codes:
            words = {"tab": self.tab, "codes": codes}
            return render(self.request, "accounts/codes.html", words)
        return self.thank(_("Saved."), "account-factors")

    def change(self, form: Form) -> list[str]:
        """Gives recovery codes to be shown, if new ones were made."""
        raise NotImplementedError


class FactorApp(FactorForm):
    template_name = "accounts/factor_app.html"
    form_class = forms.AppForm

    def change(self, form: Form) -> list[str]:
        codes = factors.add_app(user=self.me, secret=self._secret, code=form.cleaned_data["code"])
        del self.request.session[NEW_APP_SECRET]
        return codes

    @property
    def _secret(self) -> str:
        """Kept over mistakes: the app has it already."""
        if NEW_APP_SECRET not in self.request.session:
            self.request.session[NEW_APP_SECRET] = generate_totp_secret()
        return str(self.request.session[NEW_APP_SECRET])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        adapter = factors.SealedFactors()
        address = adapter.build_totp_url(self.me, self._secret)
        picture = base64.b64encode(adapter.build_totp_svg(address).encode()).decode()
        secret = " ".join(self._secret[at : at + 4] for at in range(0, len(self._secret), 4))
        return super().get_context_data(picture=picture, secret=secret, **kwargs)


class FactorKey(FactorForm):
    template_name = "accounts/factor_key.html"
    form_class = forms.KeyForm

    def change(self, form: Form) -> list[str]:
        given = form.cleaned_data
        return factors.add_key(user=self.me, name=given["name"] or _("Key"), credential=given["credential"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(challenge=factors.begin_adding_key(self.me), **kwargs)


class FactorCodes(FactorForm):
    template_name = "accounts/factor_sure.html"

    def change(self, form: Form) -> list[str]:
        if not factors.are_on(self.me):
            raise Http404
        return factors.new_codes(self.me)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            heading=_("New recovery codes"),
            words=_("You get ten new ones. The ones before them are void."),
            button=_("Make new codes"),
            **kwargs,
        )


class FactorRemove(FactorForm):
    template_name = "accounts/factor_sure.html"

    def change(self, form: Form) -> list[str]:
        factors.remove(user=self.me, pk=self.kwargs["pk"])
        return []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = factors.of(self.me)
        row = next((row for row in [found["app"], *found["own_keys"]] if row and row.pk == self.kwargs["pk"]), None)
        if row is None:
            raise Http404
        name = _("the authenticator app") if row == found["app"] else str(row)
        return super().get_context_data(
            heading=_("Remove %(name)s?") % {"name": name},
            words=_("From then on it opens nothing. Without another one, the password alone is enough."),
            button=_("Remove"),
            **kwargs,
        )


class Delete(MineForm):
    template_name = "accounts/delete.html"
    form_class = forms.SureForm
    tab = "account-delete"

    def act(self, form: Form) -> HttpResponse:
        self.check_password(form)
        user = self.me
        people.delete_account(user=user)
        logout(self.request)
        messages.success(self.request, _("Your account is deleted."))
        return redirect("login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            kept_back=teams_left_without_owner(self.me), going=teams_of_one(self.me), **kwargs
        )
