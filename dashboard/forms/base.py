"""What the forms share: how a service's complaints get to their fields, and fields that several of them have."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from common.languages import spoken


def show_errors(form: forms.Form, error: ValidationError) -> None:
    """Put a service's complaints at their fields; what has no field here stands above the form."""
    for name, messages in error.message_dict.items():
        for message in messages:
            form.add_error(name if name in form.fields else None, sentence(message))


def sentence(message: str) -> str:
    """Services speak to programs too (``must be ...``); a page begins with a capital and ends with a stop."""
    said = spoken(message)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


class TagsField(forms.CharField):
    """Words with commas between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "help_text": _("Separated by commas."), **options})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [tag.strip() for tag in str(value or "").split(",") if tag.strip()]

    def run_validators(self, value: Any) -> None:
        """Each tag is a text; of a list they would see how Python writes it."""
        for tag in value:
            super().run_validators(tag)


def as_id(value: Any) -> UUID:
    """For choices that are rows. Django coerces what is stored already as well, to compare."""
    return UUID(str(value))


class MonitorsField(forms.TypedMultipleChoiceField):
    """Some of the team's monitors, which the form offers by name."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "coerce": as_id, **options})


class YesNoField(forms.TypedChoiceField):
    """Two answers in words, one of them yes."""

    widget = forms.RadioSelect

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"coerce": lambda value: value == "yes", **options})
