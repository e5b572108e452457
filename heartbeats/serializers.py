"""Pings and jobs as the API gives them."""

from __future__ import annotations

from rest_framework import serializers

from heartbeats.models import Ping
from heartbeats.rules import State


class PingOutput(serializers.ModelSerializer[Ping]):
    class Meta:
        model = Ping
        fields = ["at", "word", "exit_code", "run", "duration_s", "body"]
        read_only_fields = fields


class RunOutput(serializers.Serializer[dict[str, object]]):
    run = serializers.UUIDField(allow_null=True)
    began = serializers.DateTimeField()


class JobOutput(serializers.Serializer[dict[str, object]]):
    state = serializers.ChoiceField([state.value for state in State])
    ping_url = serializers.URLField(allow_null=True, help_text="null for who may only look")
    last_ping = serializers.DateTimeField(allow_null=True)
    due = serializers.DateTimeField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True, help_text="when the job counts as missed")
    runs = RunOutput(many=True)
