"""Channels, rules and deliveries as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.models import Attempt, Channel, Delivery, Rule
from alerts.rules import Severity
from common.schema import example
from common.serializers import ChoiceField, StrictSerializer


@example(
    {"kind": "webhook", "name": "Our bot", "settings": {"url": "https://bot.example.org/hook", "secret": "at least 8"}}
)
class ChannelInput(StrictSerializer):
    kind = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    settings = serializers.DictField(help_text="by kind, see channels/kinds; a mask that comes back means: as it was")
    language = serializers.CharField(
        max_length=16, required=False, allow_blank=True, help_text=Channel._meta.get_field("language").help_text
    )
    enabled = serializers.BooleanField(required=False)


class ChannelTrialInput(StrictSerializer):
    kind = serializers.CharField(max_length=20)
    settings = serializers.DictField()
    language = serializers.CharField(max_length=16, required=False, allow_blank=True)


class SavedChannelTrialInput(StrictSerializer):
    settings = serializers.DictField(required=False, help_text="left out: those that are saved")


class ChannelOutput(serializers.ModelSerializer[Channel]):
    dead = serializers.IntegerField(read_only=True, default=0, help_text="messages that never arrived")

    class Meta:
        model = Channel
        fields = [
            "id",
            "name",
            "kind",
            "settings",
            "language",
            "enabled",
            "health",
            "failures",
            "broken_since",
            "last_error",
            "last_sent_at",
            "confirmed_at",
            "tested_at",
            "test_ok",
            "test_status",
            "test_answer",
            "test_reason",
            "dead",
            "created_at",
        ]
        read_only_fields = fields


class KindOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.CharField()
    settings = serializers.ListField(
        child=serializers.DictField(), help_text="each with name, type, help, required, default, choices and secret"
    )


class ChannelTrialOutput(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    status = serializers.IntegerField(allow_null=True, help_text="of the HTTP or SMTP answer")
    answer = serializers.CharField(help_text="its beginning; secrets masked")
    reason = serializers.CharField(help_text="what went wrong")
    duration_ms = serializers.FloatField()


class EscalationField(StrictSerializer):
    after_minutes = serializers.IntegerField()
    channel = serializers.UUIDField()


@example(
    {
        "name": "Nights",
        "everything": True,
        "events": ["down"],
        "channels": ["b7c4643f-0c4e-4a44-8e0b-7a0f5c3f1d2e"],
        "delay_seconds": 60,
    }
)
class RuleInput(StrictSerializer):
    """The service judges what the values mean; what is left out has a default."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)
    everything = serializers.BooleanField(required=False, help_text="all of the team's monitors")
    monitors = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1000)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=20)
    events = serializers.ListField(child=serializers.CharField(max_length=20), required=False, max_length=20)
    severity = ChoiceField(choices=[one.value for one in Severity], required=False)
    channels = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=50)
    escalation = EscalationField(many=True, required=False)
    delay_seconds = serializers.IntegerField(required=False)
    reminder_minutes = serializers.IntegerField(required=False, help_text="0: none")
    quiet_hours = serializers.DictField(required=False, allow_null=True, help_text='{"from", "to", "zone"}')


class RuleOutput(serializers.ModelSerializer[Rule]):
    monitors = serializers.SerializerMethodField()
    channels = serializers.SerializerMethodField()
    escalation = serializers.SerializerMethodField()
    quiet_hours = serializers.DictField(allow_null=True, read_only=True, help_text='{"from", "to", "zone"}')

    class Meta:
        model = Rule
        fields = [
            "id",
            "name",
            "enabled",
            "everything",
            "monitors",
            "tags",
            "events",
            "severity",
            "channels",
            "escalation",
            "delay_seconds",
            "reminder_minutes",
            "quiet_hours",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_monitors(self, rule: Rule) -> list[str]:
        return [str(monitor.pk) for monitor in rule.monitors.all()]

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_channels(self, rule: Rule) -> list[str]:
        return [str(step.channel_id) for step in rule.steps.all() if not step.after_minutes]

    @extend_schema_field(EscalationField(many=True))
    def get_escalation(self, rule: Rule) -> list[dict[str, Any]]:
        return [
            {"after_minutes": step.after_minutes, "channel": str(step.channel_id)}
            for step in rule.steps.all()
            if step.after_minutes
        ]


class AttemptOutput(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        fields = ["number", "at", "duration_ms", "ok", "status", "answer", "reason"]
        read_only_fields = fields


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    channel_name = serializers.CharField(source="channel.name", read_only=True)
    monitor = serializers.UUIDField(source="event.monitor_id", read_only=True, allow_null=True)
    incident = serializers.UUIDField(source="event.incident_id", read_only=True, allow_null=True)

    class Meta:
        model = Delivery
        fields = [
            "id",
            "key",
            "kind",
            "subject",
            "state",
            "held_for",
            "reason",
            "tries",
            "step",
            "channel",
            "channel_name",
            "monitor",
            "incident",
            "group",
            "closed_by",
            "created_at",
            "due_at",
            "next_at",
            "settled_at",
        ]
        read_only_fields = fields


class DeliveryDetailOutput(DeliveryOutput):
    attempts = serializers.SerializerMethodField()

    class Meta(DeliveryOutput.Meta):
        fields = [*DeliveryOutput.Meta.fields, "attempts"]
        read_only_fields = fields

    @extend_schema_field(AttemptOutput(many=True))
    def get_attempts(self, delivery: Delivery) -> Any:
        return AttemptOutput(self.context["attempts"], many=True).data
