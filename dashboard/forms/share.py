"""How a monitor's badges are shared."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from monitors.models import Monitor
from monitors.words import one_line
from statuspages.badges import LABEL_LENGTH
from statuspages.models import MonitorBadge


class BadgesForm(forms.Form):
    label = forms.CharField(
        label=_("Label"),
        max_length=LABEL_LENGTH,
        required=False,
        help_text=_("What the badges call the monitor; everybody may read it. Left out: only what they tell."),
    )

    def __init__(self, monitor: Monitor, shared: MonitorBadge | None, data: Any = None) -> None:
        label = shared.label if shared else one_line(monitor.name, LABEL_LENGTH)
        super().__init__(data, initial={"label": label})
