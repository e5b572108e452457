"""The page that an invitation's link leads to."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.access.throttles import ScopedThrottle
from accounts.acting import TEAM_IN_SESSION
from accounts.exceptions import InvitationGone
from accounts.forms import JoinForm
from accounts.models import Invitation, User
from accounts.selectors import open_invitation
from accounts.services import people, teams
from accounts.services.sessions import enter
from accounts.views.base import show


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class InvitationPage(View):
    """Join with the account that one has, or make one and join. Looking at it changes nothing."""

    throttle_scope = "signup"
    invitation: Invitation

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = open_invitation(kwargs["token"], now=timezone.now())
        if found is None:
            return self._gone()
        self.invitation = found
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._page(JoinForm())

    def post(self, request: HttpRequest, token: str) -> HttpResponseBase:
        try:
            return self._join(token) if request.user.is_authenticated else self._sign_up(token)
        except InvitationGone:
            return self._gone()

    def _join(self, token: str) -> HttpResponseBase:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  # for the type checker: there are no other users here
        if user.email != self.invitation.email:
            return self._page(JoinForm())
        return self._in(teams.accept(token=token, user=user).team_id)

    def _sign_up(self, token: str) -> HttpResponseBase:
        throttle, form = ScopedThrottle(), JoinForm(self.request.POST)
        if not throttle.allow_request(self.request, self):
            seconds = ceil(throttle.wait())
            return self._page(JoinForm(), status=429, wait_seconds=seconds)
        if form.is_valid():
            try:
                user = people.sign_up_invited(token=token, **form.cleaned_data)
            except ValidationError as error:
                show(form, error)
            else:
                enter(self.request, user)
                return self._in(self.invitation.team_id)
        return self._page(form)

    def _in(self, team_id: Any) -> HttpResponseBase:
        self.request.session[TEAM_IN_SESSION] = str(team_id)
        return redirect("dashboard")

    def _page(self, form: JoinForm, *, status: int = 200, **words: Any) -> HttpResponse:
        """Who holds the link reads the mails of the address, and may know whether it has an account."""
        email = self.invitation.email
        words |= {"form": form, "invitation": self.invitation, "known": User.objects.filter(email=email).exists()}
        return render(self.request, "accounts/invitation.html", words, status=status)

    def _gone(self) -> HttpResponse:
        return render(self.request, "accounts/invitation.html", {"invitation": None}, status=404)
