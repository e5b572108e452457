"""The forms of the settings: team, invitations, keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, User
from accounts.rules import Role, Scope
from dashboard.forms.base import as_id

ROLES = [
    (Role.VIEWER.value, _("Viewer: sees everything, changes nothing")),
    (Role.EDITOR.value, _("Editor: also changes monitors, alerts, maintenance")),
    (Role.OWNER.value, _("Owner: also manages the team, its keys and the audit log")),
]
SCOPES = [
    (Scope.READ.value, _("Read")),
    (Scope.WRITE.value, _("Write: what an editor may do")),
    (Scope.ADMIN.value, _("Admin: what an owner may do, but for keys and ownership")),
]
LIFETIMES = [("30", _("30 days")), ("90", _("90 days")), ("365", _("A year")), ("", _("It does not expire"))]


class NameForm(forms.Form):
    name = forms.CharField(label=_("Name of the team"), max_length=120)


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=ROLES, initial=Role.EDITOR.value)


class TransferForm(forms.Form):
    """``members``: those whom the team may be handed over to."""

    user = forms.TypedChoiceField(label=_("New owner"), coerce=as_id)

    def __init__(self, members: Iterable[Membership], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.TypedChoiceField, self.fields["user"])
        field.choices = [(member.user_id, _person(member.user)) for member in members]


def _person(user: User) -> str:
    return f"{user.name} ({user.email})" if user.name else user.email


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("What it is for, like Terraform."))
    scope = forms.ChoiceField(label=_("It may"), choices=SCOPES, initial=Scope.READ.value)
    days = forms.ChoiceField(label=_("Valid for"), choices=LIFETIMES, initial="90", required=False)

    def configuration(self) -> dict[str, Any]:
        days = self.cleaned_data["days"]
        expires_at = timezone.now() + timedelta(days=int(days)) if days else None
        return {"name": self.cleaned_data["name"], "scope": self.cleaned_data["scope"], "expires_at": expires_at}
