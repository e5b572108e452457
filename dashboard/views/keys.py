"""Settings, API keys: the team's, and one's own tokens. A secret is shown by the answer that makes it alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from accounts.models import ApiKey
from accounts.rules import Role
from accounts.services import keys
from dashboard.forms.team import KeyForm
from dashboard.views.base import TeamView, taken

MADE_ONCE = "key_made"
"""In the session: the form that made the newest key, so that loading its answer again makes no second one."""


class KeyPage(TeamView):
    change_needs = Role.VIEWER

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.key_page()

    def key_page(self, **about: Any) -> HttpResponse:
        mine, owner = self.membership, self.membership.allows(Role.OWNER)
        response = self.show(
            "dashboard/keys.html",
            **{"key_form": KeyForm(prefix="key"), "token_form": KeyForm(prefix="token"), "new": None, **about},
            is_owner=owner,
            once=uuid4().hex,
            now=timezone.now(),
            keys=keys.keys_of(mine.team) if owner else [],
            tokens=keys.tokens_of(mine),
        )
        add_never_cache_headers(response)
        return response


class KeyNew(KeyPage):
    http_method_names = ["post"]
    change_needs = Role.OWNER
    kind = "key"

    def make(self, form: KeyForm) -> tuple[ApiKey, str]:
        return keys.create_key(team=self.membership.team, by=self.membership.user, **form.configuration())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        once = request.POST.get("once")
        if once and once == request.session.get(MADE_ONCE):
            messages.info(request, _("This one is made already, and it was shown once."))
            return redirect("keys")
        form = KeyForm(request.POST, prefix=self.kind)
        made = taken(form, lambda: self.make(form))
        if not made:
            return self.key_page(**{f"{self.kind}_form": form})
        request.session[MADE_ONCE] = once
        return self.key_page(new=made)


class TokenNew(KeyNew):
    change_needs = Role.VIEWER
    kind = "token"

    def make(self, form: KeyForm) -> tuple[ApiKey, str]:
        return keys.create_token(membership=self.membership, **form.configuration())


class KeyRevoke(TeamView):
    http_method_names = ["post"]
    change_needs = Role.OWNER

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        key = get_object_or_404(self.own(), pk=self.kwargs["pk"])
        keys.revoke(key)
        messages.success(request, _("%s is revoked.") % key.name)
        return redirect("keys")

    def own(self) -> Any:
        return keys.keys_of(self.membership.team)


class TokenRevoke(KeyRevoke):
    change_needs = Role.VIEWER

    def own(self) -> Any:
        return keys.tokens_of(self.membership)
