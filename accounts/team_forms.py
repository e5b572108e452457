"""The forms of an invitation's page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class JoinForm(forms.Form):
    """For an invited person without an account; the address is the invitation's."""

    name = forms.CharField(
        label=_("Your name"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        help_text=_("At least 10 characters, and not one of the common ones. A few unrelated words do well."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
