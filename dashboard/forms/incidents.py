"""The forms on the page of an incident."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from dashboard.forms.base import as_id
from incidents.models import Correction
from incidents.rules.corrections import Verdict

KINDS = {
    Verdict.FALSE_ALARM: _("A false alarm: the site worked, failures count as passes"),
    Verdict.MAINTENANCE: _("Maintenance: this time counts neither for nor against"),
}


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3, "class": "prose"})
    )


class CorrectionForm(forms.Form):
    """What an incident was, in truth."""

    kind = forms.ChoiceField(
        label=_("What it was"),
        choices=[(verdict.value, words) for verdict, words in KINDS.items()],
        widget=forms.RadioSelect,
        initial=Verdict.FALSE_ALARM.value,
    )
    why = forms.CharField(
        label=_("Why"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2, "class": "prose"}),
        help_text=_("Stays with the incident."),
    )


class WithdrawalForm(forms.Form):
    """Take a correction back."""

    correction = forms.TypedChoiceField(label=_("Which"), coerce=as_id)
    why = forms.CharField(label=_("Why is it taken back?"), max_length=500)

    def __init__(self, corrections: list[Correction], data: Any = None) -> None:
        super().__init__(data, prefix="back")
        self.offered = {correction.pk: correction for correction in corrections}
        self.fields["correction"].choices = [  # type: ignore[attr-defined]
            (str(pk), f"{Correction.Kind(correction.kind).label.capitalize()}: {correction.why[:60]}")
            for pk, correction in self.offered.items()
        ]

    @property
    def chosen(self) -> Correction:
        pk: UUID = self.cleaned_data["correction"]
        return self.offered[pk]
