"""How much one team may ask of the installation."""

from __future__ import annotations

from functools import cached_property

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Count, F, FloatField, Func, Q, Sum
from django.db.models.functions import Cast

from accounts.models import Team
from monitors.kinds import PASSIVE
from monitors.models import Monitor
from probes.sentences import say

ACTIVE = Q(paused=False) & ~Q(kind__in=PASSIVE)


def pace_of(monitor: Monitor) -> float:
    """Checks a minute, in all regions together; none while it is paused, or where it is the job that calls."""
    return 0.0 if monitor.paused or monitor.is_passive else 60.0 * len(monitor.regions) / monitor.interval


class Room:
    """What a team may still ask for: what is stored is read once, and what is yet to be written is kept in mind."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._more_monitors = 0
        self._more_pace = 0.0

    @classmethod
    def held(cls, team: Team) -> Room:
        """Under the team's lock, taken after its monitors': two changes at once do not both take what is left."""
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        return cls(team)

    @cached_property
    def _stored(self) -> tuple[int, float]:
        """Monitors, and checks a minute."""
        regions = Func(F("regions"), function="cardinality", output_field=FloatField())
        pace = Sum(60.0 * regions / Cast("interval", FloatField()), filter=ACTIVE)
        found = Monitor.objects.for_team(self._team).aggregate(number=Count("pk"), pace=pace)
        return found["number"], found["pace"] or 0.0

    def take(self, monitor: Monitor) -> None:
        """For a new monitor. Raises ``ValidationError`` where there is none left."""
        most, number = settings.TEAM_MAX_MONITORS, self._stored[0] + self._more_monitors
        if number >= most:
            words = say(
                "a team has at most {most} monitors here (TEAM_MAX_MONITORS); delete some, or ask your operator",
                most=f"{most:,}",
            )
            raise ValidationError({NON_FIELD_ERRORS: [words]})
        self.change(monitor, before=0.0)
        self._more_monitors += 1

    def change(self, monitor: Monitor, *, before: float) -> None:
        """For one that had another pace before. Raises ``ValidationError`` where it is too much now."""
        more, most = pace_of(monitor) - before, settings.TEAM_MAX_CHECKS_PER_MINUTE
        if more > 0 and (pace := self._stored[1] + self._more_pace + more) > most:
            words = say(
                "with this a team would make {pace} checks a minute, and {most} are the most "
                "here (TEAM_MAX_CHECKS_PER_MINUTE): choose a longer interval or fewer regions",
                pace=f"{pace:,.0f}",
                most=f"{most:,}",
            )
            raise ValidationError({"interval": [words]})
        self._more_pace += more
