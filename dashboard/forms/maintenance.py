"""The forms of planned work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.forms import ZoneField
from accounts.models import Team
from dashboard.forms.base import MonitorsField, TagsField, YesNoField
from dashboard.selectors.choices import monitor_choices
from maintenance.models import Window

REPEATS: Mapping[str, Any] = {
    "": _("Once"),
    "FREQ=DAILY": _("Every day"),
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": _("Monday to Friday"),
    "FREQ=WEEKLY": _("Every week, on that weekday"),
    "FREQ=MONTHLY": _("Every month, on that day of the month"),
}
"""The usual rules in words."""

OWN = "own"
WHEN = ("starts", "minutes", "zone", "rule")
"""What the preview is made from."""


class LocalTimeField(forms.CharField):
    """A time on somebody's clocks; the zone is a field of its own."""

    widget = forms.TextInput(attrs={"type": "datetime-local"})

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat(timespec="minutes") if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        typed = super().to_python(value)
        if not typed:
            return None
        try:
            local = datetime.fromisoformat(typed)
        except ValueError:
            local = None
        if local is None or local.tzinfo is not None:
            raise ValidationError(_("Give a date and a time, like 2026-03-29T02:30."))
        return local.replace(second=0, microsecond=0)


class WorkForm(forms.Form):
    """What work that begins now and work that is planned have in common: which monitors, and what becomes of them."""

    title = forms.CharField(label=_("Title"), max_length=120)
    everything = YesNoField(
        label=_("Which monitors"),
        choices=[("no", _("Those that are chosen or have one of the tags below")), ("yes", _("All of them"))],
        initial="no",
    )
    monitors = MonitorsField(label=_("Chosen monitors"))
    tags = TagsField(label=_("Monitors with any of these tags"))
    minutes = forms.IntegerField(label=_("For how long (min)"), min_value=1, max_value=43_200, initial=60)
    pauses_checks = YesNoField(
        label=_("The checks"),
        choices=[("no", _("Go on, and nobody is told of what they find")), ("yes", _("Pause"))],
        initial="no",
    )
    counts_as_uptime = forms.BooleanField(
        required=False,
        label=_("What is found meanwhile counts for the uptime"),
        help_text=_("Otherwise this time counts neither for nor against."),
    )
    note = forms.CharField(
        label=_("Note"), max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "prose"})
    )

    PLAIN = ("title", "everything", "monitors", "tags", "minutes", "pauses_checks", "counts_as_uptime", "note")

    def __init__(self, team: Team, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        offered = monitor_choices(team, keep=initial.get("monitors", []))
        self.fields["monitors"].choices = offered  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("everything") is False and cleaned.get("monitors") == [] and cleaned.get("tags") == []:
            self.add_error("everything", _("Choose some monitors or name a tag, or take all of them."))
        return cleaned

    def configuration(self) -> dict[str, Any]:
        """What to hand to the services."""
        return {name: self.cleaned_data[name] for name in self.PLAIN}


class StartForm(WorkForm):
    """Work that begins this moment."""

    def __init__(self, team: Team, data: Any = None, *, monitors: list[UUID]) -> None:
        super().__init__(team, data, initial={"title": _("Maintenance"), "monitors": monitors})


class WindowForm(WorkForm):
    """Work at a time that is planned, once or again and again."""

    starts = LocalTimeField(label=_("Begins"), help_text=_("On the clocks of the time zone."))
    zone = ZoneField(label=_("Time zone"))
    repeats = forms.ChoiceField(
        label=_("Comes round"), choices=[*REPEATS.items(), (OWN, _("By a rule of its own"))], required=False
    )
    rule = forms.CharField(
        label=_("Its own rule"),
        max_length=300,
        required=False,
        help_text=_("RRULE of RFC 5545, like FREQ=MONTHLY;BYDAY=1SU: the first Sunday of each month."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off"}),
    )

    def __init__(self, team: Team, data: Any = None, *, window: Window | None = None) -> None:
        super().__init__(team, data, initial=_initial(window) if window else {"starts": _next_hour()})
        if window:
            self.fields["zone"].offer(window.zone)  # type: ignore[attr-defined]

    def of(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    @property
    def whom(self) -> list[forms.BoundField]:
        return self.of("everything", "monitors", "tags")

    @property
    def when(self) -> list[forms.BoundField]:
        return self.of("starts", "minutes", "zone", "repeats")

    @property
    def meanwhile(self) -> list[forms.BoundField]:
        return self.of("pauses_checks", "counts_as_uptime")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("repeats") != OWN:
            return cleaned | {"rule": cleaned.get("repeats", "")}
        if not cleaned.get("rule") and "rule" not in self.errors:
            self.add_error("rule", _("Give the rule, or choose another way in which it comes round."))
        return cleaned

    @property
    def plan(self) -> dict[str, Any] | None:
        """When, as far as it was typed in a way that makes sense."""
        if not self.is_bound:
            return {name: self.get_initial_for_field(self.fields[name], name) or "" for name in WHEN} | self._rule
        return None if set(WHEN) & self.errors.keys() else {name: self.cleaned_data[name] for name in WHEN}

    @property
    def _rule(self) -> dict[str, str]:
        repeats = self.initial.get("repeats", "")
        return {"rule": self.initial.get("rule", "") if repeats == OWN else repeats}

    def configuration(self) -> dict[str, Any]:
        return super().configuration() | {name: self.cleaned_data[name] for name in WHEN}


def _next_hour() -> datetime:
    return (timezone.now().astimezone(UTC) + timedelta(hours=1)).replace(tzinfo=None, minute=0, second=0, microsecond=0)


def _initial(window: Window) -> dict[str, Any]:
    known = window.rule in REPEATS
    return {
        "title": window.title,
        "note": window.note,
        "everything": "yes" if window.everything else "no",
        "monitors": [monitor.pk for monitor in window.monitors.all()],
        "tags": window.tags,
        "minutes": window.minutes,
        "pauses_checks": "yes" if window.pauses_checks else "no",
        "counts_as_uptime": window.counts_as_uptime,
        "starts": window.starts,
        "zone": window.zone,
        "repeats": window.rule if known else OWN,
        "rule": "" if known else window.rule,
    }
