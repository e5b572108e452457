"""The forms of channels and rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.forms import ZoneField
from accounts.models import Team
from alerts.models import Channel, Rule
from alerts.notifiers import NOTIFIERS
from alerts.rules import CHOICES, Kind, Quiet, Severity
from alerts.selectors import is_operators
from dashboard import alert_words, spec_fields
from dashboard.forms.base import MonitorsField, TagsField, YesNoField, as_id, sentence
from dashboard.selectors.choices import channel_choices, monitor_choices
from monitors import secrets
from probes.contract import InvalidSpec

MORE_STEPS = 2
"""Empty lines that the form offers for further steps of an escalation."""

MOST_STEPS = 20


class ChannelForm(forms.Form):
    """A channel's name, and the settings that its notifier describes."""

    name = forms.CharField(max_length=120, required=False, help_text=_("Left empty, it is that of the service."))
    language = forms.ChoiceField(label=_("Language of the messages"), required=False)
    enabled = forms.BooleanField(
        required=False, initial=True, label=_("In use"), help_text=_("Off, nothing is sent here.")
    )

    def __init__(self, kind: str, data: Any = None, *, channel: Channel | None = None) -> None:
        self.kind = kind
        self.notifier = NOTIFIERS[kind]
        self.described = self.notifier.settings.describe()
        self.channel = channel
        self.stored = dict(channel.settings) if channel else {}
        super().__init__(data, initial={name: getattr(channel, name) for name in self.base_fields} if channel else {})
        self.fields["language"].choices = _languages(kind)  # type: ignore[attr-defined]
        self.fields |= dict(spec_fields.form_fields(self.described, self.stored))
        first, *last = self.base_fields
        self.order_fields([first, *(name for name in self.fields if name not in self.base_fields), *last])

    def clean(self) -> dict[str, Any]:
        """Let the notifier itself read its part, so that its complaint stands at the field it is about."""
        given = spec_fields.read_spec(self.described, self.cleaned_data, stored=self.stored)
        if not self.errors:
            kept = secrets.unseal(self.channel.sealed) if self.channel else {}
            shown, hidden = secrets.split_fields(self.described, given, kept=kept)
            try:
                self.notifier.settings.parse(shown | hidden)
            except InvalidSpec as error:
                name = f"{spec_fields.PREFIX}{error.field}"
                self.add_error(name if name in self.fields else None, sentence(error.args[0]))
        return self.cleaned_data | {"settings": given}

    def configuration(self) -> dict[str, Any]:
        """What to hand to the services."""
        return {name: self.cleaned_data[name] for name in (*self.base_fields, "settings")} | {"kind": self.kind}

    def trial(self) -> dict[str, Any]:
        """What a test message needs to know of it."""
        return {name: self.cleaned_data[name] for name in ("settings", "language")}


def _languages(kind: str) -> list[tuple[str, str | Promise]]:
    """Mail may go to a member, who has a language; of others nobody knows whether they are one."""
    if kind == "email":
        return [("", _("The reader's, else English")), *settings.LANGUAGES]
    return [("" if code == settings.LANGUAGE_CODE else code, name) for code, name in settings.LANGUAGES]


class RuleForm(forms.Form):
    """Who is told of what, and when."""

    name = forms.CharField(max_length=120, required=False)
    enabled = forms.BooleanField(required=False, initial=True, label=_("In use"))
    everything = YesNoField(
        label=_("Which monitors"),
        choices=[("yes", _("All of them")), ("no", _("Only those that are chosen or have one of the tags below"))],
        initial="yes",
    )
    monitors = MonitorsField(label=_("Chosen monitors"))
    tags = TagsField(label=_("Monitors with any of these tags"))
    events = forms.MultipleChoiceField(
        label=_("Tell of"),
        widget=forms.CheckboxSelectMultiple,
        initial=[Kind.DOWN.value],
        help_text=_("The end of each is told as well, to whoever was told of its beginning."),
    )
    severity = forms.ChoiceField(
        label=_("Only if it is at least"),
        choices=lambda: [(severity.value, alert_words.SEVERITIES[severity]) for severity in Severity],
        help_text=_("Down is critical; everything else is a warning."),
    )
    channels = forms.TypedMultipleChoiceField(
        label=_("Tell at once"), coerce=as_id, widget=forms.CheckboxSelectMultiple, required=False
    )
    delay_minutes = forms.IntegerField(
        label=_("Wait before telling (min)"),
        min_value=0,
        max_value=1440,
        initial=0,
        help_text=_("What is over by then is not told at all."),
    )
    reminder_minutes = forms.IntegerField(
        label=_("Remind every (min)"),
        min_value=0,
        max_value=10_080,
        initial=0,
        help_text=_("While it is down and nobody has acknowledged it. 0: never, else at least 5."),
    )
    quiet = forms.BooleanField(
        required=False,
        label=_("Keep quiet at certain hours"),
        help_text=_("Warnings then wait for the end of these hours. What is critical is told at any time."),
    )
    quiet_from = forms.TimeField(label=_("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_to = forms.TimeField(label=_("To"), required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_zone = ZoneField(label=_("Time zone"), required=False)

    def __init__(self, team: Team, data: Any = None, *, rule: Rule | None = None) -> None:
        super().__init__(data, initial=_initial(rule) if rule else {})
        kept = self.initial.get("monitors", [])
        offered = channel_choices(team)
        self.delay_s = rule.delay_seconds if rule else 0
        self.fields["monitors"].choices = monitor_choices(team, keep=kept)  # type: ignore[attr-defined]
        self.fields["channels"].choices = offered  # type: ignore[attr-defined]
        self.fields["events"].choices = [  # type: ignore[attr-defined]
            (kind.value, alert_words.EVENTS[kind]) for kind in CHOICES if kind is not Kind.REGION or is_operators(team)
        ]
        if rule and rule.quiet_hours:
            self.fields["quiet_zone"].offer(rule.quiet_hours["zone"])  # type: ignore[attr-defined]
        self._add_steps(offered, sum(name.endswith("_channel") for name in self.initial))

    def _add_steps(self, offered: list[tuple[str, str]], number: int) -> None:
        self.places = range(min(number + MORE_STEPS, MOST_STEPS))
        for place in self.places:
            self.fields[f"step_{place}_minutes"] = forms.IntegerField(
                label=_("After (min)"), min_value=1, max_value=10_080, required=False
            )
            self.fields[f"step_{place}_channel"] = forms.TypedChoiceField(
                label=_("Tell"), coerce=as_id, required=False, empty_value=None, choices=[("", _("Nobody")), *offered]
            )

    def of(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    @property
    def whom(self) -> list[forms.BoundField]:
        return self.of("everything", "monitors", "tags")

    @property
    def what(self) -> list[forms.BoundField]:
        return self.of("events", "severity")

    @property
    def when(self) -> list[forms.BoundField]:
        return self.of("delay_minutes", "reminder_minutes")

    @property
    def quiet_fields(self) -> list[forms.BoundField]:
        return self.of("quiet_from", "quiet_to", "quiet_zone")

    @property
    def steps(self) -> list[list[forms.BoundField]]:
        return [self.of(f"step_{place}_minutes", f"step_{place}_channel") for place in self.places]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        names_none = cleaned.get("monitors") == [] and cleaned.get("tags") == []
        if cleaned.get("everything") is False and names_none:
            self.add_error("everything", _("Choose some monitors or name a tag, or take all of them."))
        if cleaned.get("quiet"):
            self._check_quiet(cleaned)
        return cleaned | {"escalation": self._escalation(cleaned)}

    def _check_quiet(self, cleaned: dict[str, Any]) -> None:
        try:
            Quiet.parse(_quiet_hours(cleaned))
        except ValueError as error:
            self.add_error("quiet_from", sentence(error.args[0]))

    def _escalation(self, cleaned: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines that are filled in; a half of one is a mistake."""
        steps = []
        for place in self.places:
            minutes, channel = cleaned.get(f"step_{place}_minutes"), cleaned.get(f"step_{place}_channel")
            if minutes and channel:
                steps.append({"after_minutes": minutes, "channel": channel})
            elif minutes and f"step_{place}_channel" not in self.errors:
                self.add_error(f"step_{place}_channel", _("Say who is told then."))
            elif channel and f"step_{place}_minutes" not in self.errors:
                self.add_error(f"step_{place}_minutes", _("Say after how many minutes."))
        return steps

    def configuration(self) -> dict[str, Any]:
        """What to hand to the services. Seconds that a program has set stay, unless the minutes were changed."""
        cleaned = self.cleaned_data
        plain = ("name", "enabled", "everything", "monitors", "tags", "events", "severity", "channels", "escalation")
        delay_s = self.delay_s if "delay_minutes" not in self.changed_data else cleaned["delay_minutes"] * 60
        return {name: cleaned[name] for name in plain} | {
            "delay_seconds": delay_s,
            "reminder_minutes": cleaned["reminder_minutes"],
            "quiet_hours": _quiet_hours(cleaned) if cleaned["quiet"] else None,
        }


def _quiet_hours(cleaned: dict[str, Any]) -> dict[str, str]:
    begins, ends = cleaned.get("quiet_from"), cleaned.get("quiet_to")
    return {
        "from": f"{begins:%H:%M}" if begins else "",
        "to": f"{ends:%H:%M}" if ends else "",
        "zone": cleaned.get("quiet_zone", ""),
    }


def _initial(rule: Rule) -> dict[str, Any]:
    at_once = [step.channel_id for step in rule.steps.all() if not step.after_minutes]
    steps = [(step.after_minutes, step.channel_id) for step in rule.steps.all() if step.after_minutes]
    quiet = rule.quiet_hours or {}
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "everything": "yes" if rule.everything else "no",
        "monitors": [monitor.pk for monitor in rule.monitors.all()],
        "tags": rule.tags,
        "events": [kind for kind in rule.events if kind != Kind.UP],
        "severity": rule.severity,
        "channels": at_once,
        **{f"step_{place}_minutes": minutes for place, (minutes, _) in enumerate(steps)},
        **{f"step_{place}_channel": channel for place, (_, channel) in enumerate(steps)},
        "delay_minutes": rule.delay_seconds // 60,
        "reminder_minutes": rule.reminder_minutes,
        "quiet": bool(quiet),
        "quiet_from": quiet.get("from"),
        "quiet_to": quiet.get("to"),
        "quiet_zone": quiet.get("zone", "UTC"),
    }
