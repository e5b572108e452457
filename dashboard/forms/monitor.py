"""The forms of monitors."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from dashboard import spec_fields, words
from dashboard.forms import policy
from dashboard.forms.base import TagsField, as_id, sentence
from dashboard.selectors.choices import monitor_choices
from monitors.kinds import PASSIVE, SPECS
from monitors.models import Monitor
from monitors.rules import Policy
from monitors.selectors import region_codes
from monitors.services import defaults
from probes.contract import InvalidSpec

INTERVALS = (10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 21_600, 43_200, 86_400)


class UrlField(forms.CharField):
    """An address as people type it: ``example.com`` means https."""

    widget = forms.TextInput(
        attrs={
            "inputmode": "url",
            "autocomplete": "url",
            "autocapitalize": "off",
            "spellcheck": "false",
            "placeholder": "https://example.com",
        }
    )

    def to_python(self, value: Any) -> str:
        typed = super().to_python(value) or ""
        return typed if not typed or "://" in typed or typed.split(":")[0] in SCHEMES else f"https://{typed}"


SCHEMES = {"data", "file", "ftp", "javascript", "mailto"}
"""What looks like an address without ``//`` is left as it is, to be refused for what it is."""


class AddForm(forms.Form):
    """The one thing to do on an empty dashboard, where it waits for the typing."""

    url = UrlField(label=_("Website address"), max_length=2048, error_messages={"required": _("Give an address.")})

    def __init__(self, data: Any = None, *, autofocus: bool = False, suggested: str = "") -> None:
        super().__init__(data, initial={"url": suggested} if suggested else None)
        if autofocus:
            self.fields["url"].widget.attrs["autofocus"] = True


class MonitorForm(forms.Form):
    """All of a monitor's configuration."""

    name = forms.CharField(max_length=200, required=False, help_text=_("Left empty, it is made from what is watched."))
    url = UrlField(label=_("Website address"), max_length=2048)
    interval = forms.TypedChoiceField(label=_("Check every"), coerce=int)
    timeout = forms.IntegerField(
        label=_("Give up after (s)"), min_value=1, max_value=60, help_text=_("Over all attempts of one check.")
    )
    regions = forms.MultipleChoiceField(label=_("Check from"), widget=forms.CheckboxSelectMultiple)
    tags = TagsField(label=_("Tags"))
    fallback_regions = forms.MultipleChoiceField(
        label=_("Regions that may stand in"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("While one of its own is offline. They must be others than those."),
    )
    parent = forms.TypedChoiceField(
        label=_("Depends on"),
        coerce=as_id,
        required=False,
        empty_value=None,
        help_text=_("While that one is down, nobody is told of this one; it is checked as ever."),
    )

    MAIN = ("name", "url", "interval", "timeout", "regions", "tags")
    REST = ("fallback_regions", "parent")

    def __init__(
        self, team: Team, data: Any = None, *, kind: str = "http", monitor: Monitor | None = None, initial_url: str = ""
    ) -> None:
        self.monitor = monitor
        self.kind = monitor.kind if monitor else kind
        self.described = spec_fields.described(self.kind)
        self.stored = dict(monitor.spec) if monitor else {}
        self.stored_policy = monitor.rules if monitor else Policy()
        super().__init__(data, initial=_initial(monitor) | ({"url": initial_url} if initial_url else {}))
        self._offer(team, monitor)
        self.fields |= dict(spec_fields.form_fields(self.described, self.stored))
        self.fields |= policy.fields_of(self.kind, self.stored_policy)
        if not spec_fields.has_url(self.kind):
            del self.fields["url"]
        if self.kind in PASSIVE:
            for name in ("interval", "timeout", "regions", "fallback_regions"):
                del self.fields[name]

    def _offer(self, team: Team, monitor: Monitor | None) -> None:
        parent, fallbacks = (monitor.parent_id, monitor.fallback_regions) if monitor else (None, [])
        others = monitor_choices(team, keep=[parent] if parent else [], without=monitor.pk if monitor else None)
        named = list(dict.fromkeys([*region_codes(), *fallbacks]))
        offered: dict[str, list[tuple[Any, str]]] = {
            "interval": [*_intervals(monitor)],
            "regions": [(code, code) for code in region_codes()],
            "fallback_regions": [(code, code) for code in named],
            "parent": [("", str(_("Nothing"))), *others],
        }
        for name, choices in offered.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _those(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """With what a kind without an address must know to begin with; of a job all that there is."""
        first, *others = self.MAIN
        return self._those(first, *self._must_know, *others)

    @property
    def _must_know(self) -> list[str]:
        return [spec_fields.PREFIX + field.name for field in self.described if field.required or self.kind in PASSIVE]

    @property
    def rest_fields(self) -> list[forms.BoundField]:
        return self._those(*self.REST)

    @property
    def policy_fields(self) -> list[forms.BoundField]:
        return self._those(*(name for name in self.fields if name.startswith(policy.PREFIX)))

    @property
    def spec_fields(self) -> list[forms.BoundField]:
        shown = self._must_know
        return self._those(*(name for name in self.fields if name.startswith(spec_fields.PREFIX) and name not in shown))

    @property
    def spec_is_told(self) -> bool:
        """Whether that part should be open: something is set there, was typed there, or is wrong there."""
        names = {field.name for field in self.spec_fields}
        typed = self.is_bound and bool(names & set(self.changed_data))
        told = {spec_fields.PREFIX + name for name in self.stored} & names
        return typed or bool(told) or any(field.errors for field in self.spec_fields)

    @property
    def policy_is_told(self) -> bool:
        names = {field.name for field in self.policy_fields}
        return self.is_bound and bool(names & {*self.changed_data, *self.errors})

    @property
    def typed_policy(self) -> dict[str, Any] | None:
        """The policy that stands in the form, whatever the rest of it says; None while it makes no sense."""
        self.is_valid()  # reads what was typed
        if any(field.errors for field in self.policy_fields):
            return None
        return policy.read(self.cleaned_data, stored=self.stored_policy)

    @property
    def rest_is_told(self) -> bool:
        return any(field.errors or field.value() for field in self.rest_fields)

    @property
    def policy_sentence(self) -> str:
        """What the values mean that stand in the form."""
        if self.is_bound:
            self.is_valid()  # reads what was typed
            return policy.sentence_of(
                self.kind,
                policy.read(self.cleaned_data, stored=self.stored_policy),
                self.cleaned_data,
            )
        about = {name: self.get_initial_for_field(self.fields[name], name) for name in self.MAIN if name in self.fields}
        return policy.sentence_of(self.kind, self.stored_policy.as_dict(), about | {"spec": self.stored})

    def clean(self) -> dict[str, Any]:
        """Let the kind itself read its part, so that its complaint stands at the field it is about."""
        cleaned = self.cleaned_data
        kept = {name: value for name, value in self.stored.items() if name in spec_fields.SHOWN_ELSEWHERE}
        spec = kept | spec_fields.read_spec(self.described, cleaned, stored=self.stored)
        if "url" in cleaned:
            spec["url"] = cleaned["url"]
        if not any(name == "url" or name.startswith(spec_fields.PREFIX) for name in self.errors):
            try:
                SPECS[self.kind].parse(spec)
            except InvalidSpec as error:
                self.add_error(self._field_of(error.field), sentence(error.args[0]))
        return cleaned | {"spec": spec, "policy": policy.read(cleaned, stored=self.stored_policy)}

    def _field_of(self, part: str) -> str | None:
        """The form's field for a part of the spec, if it has one."""
        return next((name for name in (part, spec_fields.PREFIX + part) if name in self.fields), None)

    def configuration(self) -> dict[str, Any]:
        """What to hand to the services."""
        names = ["name", "interval", "timeout", "regions", "tags", "spec", "policy", "parent"]
        stored = self.monitor.fallback_regions if self.monitor else []
        if set(self.cleaned_data.get("fallback_regions", stored)) != set(stored):  # or their order would be lost
            names.append("fallback_regions")
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}


def _initial(monitor: Monitor | None) -> dict[str, Any]:
    if monitor is None:
        return defaults()
    return {
        "name": monitor.name,
        "url": monitor.url,
        "interval": monitor.interval,
        "timeout": monitor.timeout,
        "regions": monitor.regions,
        "tags": monitor.tags,
        "fallback_regions": monitor.fallback_regions,
        "parent": monitor.parent_id,
    }


def _intervals(monitor: Monitor | None) -> list[tuple[int, str]]:
    """The usual ones that this server allows, and the one that a program has set."""
    allowed = {seconds for seconds in INTERVALS if seconds >= settings.MONITOR_MIN_INTERVAL_SECONDS}
    offered = allowed | {monitor.interval if monitor else defaults()["interval"]}
    return [(seconds, words.span(seconds)) for seconds in sorted(offered)]
