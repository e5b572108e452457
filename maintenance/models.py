"""Windows of planned work."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Team
from maintenance.occurrences import Plan
from monitors.models import Monitor, MonitorQuerySet


class WindowQuerySet(models.QuerySet["Window"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def under_way(self, now: datetime) -> Self:
        return self.filter(next_starts__lte=now, next_ends__gt=now)

    def over(self, now: datetime) -> Self:
        """Of which an occurrence has ended, and the next one is still to be looked up."""
        return self.filter(next_ends__lte=now)


class Window(models.Model):
    """Planned work on some monitors: once, or again and again.

    While it is under way its monitors have the status ``maintenance`` and open no incident. ``next_starts`` and
    ``next_ends`` are the occurrence that is going on or comes next; both are null when none is left.
    """

    AUDITED: ClassVar[tuple[str, ...]] = (
        *("title", "note", "everything", "tags", "chosen", "day", "time", "minutes", "zone", "rule"),
        *("pauses_checks", "counts_as_uptime"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="maintenance_windows")
    title = models.CharField(max_length=120)
    note = models.TextField(max_length=2_000, blank=True)

    everything = models.BooleanField(default=False, help_text="all monitors of the team")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True, help_text="monitors with any of them")
    monitors = models.ManyToManyField(Monitor, blank=True, related_name="maintenance_windows")

    day = models.DateField(help_text="the first one")
    time = models.TimeField(help_text="on the clocks of the zone")
    minutes = models.PositiveIntegerField()
    zone = models.CharField(max_length=60, default="UTC")
    rule = models.CharField(max_length=300, blank=True, help_text="RRULE; empty: once")

    pauses_checks = models.BooleanField(default=False, help_text="nothing is checked; otherwise only nobody is told")
    counts_as_uptime = models.BooleanField(default=False, help_text="what is found meanwhile counts as at other times")

    next_starts = models.DateTimeField(null=True, editable=False)
    next_ends = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WindowQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["team", "-created_at", "id"], name="maintenance_of_team"),
            # the turn: what begins or ends
            models.Index(fields=["next_starts"], name="maintenance_to_come", condition=Q(next_starts__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def plan(self) -> Plan:
        return Plan(self.starts, timedelta(minutes=self.minutes), self.zone, self.rule)

    @property
    def chosen(self) -> list[str]:
        """The names of the monitors that were chosen one by one."""
        return list(self.monitors.order_by("name").values_list("name", flat=True))

    @property
    def starts(self) -> datetime:
        """The first start, on the clocks of the zone."""
        return datetime.combine(self.day, self.time)

    def is_under_way(self, now: datetime) -> bool:
        return self.next_starts is not None and self.next_ends is not None and self.next_starts <= now < self.next_ends

    def covered(self) -> MonitorQuerySet:
        """The monitors that it is about, at present."""
        own = Monitor.objects.for_team(self.team)
        if self.everything:
            return own
        return own.filter(Q(pk__in=self.monitors.values("pk")) | Q(tags__overlap=self.tags))
