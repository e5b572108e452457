"""Form fields made from what a kind says of itself, and a kind's spec made from what was typed into them.

A kind of monitor or of channel that learns a new field has it on the page without a line here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitors.kinds import SPECS
from probes.fields import Field

SHOWN_ELSEWHERE = {"url"}
LONG = {"body", "template"}
"""Text of several lines."""

PREFIX = "spec_"
KEPT = _("What is saved is not shown: leave the stars to keep it.")

LABELS = {
    "period": _("Reports every (s)"),
    "cron": _("Cron expression"),
    "zone": _("Time zone"),
    "grace": _("Grace (s)"),
    "max_runtime": _("A run may take (s)"),
    "to": _("E-mail address"),
    "url": _("Address"),
    "secret": _("Secret for signing"),
    "template": _("JSON to send"),
    "routing_key": _("Integration key"),
    "api_key": _("API key"),
    "banner_contains": _("Text that must come first"),
    "expected": _("Expected records"),
    "nameserver": _("Name server"),
    "record_type": _("Record type"),
    "server_name": _("Server name"),
    "starttls": _("Encryption begins"),
    "method": _("Method"),
    "headers": _("Request headers"),
    "body": _("Request body"),
    "follow_redirects": _("Follow redirects"),
    "max_redirects": _("Redirects at most"),
    "verify_tls": _("Verify the certificate"),
    "ip_family": _("Internet Protocol"),
    "expected_status": _("Expected status"),
    "body_contains": _("Text that must appear"),
    "body_not_contains": _("Text that must not appear"),
    "body_matches": _("Pattern that must match"),
    "json_assertions": _("JSON must satisfy"),
    "header_assertions": _("Headers must satisfy"),
    "max_response_ms": _("Slow from (ms)"),
    "watch_content": _("Follow the content"),
    "cert_expiry_days": _("Warn before the certificate expires (days)"),
}


def described(kind: str) -> list[Field]:
    return [field for field in SPECS[kind].describe() if field.name not in SHOWN_ELSEWHERE]


def has_url(kind: str) -> bool:
    return any(field.name == "url" for field in SPECS[kind].describe())


def form_fields(fields: Iterable[Field], spec: Mapping[str, Any]) -> Iterator[tuple[str, forms.Field]]:
    """The fields by name, filled from a stored spec, which holds masks in place of secrets."""
    for field in fields:
        yield PREFIX + field.name, _form_field(field, spec)


def label_of(field: Field) -> str:
    return str(LABELS.get(field.name, "")) or field.name.replace("_", " ").capitalize()


def _form_field(field: Field, spec: Mapping[str, Any]) -> forms.Field:
    about: dict[str, Any] = {
        "label": label_of(field),
        "help_text": f"{gettext(field.help)}. {KEPT}" if field.secret and spec.get(field.name) else gettext(field.help),
        "required": field.required,
        "initial": spec.get(field.name, _plain(field.default)),
    }
    match field.type:
        case "boolean":
            return forms.BooleanField(**about | {"required": False})
        case "integer":
            return forms.IntegerField(min_value=field.minimum, max_value=field.maximum, **about)
        case "number":
            return NumberField(min_value=field.minimum, max_value=field.maximum, **about)
        case "choice":
            return forms.ChoiceField(choices=_choices(field, about["initial"]), **about)
        case "object":
            return HeadersField(**about)
        case "list":
            return ListField(**about)
        case "text" if isinstance(about["initial"], list):  # a set of codes, as a program may give it
            return forms.CharField(**about | {"initial": ",".join(map(str, about["initial"]))})
        case _:
            attrs = {"spellcheck": "false", "autocomplete": "off"} if field.secret or field.name in LONG else {}
            area = forms.Textarea(attrs=attrs | {"rows": 3}) if field.name in LONG else forms.TextInput(attrs=attrs)
            return forms.CharField(strip=False, widget=area, **about | {"initial": _text(about["initial"])})


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _choices(field: Field, chosen: Any) -> list[tuple[Any, Any]]:
    """The kind's own, and the spelling that a program has saved: saving the form must not change it unasked."""
    offered = [*field.choices] if chosen in (None, *field.choices) else [chosen, *field.choices]
    return [(choice, choice) for choice in offered]


def _plain(default: Any) -> Any:
    """A default as a person would type it; objects of a kind's own know how to print themselves."""
    return default if default is None or isinstance(default, str | int | bool) else str(default) if default else None


def read_spec(fields: Iterable[Field], cleaned: Mapping[str, Any], *, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The spec that the form asks for: what differs from the kind's defaults or was said before."""
    spec = {}
    for field in fields:
        value = cleaned.get(PREFIX + field.name)
        if value not in (None, "", {}, []) and (value != _plain(field.default) or field.name in stored):
            spec[field.name] = value
    return spec


def told(fields: Iterable[Field], spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a spec says beyond its address, in words for the page; of a secret only that there is one."""
    return [(label_of(field), _shown(field, spec[field.name])) for field in fields if field.name in spec]


def _shown(field: Field, value: Any) -> str:
    if field.secret:
        return gettext("saved, not shown")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return "; ".join(map(json.dumps, value)) if isinstance(value, list) else str(value)


class NumberField(forms.FloatField):
    """A number that stays whole when it was typed so."""

    def to_python(self, value: Any) -> Any:
        number = super().to_python(value)
        return int(number) if number is not None and number.is_integer() else number


class HeadersField(forms.CharField):
    """``Name: value``, one a line."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs.update(rows=3, spellcheck="false", placeholder="Accept-Language: en")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}: {content}" for name, content in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        headers = {}
        for line in filter(None, map(str.strip, str(value or "").splitlines())):
            name, colon, content = line.partition(":")
            if not colon:
                raise ValidationError(_("“%s” is not a header: write Name: value.") % line[:40])
            headers[name.strip()] = content.strip()
        return headers


class ListField(forms.CharField):
    """One item a line: a JSON object, or plain text."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.help_text = _("%s. One a line.") % self.help_text
        self.widget.attrs.update(rows=2, spellcheck="false")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(item if isinstance(item, str) else json.dumps(item) for item in value)
        return value

    def to_python(self, value: Any) -> Any:
        return [_item(line) for line in map(str.strip, str(value or "").splitlines()) if line]


def _item(line: str) -> Any:
    if not line.startswith("{"):
        return line
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("“%s” is not a JSON object.") % line[:40]) from error
