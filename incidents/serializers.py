"""Incidents as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.schema import example
from common.serializers import StrictSerializer
from incidents.models import Incident, IncidentEvent


class IncidentOutput(serializers.ModelSerializer[Incident]):
    monitor_name = serializers.CharField(source="monitor.name", read_only=True)
    acknowledged_by = serializers.CharField(
        source="acknowledged_by.email", default=None, allow_null=True, read_only=True
    )
    resolved_by = serializers.CharField(source="resolved_by.email", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Incident
        fields = [
            "id",
            "monitor",
            "monitor_name",
            "started_at",
            "confirmed_at",
            "resolved_at",
            "recovered_at",
            "flapping",
            "acknowledged_at",
            "acknowledged_by",
            "resolved_by",
            "cause",
        ]
        read_only_fields = fields


class EventOutput(serializers.ModelSerializer[IncidentEvent]):
    actor = serializers.CharField(source="actor.email", default=None, allow_null=True, read_only=True)

    class Meta:
        model = IncidentEvent
        fields = ["kind", "happened_at", "votes", "note", "actor", "data"]
        read_only_fields = fields


class IncidentDetailOutput(IncidentOutput):
    events = serializers.SerializerMethodField()

    class Meta(IncidentOutput.Meta):
        fields = [*IncidentOutput.Meta.fields, "events"]
        read_only_fields = fields

    @extend_schema_field(EventOutput(many=True))
    def get_events(self, incident: Incident) -> list[dict[str, Any]]:
        events = incident.events.select_related("actor")
        return list(EventOutput(events, many=True).data)


@example({"text": "The provider is on it."})
class NoteInput(StrictSerializer):
    text = serializers.CharField(max_length=2000)


class ExplanationOutput(serializers.Serializer[Any]):
    """Why an incident was opened: in words, and as the values that the words are made from."""

    incident = serializers.UUIDField()
    sentence = serializers.CharField(help_text="the rule and who fulfilled it")
    votes = serializers.ListField(child=serializers.CharField(), help_text="one line for each region")
    decided_at = serializers.DateTimeField()
    before = serializers.CharField()
    verdict = serializers.CharField(help_text="what was decided then")
    again = serializers.CharField(help_text="what the same rules decide now from the same votes")
    same = serializers.BooleanField()
    policy = serializers.DictField()
    recorded_votes = serializers.ListField(child=serializers.DictField())
