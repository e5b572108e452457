"""Where messages may go, who wants which, and every message with its tries."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from alerts import rules
from alerts.rules import Kind, Severity, State
from incidents.models import IncidentEvent
from monitors import secrets
from monitors.models import Monitor

SEVERITIES = [(severity.value, severity.value) for severity in Severity]


class TeamDefaults(models.Model):
    """The team was given its first channel and rule; what it deleted since does not come back."""

    team = models.OneToOneField(Team, primary_key=True, on_delete=models.CASCADE, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"defaults of {self.team}"


class ChannelQuerySet(models.QuerySet["Channel"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)


class Channel(models.Model):
    """A place where messages go. ``failures`` in a row break it; then it is tried rarely, until it works again."""

    AUDITED: ClassVar[tuple[str, ...]] = ("name", "kind", "settings", "sealed", "language", "enabled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(default=dict, help_text="read by the notifier's own class; secrets masked")
    sealed = models.TextField(blank=True, editable=False, help_text="the settings' secrets, encrypted")
    language = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="of its messages; empty: that of the member who reads it, if any",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    broken_since = models.DateTimeField(null=True, editable=False)
    try_after = models.DateTimeField(null=True, editable=False, help_text="a broken channel is left alone until then")
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_sent_at = models.DateTimeField(null=True, editable=False)

    confirmed_at = models.DateTimeField(
        null=True, editable=False, help_text="when who reads there agreed; mail to others than members needs it"
    )

    # The last test message by these settings; others have not been tested.
    tested_at = models.DateTimeField(null=True, editable=False)
    test_ok = models.BooleanField(null=True, editable=False, help_text="whether it was taken")
    test_status = models.PositiveIntegerField(null=True, editable=False, help_text="of the HTTP or SMTP answer")
    test_answer = models.CharField(
        max_length=500, blank=True, editable=False, help_text="its beginning; secrets masked"
    )
    test_reason = models.CharField(max_length=300, blank=True, editable=False, help_text="what went wrong, in words")

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["team", "created_at", "id"], name="alerts_channels_of_team")]

    def __str__(self) -> str:
        return self.name

    @property
    def full_settings(self) -> dict[str, Any]:
        """With the secrets: for sending, and for nobody's eyes."""
        settings: dict[str, Any] = self.settings | secrets.unseal(self.sealed)
        return settings

    @property
    def health(self) -> str:
        """One word for people: off, pending, broken, failing, ok or unused."""
        if not self.enabled:
            return "off"
        if self.confirmed_at is None:
            return "pending"
        if self.broken_since is not None:
            return "broken"
        if self.failures:
            return "failing"
        return "ok" if self.last_sent_at else "unused"


class RuleQuerySet(models.QuerySet["Rule"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)


class Rule(models.Model):
    """Who is told of what, and when."""

    AUDITED: ClassVar[tuple[str, ...]] = (
        *("name", "enabled", "everything", "chosen", "tags", "events", "severity", "told"),
        *("delay_seconds", "reminder_minutes", "quiet_hours"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True)
    everything = models.BooleanField(default=True, help_text="all of the team's monitors")
    monitors = models.ManyToManyField(Monitor, blank=True, related_name="+")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    events = ArrayField(models.CharField(max_length=20), default=list)
    severity = models.CharField(max_length=10, default=Severity.INFO.value, choices=SEVERITIES)
    delay_seconds = models.PositiveIntegerField(default=0)
    reminder_minutes = models.PositiveIntegerField(default=0, help_text="0: no reminders")
    quiet_hours = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["team", "created_at", "id"], name="alerts_rules_of_team")]

    def __str__(self) -> str:
        return self.name

    @property
    def chosen(self) -> list[str]:
        """The names of the monitors that were chosen one by one."""
        return sorted(monitor.name for monitor in self.monitors.all())

    @property
    def told(self) -> list[str]:
        """The names of its channels, with the minutes after which each is told."""
        return [f"{step.channel} after {step.after_minutes} min" for step in self.steps.select_related("channel")]

    def as_rule(self) -> rules.Rule:
        """For deciding. ``monitors`` and ``steps`` are prefetched by ``selectors.rules_of``."""
        return rules.Rule(
            id=self.id,
            everything=self.everything,
            monitors=frozenset(monitor.pk for monitor in self.monitors.all()),
            tags=frozenset(self.tags),
            events=frozenset(self.events),
            severity=Severity(self.severity),
            delay_s=self.delay_seconds,
            quiet=rules.Quiet.parse(self.quiet_hours) if self.quiet_hours else None,
            steps=tuple(
                (step.channel_id, step.after_minutes)
                for step in self.steps.all()
                if step.channel.enabled and step.channel.confirmed_at is not None
            ),
        )


class Step(models.Model):
    """A channel of a rule: told at once, or after so many minutes without an acknowledgement."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="steps")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="steps")
    after_minutes = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["after_minutes", "id"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "channel", "after_minutes"], name="alerts_a_step_once_a_rule")
        ]

    def __str__(self) -> str:
        return f"{self.channel} after {self.after_minutes} min"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def due(self, now: Any) -> Self:
        return self.filter(state=State.WAITING, next_at__lte=now)


class Delivery(models.Model):
    """One message of one event to one channel: (event, channel, step) is what makes it this one and no other.

    ``due_at`` is when it is to be told, ``next_at`` when it is tried next (of a held one: looked at again).
    ``closed_by`` is the message that tells the end of this one's trouble; there is at most one. ``group`` is the
    delivery whose message tells of this one as well.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(IncidentEvent, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in Kind])
    step = models.PositiveIntegerField(default=0, help_text="minutes after the event, by escalation or reminder")
    thread = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)

    state = models.CharField(max_length=10, default=State.WAITING.value, choices=[(s.value, s.value) for s in State])
    held_for = models.CharField(max_length=10, blank=True, help_text="parent, quiet or group")
    reason = models.CharField(max_length=300, blank=True, help_text="why it is where it is, in words")
    tries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    next_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    closed_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="closes")
    group = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="members")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "channel", "step"], name="alerts_one_delivery_per_step")
        ]
        indexes = [
            # senders: what is due
            models.Index(fields=["next_at", "id"], name="alerts_waiting", condition=Q(state=State.WAITING.value)),
            # senders: what else of a channel is on its way
            models.Index(
                fields=["channel", "event"],
                name="alerts_under_way",
                condition=Q(state__in=[State.WAITING.value, State.SENDING.value]),
            ),
            # sweep: what is to be looked at again; whose sender may be gone
            models.Index(fields=["next_at"], name="alerts_held", condition=Q(state=State.HELD.value)),
            models.Index(fields=["lease_until"], name="alerts_sending", condition=Q(state=State.SENDING.value)),
            # operators: what never arrived
            models.Index(fields=["-settled_at"], name="alerts_dead", condition=Q(state=State.DEAD.value)),
            # planning an end: what was announced
            models.Index(fields=["thread"], name="alerts_unclosed", condition=Q(closed_by__isnull=True)),
            # lists
            models.Index(fields=["team", "-created_at", "-id"], name="alerts_of_team"),
            models.Index(fields=["channel", "-created_at"], name="alerts_of_channel"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def key(self) -> str:
        """The same for every try of this message, and for no other: what providers may tell a repetition by."""
        return f"{self.event_id}-{self.channel_id}-{self.step}"


class Attempt(models.Model):
    """One try. It is written before anything is sent, so that a sender that is lost leaves a trace."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    duration_ms = models.FloatField(null=True)
    ok = models.BooleanField(null=True, help_text="unknown until it ended")
    status = models.PositiveIntegerField(null=True, help_text="of the HTTP or SMTP answer")
    answer = models.CharField(max_length=500, blank=True, help_text="its beginning; secrets masked")
    reason = models.CharField(max_length=300, blank=True, help_text="what went wrong, in words")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="alerts_one_row_per_try")]

    def __str__(self) -> str:
        return f"try {self.number}: {self.reason or self.status or ''}"
