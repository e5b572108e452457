"""Incidents as the API gives them."""

from __future__ import annotations

from rest_framework import serializers

from incidents.models import Incident, IncidentEvent


class IncidentOutput(serializers.ModelSerializer[Incident]):
    monitor_name = serializers.CharField(source="monitor.name", read_only=True)

    class Meta:
        model = Incident
        fields = ["id", "monitor", "monitor_name", "started_at", "confirmed_at", "resolved_at", "cause"]
        read_only_fields = fields


class EventOutput(serializers.ModelSerializer[IncidentEvent]):
    class Meta:
        model = IncidentEvent
        fields = ["kind", "happened_at", "votes", "note"]
        read_only_fields = fields


class IncidentDetailOutput(IncidentOutput):
    events = EventOutput(many=True, read_only=True)

    class Meta(IncidentOutput.Meta):
        fields = [*IncidentOutput.Meta.fields, "events"]
        read_only_fields = fields
