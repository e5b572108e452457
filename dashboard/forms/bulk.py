"""What is to be done to many monitors at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from dashboard import words
from dashboard.forms import policy
from dashboard.forms.base import TagsField
from dashboard.forms.monitor import INTERVALS
from monitors.rules import Action, Policy
from monitors.selectors import region_codes


class BulkForm(forms.Form):
    """What an action wants to know; a field that is left empty changes nothing."""

    POLICY = ("confirmations", "quorum", "recovery", "alert_after_s")

    def __init__(self, action: Action, data: Any = None) -> None:
        super().__init__(data)
        self.action = action
        if action in {Action.TAG, Action.UNTAG}:
            self.fields["tags"] = TagsField(label=_("Tags"), required=True)
        elif action is Action.EDIT:
            self.fields |= _edit_fields()

    def configuration(self) -> dict[str, Any]:
        """What to hand to ``monitors.services.change_many``."""
        said = {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}
        parts = {name: said.pop(policy.PREFIX + name) for name in self.POLICY if policy.PREFIX + name in said}
        return said | ({"policy": parts} if parts else {})


def _edit_fields() -> dict[str, forms.Field]:
    allowed = [seconds for seconds in INTERVALS if seconds >= settings.MONITOR_MIN_INTERVAL_SECONDS]
    made: dict[str, forms.Field] = {
        "interval": forms.TypedChoiceField(
            label=_("Check every"),
            coerce=int,
            required=False,
            empty_value=None,
            choices=[("", _("As it is")), *((seconds, words.span(seconds)) for seconds in allowed)],
        ),
        "timeout": forms.IntegerField(label=_("Give up after (s)"), min_value=1, max_value=60),
        "regions": forms.MultipleChoiceField(
            label=_("Check from"),
            widget=forms.CheckboxSelectMultiple,
            choices=[(code, code) for code in region_codes()],
            help_text=_("None chosen: from where they are checked now."),
        ),
    }
    of_policy = policy.fields_of("http", Policy())
    for name in BulkForm.POLICY:
        made[policy.PREFIX + name] = of_policy[policy.PREFIX + name]
        made[policy.PREFIX + name].initial, made[policy.PREFIX + name].help_text = None, ""
    for field in made.values():
        field.required = False
    return made
