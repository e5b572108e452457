"""Drills and backtests as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.serializers import StrictSerializer
from drills import selectors
from drills.models import MOMENTS, Drill


class DrillInput(StrictSerializer):
    interval = serializers.IntegerField(required=False)


class DrillOutput(serializers.ModelSerializer[Drill]):
    stage = serializers.CharField(read_only=True)
    asked_by = serializers.CharField(source="asked_by.email", default=None, allow_null=True, read_only=True)
    seconds = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="failed, confirmed, queued, accepted after the fault; recovered, told after the mending",
        read_only=True,
    )
    detection_s = serializers.FloatField(allow_null=True, read_only=True)

    class Meta:
        model = Drill
        fields = [
            *("id", "monitor", "incident", "interval", "stage", "problem", "detection_s", "seconds"),
            *("asked_by", "asked_at", *MOMENTS, "ended_at"),
        ]
        read_only_fields = fields


class MessageOutput(serializers.Serializer[Any]):
    to = serializers.CharField(help_text="the channel")
    kind = serializers.CharField()
    state = serializers.CharField()
    queued_at = serializers.DateTimeField(source="created_at")
    settled_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class DrillDetailOutput(DrillOutput):
    messages = serializers.SerializerMethodField()

    class Meta(DrillOutput.Meta):
        fields = [*DrillOutput.Meta.fields, "messages"]
        read_only_fields = fields

    def get_messages(self, drill: Drill) -> list[dict[str, Any]]:
        return list(MessageOutput(selectors.messages_of(drill), many=True).data)


class OutageOutput(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    told_at = serializers.DateTimeField(allow_null=True, help_text="null: over before anybody was to be told")
    flapping = serializers.BooleanField()


class DifferenceOutput(serializers.Serializer[Any]):
    what = serializers.CharField()
    why = serializers.CharField()
    recorded = OutageOutput(allow_null=True)
    replayed = OutageOutput(allow_null=True)


class EffectOutput(serializers.Serializer[Any]):
    change = serializers.CharField(help_text="same, raised, missed, delayed or earlier")
    present = OutageOutput(allow_null=True)
    proposed = OutageOutput(allow_null=True)
    later_s = serializers.FloatField(allow_null=True, help_text="less than 0: sooner")


class BacktestOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    results = serializers.IntegerField(help_text="stored results that were replayed")
    first_result_at = serializers.DateTimeField(allow_null=True)
    recorded = OutageOutput(many=True)
    present = OutageOutput(many=True, help_text="the present policy, replayed")
    proposed = OutageOutput(many=True)
    differences = DifferenceOutput(many=True, help_text="of the replay of the present policy from the record")
    effects = EffectOutput(many=True)


class BacktestInput(StrictSerializer):
    policy = serializers.DictField()
    days = serializers.IntegerField(default=30)
