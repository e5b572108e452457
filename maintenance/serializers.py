"""Windows as the API takes and gives them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.schema import example
from common.serializers import StrictSerializer, TextField
from maintenance.models import Window
from maintenance.occurrences import LONGEST
from monitors.models import Monitor
from probes.sentences import say

MOST_MINUTES = LONGEST // timedelta(minutes=1)


@extend_schema_field({"type": "string", "examples": ["2026-03-29T02:30"]})
class LocalTime(serializers.Field[datetime, str, str, Any]):
    """A time on somebody's clocks, as in ``2026-03-29T02:30``: without an offset, because the zone says it."""

    default_error_messages = {"invalid": say("Use a local time like 2026-03-29T02:30; the zone is a field of its own.")}

    def to_internal_value(self, data: Any) -> datetime:
        try:
            local = datetime.fromisoformat(data)
        except (TypeError, ValueError):
            self.fail("invalid")
        if local.tzinfo is not None:
            self.fail("invalid")
        return local.replace(second=0, microsecond=0)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat(timespec="minutes")


@example(
    {
        "title": "Database upgrade",
        "starts": "2026-12-06T02:30",
        "zone": "Europe/Berlin",
        "minutes": 120,
        "rule": "FREQ=MONTHLY;BYDAY=1SU",
        "tags": ["eu"],
    }
)
class WindowInput(StrictSerializer):
    title = TextField(max_length=120)
    note = TextField(max_length=2_000, required=False, allow_blank=True)
    everything = serializers.BooleanField(required=False)
    tags = serializers.ListField(child=TextField(max_length=40), required=False, max_length=20)
    monitors = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1_000)
    starts = LocalTime(help_text="on the clocks of the zone, like 2026-03-29T02:30")
    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES)
    zone = TextField(max_length=60, required=False)
    rule = TextField(
        max_length=300, required=False, allow_blank=True, help_text="RRULE, like FREQ=WEEKLY;BYDAY=SU; empty: once"
    )
    pauses_checks = serializers.BooleanField(required=False)
    counts_as_uptime = serializers.BooleanField(required=False)


@example({"minutes": 30, "everything": True})
class StartInput(StrictSerializer):
    title = TextField(max_length=120, default="Maintenance")
    note = TextField(max_length=2_000, required=False, allow_blank=True)
    everything = serializers.BooleanField(required=False)
    tags = serializers.ListField(child=TextField(max_length=40), required=False, max_length=20)
    monitors = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1_000)
    minutes = serializers.IntegerField(min_value=1, max_value=MOST_MINUTES, default=60)
    pauses_checks = serializers.BooleanField(required=False)
    counts_as_uptime = serializers.BooleanField(required=False)


class OccurrenceOutput(serializers.Serializer[Any]):
    local = LocalTime()
    starts = serializers.DateTimeField()
    ends = serializers.DateTimeField()
    odd = serializers.ChoiceField(
        ["", "gap", "overlap"], help_text="the clocks change: that local time does not exist, or exists twice"
    )


class WindowOutput(serializers.ModelSerializer[Window]):
    monitors = serializers.PrimaryKeyRelatedField[Monitor](many=True, read_only=True)
    starts = LocalTime(read_only=True)

    class Meta:
        model = Window
        fields = [
            "id",
            "title",
            "note",
            "everything",
            "tags",
            "monitors",
            "starts",
            "minutes",
            "zone",
            "rule",
            "pauses_checks",
            "counts_as_uptime",
            "next_starts",
            "next_ends",
            "created_at",
        ]
        read_only_fields = fields
