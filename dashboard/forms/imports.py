"""What another tool wrote, and how it is taken over."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from common.languages import spoken
from imports.sources import SOURCES


def _sources() -> list[tuple[str, str]]:
    return [(name, f"{source.title} ({spoken(source.file)})") for name, source in SOURCES.items()]


class FileForm(forms.Form):
    source = forms.ChoiceField(label=_("From"), choices=_sources)
    file = forms.FileField(label=_("Its export"), allow_empty_file=True)
    origin = forms.CharField(
        label=_("Which installation"),
        max_length=60,
        required=False,
        help_text=_("Only where you come from several of the same tool: a name that tells them apart."),
    )


class ImportForm(FileForm):
    shadow = forms.BooleanField(
        label=_("New monitors in shadow"),
        required=False,
        initial=True,
        help_text=_("They are checked and recorded, but nobody is told until you switch alerts on."),
    )


class ParityForm(FileForm):
    """The same, to compare."""
