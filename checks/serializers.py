"""Results and figures as the API gives them, and the checks it takes to try out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from checks.facts import KINDS
from checks.models import CheckResult, Fact, MonitorStats
from common.schema import example
from common.serializers import StrictSerializer
from incidents.models import Correction


class ResultOutput(serializers.ModelSerializer[CheckResult]):
    timings_ms = serializers.DictField(child=serializers.FloatField(allow_null=True), read_only=True)
    checked_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = CheckResult
        fields = [
            "region",
            "outcome",
            "reason",
            "message",
            "http_status",
            "remote_ip",
            "timings_ms",
            "attempts",
            "slots",
            "slot",
            "checked_at",
        ]
        read_only_fields = fields


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "object"}}, "readOnly": True}
)
class TicksField(serializers.JSONField):
    """Given as they were read: walking through two thousand of them takes longer than reading them."""


class StatsOutput(serializers.ModelSerializer[MonitorStats]):
    monitor = serializers.UUIDField(source="monitor_id", read_only=True)
    current_status = serializers.CharField(source="monitor.status", read_only=True)
    last_checked = serializers.DateTimeField(read_only=True, allow_null=True)
    last_response_ms = serializers.FloatField(read_only=True, allow_null=True)
    ticks = TicksField(read_only=True, help_text="by region, oldest first")

    class Meta:
        model = MonitorStats
        fields = [
            "monitor",
            "current_status",
            "last_checked",
            "last_response_ms",
            "uptime_1h",
            "uptime_24h",
            "uptime_7d",
            "uptime_30d",
            "uptime_90d",
            "coverage_24h",
            "avg_response_time_1h",
            "avg_response_time_24h",
            "avg_response_time_7d",
            "ticks",
        ]
        read_only_fields = fields


@example({"url": "https://shop.example.org/", "timeout": 5})
class TrialInput(StrictSerializer):
    """A check to try: ``{"url"}`` alone, or kind and spec as for a monitor."""

    url = serializers.CharField(max_length=2048, required=False)
    kind = serializers.CharField(max_length=20, default="http")
    spec = serializers.DictField(default=dict)
    timeout = serializers.IntegerField(min_value=1, max_value=30, default=10, help_text="seconds")
    regions = serializers.ListField(child=serializers.CharField(max_length=31), required=False, max_length=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "url" in attrs:
            attrs["spec"] = {**attrs["spec"], "url": attrs.pop("url")}
        return attrs


class FactOutput(serializers.ModelSerializer[Fact]):
    kind = serializers.ChoiceField(KINDS, read_only=True)

    class Meta:
        model = Fact
        fields = ["region", "kind", "since", "value"]
        read_only_fields = fields


class EvidenceOutput(serializers.Serializer[Any]):
    region = serializers.CharField()
    slot = serializers.DateTimeField(allow_null=True, help_text="of the first failure")
    good_slot = serializers.DateTimeField(allow_null=True, help_text="of the last good check before")
    seen = serializers.DictField(
        allow_null=True,
        help_text="answer, redirects, certificate; left_out: what was too large; null: dropped",
    )
    difference = serializers.DictField(allow_null=True, help_text="[at the good check, at the failure] by name")


@example({"incident": "1fbce014-d6bc-4e5e-9ab4-342b996a3664", "kind": "false_alarm", "why": "Our proxy was broken"})
class CorrectionInput(StrictSerializer):
    """Either an incident, or a monitor with ``from`` and ``to``; or the id of a correction to take back."""

    kind = serializers.CharField(max_length=20, required=False, help_text="false_alarm or maintenance")
    why = serializers.CharField(max_length=500)
    incident = serializers.UUIDField(required=False)
    monitor = serializers.UUIDField(required=False)
    withdraws = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python's own.
        times = {name: serializers.DateTimeField(required=False) for name in ("from", "to")}
        return super().get_fields() | times


class CorrectionOutput(serializers.ModelSerializer[Correction]):
    actor = serializers.CharField(source="actor.email", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Correction
        fields = [
            "id",
            "monitor",
            "incident",
            "kind",
            "starts_at",
            "ends_at",
            "why",
            "actor",
            "withdraws",
            "created_at",
        ]
        read_only_fields = fields


# --- shapes that are plain values already: for the description alone ---


class ResultDetailOutput(ResultOutput):
    seen = serializers.DictField(allow_null=True, help_text="answer, redirects, certificate; null where none is kept")

    class Meta(ResultOutput.Meta):
        fields = [*ResultOutput.Meta.fields, "seen"]
        read_only_fields = fields


class CleanupOutput(serializers.Serializer[Any]):
    deleted = serializers.IntegerField()
    days = serializers.IntegerField()


class TriggerOutput(serializers.Serializer[Any]):
    triggered = serializers.IntegerField(help_text="monitors that were asked for")


class TrialOutput(serializers.Serializer[Any]):
    results = serializers.ListField(child=serializers.DictField(), help_text="one of each region that answered")
    silent = serializers.ListField(child=serializers.CharField(), help_text="regions that did not answer in time")


class CheckingOutput(serializers.Serializer[Any]):
    now = serializers.DateTimeField()
    monitors = serializers.DictField(child=serializers.IntegerField(), help_text="how many, by status")
    regions = serializers.ListField(child=serializers.DictField(), help_text="each with how far it is behind")
    delayed = serializers.BooleanField(help_text="somebody waits longer for checks than they should")


class HealthOutput(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="`ok`, or `degraded` with 503")
    parts = serializers.DictField(child=serializers.CharField(), help_text="`ok`, `failing` or `unknown`, by part")
    breaker = serializers.DictField(help_text="of the central worker, around the database")
    regions = serializers.ListField(child=serializers.DictField())


class CorrectedOutput(serializers.Serializer[Any]):
    correction = CorrectionOutput()
    uptime = serializers.DictField(help_text="`before` and `after`, by window")
