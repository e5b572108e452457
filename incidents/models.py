"""What the regions say, the verdicts made from it, the incidents, and the events that others act upon."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from accounts.models import Team
from incidents.rules import RegionState as State
from monitors.models import Monitor
from probes.contract import Outcome, Reason


class RegionState(models.Model):
    """The stored form of ``rules.RegionState``: one row per monitor and region, folded forward by each result."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="region_states")
    region = models.CharField(max_length=31)
    outcome = models.CharField(max_length=10, null=True)
    reason = models.CharField(max_length=40, null=True)
    message = models.CharField(max_length=500, blank=True)
    streak = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True)
    slot = models.DateTimeField(null=True)
    silence = models.CharField(max_length=40, null=True)
    silent_slot = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["monitor", "region"], name="incidents_one_state_per_region")]

    def __str__(self) -> str:
        return f"{self.region}: {self.outcome}"

    def as_rule(self) -> State:
        return State(
            region=self.region,
            outcome=Outcome(self.outcome) if self.outcome else None,
            reason=Reason(self.reason) if self.reason else None,
            message=self.message,
            streak=self.streak,
            since=self.since,
            slot=self.slot,
            silence=Reason(self.silence) if self.silence else None,
            silent_slot=self.silent_slot,
        )

    @classmethod
    def of(cls, monitor: Monitor, state: State) -> RegionState:
        return cls(
            monitor=monitor,
            region=state.region,
            outcome=state.outcome,
            reason=state.reason,
            message=state.message[:500],
            streak=state.streak,
            since=state.since,
            slot=state.slot,
            silence=state.silence,
            silent_slot=state.silent_slot,
        )


class StatusChange(models.Model):
    """A verdict that changed a monitor's status, with the votes and the policy it can be re-evaluated from."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="status_changes")
    happened_at = models.DateTimeField()
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    votes = models.JSONField(encoder=DjangoJSONEncoder)
    policy = models.JSONField()
    open_incident = models.BooleanField()

    class Meta:
        ordering = ["-happened_at", "-id"]
        indexes = [models.Index(fields=["monitor", "-happened_at"], name="incidents_changes_of_monitor")]

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> IncidentQuerySet:
        return self.filter(resolved_at__isnull=True)


class Incident(models.Model):
    """A monitor was down: from the first failure of the streak that won to the recovery."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="incidents")
    started_at = models.DateTimeField(help_text="first failure of the regions that agreed")
    confirmed_at = models.DateTimeField(help_text="when enough regions agreed")
    resolved_at = models.DateTimeField(null=True, blank=True)
    cause = models.JSONField(help_text="reason and message by region")

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["monitor"], condition=Q(resolved_at__isnull=True), name="incidents_one_open_per_monitor"
            )
        ]
        indexes = [models.Index(fields=["monitor", "-started_at"], name="incidents_of_monitor")]

    def __str__(self) -> str:
        return f"{self.monitor} since {self.started_at:%Y-%m-%d %H:%M}"


class IncidentEventQuerySet(models.QuerySet["IncidentEvent"]):
    def unplanned(self) -> Self:
        """What nobody has decided yet whom to tell of, oldest first."""
        return self.filter(planned_at__isnull=True).order_by("id")


class IncidentEvent(models.Model):
    """The outbox: what happened, written in the same transaction as the change itself.

    An event of a monitor has a ``team``; one of a region has none and is for operators. ``data`` is what a message
    needs beyond that, by kind. Rows are only ever added; ``planned_at`` alone is set later.
    """

    class Kind(models.TextChoices):
        OPENED = "opened"
        RESOLVED = "resolved"
        DEGRADED = "degraded"
        PARTIAL = "partial"
        RECOVERED = "recovered"
        CERTIFICATE = "certificate"
        FLAPPING = "flapping"
        CALM = "calm"
        ACKNOWLEDGED = "acknowledged"
        NOTED = "noted"
        REOPENED = "reopened"
        SUSPECTED = "suspected"
        REGION_OFFLINE = "region_offline"
        REGION_ONLINE = "region_online"
        REGION_SUSPECT = "region_suspect"
        REGION_WELL = "region_well"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    region = models.CharField(max_length=31, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    happened_at = models.DateTimeField()
    votes = models.JSONField(encoder=DjangoJSONEncoder, default=list)
    note = models.CharField(max_length=2000, blank=True)
    data = models.JSONField(encoder=DjangoJSONEncoder, default=dict)
    planned_at = models.DateTimeField(null=True, editable=False, help_text="when it was decided whom to tell")

    objects = IncidentEventQuerySet.as_manager()

    class Meta:
        ordering = ["happened_at", "id"]
        indexes = [
            # alerts: what is still to be planned
            models.Index(fields=["id"], name="incidents_unplanned", condition=Q(planned_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.happened_at:%Y-%m-%d %H:%M:%S}"
