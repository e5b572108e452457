"""What the regions say, the verdicts made from it, the incidents, and the events that others act upon."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from incidents.rules import RegionState as State
from incidents.rules.story import Change, Standing
from monitors.models import Monitor
from monitors.rules import Status
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
    strict = models.BooleanField(default=False, db_default=False)
    good_slot = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["monitor", "region"], name="incidents_one_state_per_region")]
        indexes = [
            # a region's own trouble: what has begun to fail there lately. A passing check touches none of it.
            models.Index(fields=["region", "since"], name="incidents_failing", condition=Q(outcome=Outcome.DOWN.value)),
        ]

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
            strict=self.strict,
            good_slot=self.good_slot,
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
            strict=state.strict,
            good_slot=state.good_slot,
        )


class StatusChange(models.Model):
    """A verdict that changed a monitor's status, with the votes and the policy it can be re-evaluated from."""

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="status_changes")
    happened_at = models.DateTimeField()
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    votes = models.JSONField(encoder=DjangoJSONEncoder)
    policy = models.JSONField()
    open_incident = models.BooleanField(help_text="it had been down and had not recovered")

    class Meta:
        ordering = ["-happened_at", "-id"]
        indexes = [models.Index(fields=["monitor", "-happened_at"], name="incidents_changes_of_monitor")]

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"

    def as_rule(self) -> Change:
        return Change(self.happened_at, Status(self.before), Status(self.after))


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> IncidentQuerySet:
        return self.filter(resolved_at__isnull=True)

    def unsettled(self) -> IncidentQuerySet:
        """Open, or closed by a person while the trouble goes on."""
        return self.filter(Q(resolved_at__isnull=True) | Q(recovered_at__isnull=True))


class Incident(models.Model):
    """A monitor was down: from the first failure of the streak that won to the recovery.

    ``recovered_at`` is when the site was well again by our own rules. It differs from ``resolved_at`` where a person
    has closed the incident before that, and while a flapping one waits for calm.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="incidents")
    started_at = models.DateTimeField(help_text="first failure of the regions that agreed")
    confirmed_at = models.DateTimeField(help_text="when enough regions agreed")
    resolved_at = models.DateTimeField(null=True, blank=True)
    recovered_at = models.DateTimeField(null=True, blank=True)
    flapping = models.BooleanField(default=False, help_text="stands for many changes in a row, until it is calm")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cause = models.JSONField(
        help_text="by region: reason, message, first_slot (of what it saw first) and good_slot (of the last good check)"
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["monitor"], condition=Q(resolved_at__isnull=True), name="incidents_one_open_per_monitor"
            )
        ]
        indexes = [
            models.Index(fields=["monitor", "-started_at"], name="incidents_of_monitor"),
            # judging: open ones, and closed ones whose trouble goes on
            models.Index(fields=["monitor"], name="incidents_unrecovered", condition=Q(recovered_at__isnull=True)),
            # calm: the few that flap
            models.Index(fields=["monitor"], name="incidents_flapping", condition=Q(flapping=True)),
        ]

    def __str__(self) -> str:
        return f"{self.monitor} since {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def team_id(self) -> uuid.UUID:
        """Whose audit log tells of it."""
        return self.monitor.team_id

    @property
    def standing(self) -> Standing:
        return Standing(open=self.resolved_at is None, flapping=self.flapping, shelved=self.resolved_at is not None)


class IncidentEventQuerySet(models.QuerySet["IncidentEvent"]):
    def unplanned(self) -> Self:
        """What is to be told and nobody has decided whom, oldest first."""
        due = Q(held_until__isnull=True) | Q(held_until__lte=timezone.now())
        return self.filter(due, planned_at__isnull=True).order_by("id")

    def held(self, *, now: datetime) -> Self:
        """What will be told later, unless it is over before."""
        return self.filter(planned_at__isnull=True, held_until__gt=now)


class IncidentEvent(models.Model):
    """The outbox: what happened, written in the same transaction as the change itself.

    An event of a monitor has a ``team``; one of a region has none and is for operators. ``data`` is what a message
    needs beyond that, by kind. Rows are only ever added; ``planned_at`` alone is set later.

    Until ``held_until`` nobody is told. What is over by then is marked as planned, and nobody ever is.
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
        SHADOW_ENDED = "shadow_ended"
        REGION_OFFLINE = "region_offline"
        REGION_ONLINE = "region_online"
        REGION_SUSPECT = "region_suspect"
        REGION_WELL = "region_well"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.CASCADE, null=True, blank=True, related_name="events", db_index=False
    )
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
    held_until = models.DateTimeField(null=True, editable=False, help_text="not to be told before")
    planned_at = models.DateTimeField(null=True, editable=False, help_text="when it was decided whom to tell")

    objects = IncidentEventQuerySet.as_manager()

    class Meta:
        ordering = ["happened_at", "id"]
        indexes = [
            # alerts: what is still to be planned
            models.Index(fields=["id"], name="incidents_unplanned", condition=Q(planned_at__isnull=True)),
            # what was told of a monitor last
            models.Index(fields=["monitor", "-id"], name="incidents_events_of_monitor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.happened_at:%Y-%m-%d %H:%M:%S}"


class RegionTrouble(models.Model):
    """A time in which a region failed for many unrelated monitors, so that its failures were no word on any of them."""

    region = models.CharField(max_length=31)
    began_at = models.DateTimeField(help_text="failures that began since then do not count")
    noticed_at = models.DateTimeField()
    well_at = models.DateTimeField(null=True, blank=True)
    failing = models.PositiveIntegerField(help_text="monitors that had begun to fail")
    looked = models.PositiveIntegerField(help_text="monitors that it had looked at in that time")
    sites = models.PositiveIntegerField(help_text="unrelated sites among those that failed")

    class Meta:
        ordering = ["-noticed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["region"], condition=Q(well_at__isnull=True), name="incidents_one_open_trouble_per_region"
            )
        ]

    def __str__(self) -> str:
        return f"{self.region} since {self.began_at:%Y-%m-%d %H:%M:%S}"


class Correction(models.Model):
    """What a person says of a span of the past. Rows are only ever added; ``withdraws`` takes an earlier one back."""

    class Kind(models.TextChoices):
        FALSE_ALARM = "false_alarm", "false alarm"
        MAINTENANCE = "maintenance"
        WITHDRAWAL = "withdrawal"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="corrections", db_index=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, blank=True, related_name="corrections")
    kind = models.CharField(max_length=12, choices=Kind)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="the first moment that is not corrected any more")
    why = models.CharField(max_length=500)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    withdraws = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="withdrawn_by"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["monitor", "starts_at"], name="incidents_corrections")]

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M}"

    @property
    def team_id(self) -> uuid.UUID:
        """Whose audit log tells of it."""
        return self.monitor.team_id
