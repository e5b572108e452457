"""Keeping a list of monitors by a name."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class SaveViewForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60)
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=8_000)
    is_first = forms.BooleanField(label=_("Open it when I come in"), required=False)
