"""Drills and what they measured."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from drills.rules import Stage, Times, reached, seconds_between
from incidents.models import Incident
from monitors.models import Monitor

MOMENTS = (
    *("fault_at", "failed_at", "confirmed_at", "queued_at", "accepted_at"),
    *("mended_at", "recovered_at", "told_at"),
)


class DrillQuerySet(models.QuerySet["Drill"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def running(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def measured(self) -> Self:
        """Those whose message was accepted."""
        return self.filter(accepted_at__isnull=False)


class Drill(models.Model):
    """A target of our own goes down and up again, and we note when each stage on the road to people was reached."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="drills")
    monitor = models.ForeignKey(Monitor, on_delete=models.SET_NULL, null=True, related_name="+")
    incident = models.ForeignKey(Incident, on_delete=models.SET_NULL, null=True, related_name="+")
    key = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the target's token")
    interval = models.PositiveIntegerField(help_text="seconds")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    asked_at = models.DateTimeField()
    fault_at = models.DateTimeField(null=True, help_text="the target fails from then on; chosen ahead, at random")
    failed_at = models.DateTimeField(null=True, help_text="a region saw the first failure")
    confirmed_at = models.DateTimeField(null=True, help_text="the incident was opened")
    queued_at = models.DateTimeField(null=True, help_text="it was decided whom to tell")
    accepted_at = models.DateTimeField(null=True, help_text="the first channel took the message")
    mended_at = models.DateTimeField(null=True, help_text="the target is well from then on; chosen ahead, at random")
    recovered_at = models.DateTimeField(null=True, help_text="the incident was resolved")
    told_at = models.DateTimeField(null=True, help_text="the first channel took the message that it is over")
    ended_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True, help_text="why it ended before its time")

    objects = DrillQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(ended_at__isnull=True), name="drills_one_at_a_time_per_team"
            )
        ]
        indexes = [
            # lists
            models.Index(fields=["team", "-asked_at", "-id"], name="drills_of_team"),
            # the operators' figures
            models.Index(fields=["-accepted_at"], name="drills_measured", condition=Q(accepted_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"drill of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def times(self) -> Times:
        return Times(self.asked_at, **{name: getattr(self, name) for name in MOMENTS})

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.interval)

    @property
    def reached(self) -> Times:
        """When each stage was reached, and none that lies ahead."""
        return reached(self.times, now=self.ended_at or timezone.now())

    @property
    def stage(self) -> Stage:
        if self.ended_at is not None:
            return Stage.FAILED if self.problem else Stage.DONE
        reached = self.reached
        if reached.mended_at is not None:
            return Stage.MENDED
        return Stage.PREPARING if reached.fault_at is None else Stage.DOWN

    @property
    def seconds(self) -> dict[str, float | None]:
        """Seconds from the fault to each stage, and from the mending to each of the way back."""
        down = {name: getattr(self, f"{name}_at") for name in ("failed", "confirmed", "queued", "accepted")}
        back = {name: getattr(self, f"{name}_at") for name in ("recovered", "told")}
        return {name: seconds_between(self.fault_at, at) for name, at in down.items()} | {
            name: seconds_between(self.mended_at, at) for name, at in back.items()
        }

    @property
    def detection_s(self) -> float | None:
        """Seconds from the fault to the accepted message."""
        return self.seconds["accepted"]
