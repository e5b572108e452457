"""How much one team may ask of the installation."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import F, FloatField, Func, Sum
from django.db.models.functions import Cast

from accounts.models import Team
from monitors.models import Monitor


def pace_of(monitor: Monitor) -> float:
    """Checks a minute, in all regions together; none while it is paused, or where it is the job that calls."""
    return 0.0 if monitor.paused or monitor.is_passive else 60.0 * len(monitor.regions) / monitor.interval


def refuse_one_more(team: Team) -> None:
    """Raises ``ValidationError`` when the team has as many monitors as it may."""
    most = settings.TEAM_MAX_MONITORS
    if Monitor.objects.for_team(team).count() >= most:
        words = f"a team has at most {most:,} monitors here (TEAM_MAX_MONITORS); delete some, or ask your operator"
        raise ValidationError({NON_FIELD_ERRORS: [words]})


def refuse_more_checks(monitor: Monitor) -> None:
    """Raises ``ValidationError`` when with this monitor, as it now is, its team would ask for more than it may."""
    most = settings.TEAM_MAX_CHECKS_PER_MINUTE
    others = Monitor.objects.for_team(monitor.team).active().dialled().exclude(pk=monitor.pk)
    regions = Func(F("regions"), function="cardinality", output_field=FloatField())
    pace = others.aggregate(pace=Sum(60.0 * regions / Cast("interval", FloatField())))["pace"] or 0.0
    if pace_of(monitor) and pace + pace_of(monitor) > most:
        words = (
            f"with this a team would make {pace + pace_of(monitor):,.0f} checks a minute, and {most:,} are the most "
        )
        words += "here (TEAM_MAX_CHECKS_PER_MINUTE): choose a longer interval or fewer regions"
        raise ValidationError({"interval": [words]})
