"""The forms of monitors."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from dashboard import spec_fields, words
from dashboard.forms.base import TagsField, sentence
from monitors.kinds import PASSIVE, SPECS
from monitors.models import Monitor
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

    url = UrlField(label="Website address", max_length=2048, error_messages={"required": "Give an address."})

    def __init__(self, data: Any = None, *, autofocus: bool = False) -> None:
        super().__init__(data)
        if autofocus:
            self.fields["url"].widget.attrs["autofocus"] = True


class MonitorForm(forms.Form):
    """All of a monitor's configuration."""

    name = forms.CharField(max_length=200, required=False, help_text="Left empty, it is the host's name.")
    url = UrlField(label="Website address", max_length=2048)
    interval = forms.TypedChoiceField(label="Check every", coerce=int)
    timeout = forms.IntegerField(
        label="Give up after (s)", min_value=1, max_value=60, help_text="Over all attempts of one check."
    )
    regions = forms.MultipleChoiceField(label="Check from", widget=forms.CheckboxSelectMultiple)
    tags = TagsField()

    def __init__(self, data: Any = None, *, monitor: Monitor | None = None, initial_url: str = "") -> None:
        self.kind = monitor.kind if monitor else "http"
        self.described = spec_fields.described(self.kind)
        self.stored = dict(monitor.spec) if monitor else {}
        super().__init__(data, initial=_initial(monitor) | ({"url": initial_url} if initial_url else {}))
        self.fields["interval"].choices = _intervals(monitor)  # type: ignore[attr-defined]
        self.fields["regions"].choices = [(code, code) for code in region_codes()]  # type: ignore[attr-defined]
        self.fields |= dict(spec_fields.form_fields(self.described, self.stored))
        if not spec_fields.has_url(self.kind):
            del self.fields["url"]
        if self.kind in PASSIVE:
            for name in ("interval", "timeout", "regions"):
                del self.fields[name]

    @property
    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.base_fields if name in self.fields]

    @property
    def spec_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.base_fields]

    @property
    def spec_is_told(self) -> bool:
        """Whether that part should be open: something is set there, was typed there, or is wrong there."""
        typed = self.is_bound and bool(set(self.changed_data) - self.base_fields.keys())
        errors = any(field.errors for field in self.spec_fields)
        return typed or errors or bool(self.stored.keys() - spec_fields.SHOWN_ELSEWHERE)

    def clean(self) -> dict[str, Any]:
        """Let the kind itself read its part, so that its complaint stands at the field it is about."""
        cleaned = self.cleaned_data
        kept = {name: value for name, value in self.stored.items() if name in spec_fields.SHOWN_ELSEWHERE}
        spec = kept | spec_fields.read_spec(self.described, cleaned, stored=self.stored)
        if "url" in cleaned:
            spec["url"] = cleaned["url"]
        if self.errors.keys() <= self.base_fields.keys() - {"url"}:
            try:
                SPECS[self.kind].parse(spec)
            except InvalidSpec as error:
                self.add_error(self._field_of(error.field), sentence(str(error)))
        return cleaned | {"spec": spec}

    def _field_of(self, part: str) -> str | None:
        """The form's field for a part of the spec, if it has one."""
        return next((name for name in (part, spec_fields.PREFIX + part) if name in self.fields), None)

    def configuration(self) -> dict[str, Any]:
        """What to hand to the services."""
        names = ("name", "interval", "timeout", "regions", "tags", "spec")
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
    }


def _intervals(monitor: Monitor | None) -> list[tuple[int, str]]:
    """The usual ones that this server allows, and the one that a program has set."""
    allowed = {seconds for seconds in INTERVALS if seconds >= settings.MONITOR_MIN_INTERVAL_SECONDS}
    offered = allowed | {monitor.interval if monitor else defaults()["interval"]}
    return [(seconds, words.span(seconds)) for seconds in sorted(offered)]
