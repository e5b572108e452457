"""Monitors as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.schema import example
from common.serializers import ChoiceField, StrictSerializer
from monitors.kinds import SPECS
from monitors.models import Monitor, Region
from monitors.rules import Action, Status
from probes.sentences import say


@example(
    {
        "url": "https://shop.example.org/",
        "name": "Shop",
        "interval": 60,
        "tags": ["eu"],
        "spec": {"expected_status": "200", "body_contains": "Add to basket"},
    }
)
class MonitorInput(StrictSerializer):
    """``{"url"}`` alone is enough; the service judges what the values mean together."""

    url = serializers.CharField(max_length=2048, required=False, help_text="of `http`: short for `spec.url`")
    name = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="left out: from what is watched"
    )
    kind = serializers.CharField(max_length=20, required=False, help_text=", ".join(f"`{kind}`" for kind in SPECS))
    spec = serializers.DictField(required=False, help_text="what a check does, by kind; see the tables in docs/api.md")
    interval = serializers.IntegerField(required=False, help_text="seconds")
    timeout = serializers.IntegerField(required=False, help_text="seconds, smaller than the interval")
    regions = serializers.ListField(
        child=serializers.CharField(max_length=31),
        required=False,
        max_length=100,
        help_text="codes; left out: all that are enabled",
    )
    fallback_regions = serializers.ListField(
        child=serializers.CharField(max_length=31),
        required=False,
        max_length=100,
        help_text="may stand in while one of the regions is offline, the first one first",
    )
    tags = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=20)
    policy = serializers.DictField(
        required=False, help_text="`confirmations`, `recovery`, `quorum`, `retries`, `freshness`, `alert_after_s`, ..."
    )
    # Declared fields leave the class, so DRF's own attribute of this name stays what it is.
    parent = serializers.UUIDField(  # type: ignore[assignment]
        required=False, allow_null=True, help_text="a monitor of the team that this one depends on"
    )
    shadow = serializers.BooleanField(
        required=False, help_text="true: checked and judged, but nobody is told; false: tell people (again)"
    )


class MonitorOutput(serializers.ModelSerializer[Monitor]):
    policy = serializers.DictField(source="rules.as_dict", read_only=True)
    policy_sentence = serializers.CharField(read_only=True, help_text="what the policy means, in words")
    ping_url = serializers.URLField(
        read_only=True,
        allow_null=True,
        help_text="where the job of a heartbeat reports; null for other kinds, and for who may only look",
    )

    class Meta:
        model = Monitor
        fields = [
            "id",
            "name",
            "kind",
            "url",
            "spec",
            "ping_url",
            "interval",
            "effective_interval",
            "timeout",
            "regions",
            "fallback_regions",
            "stand_ins",
            "tags",
            "policy",
            "policy_sentence",
            "parent",
            "paused",
            "shadow",
            "status",
            "status_since",
            "status_reason",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Monitor) -> dict[str, Any]:
        """Whoever knows ``ping_url`` may speak for the job: it is for those who may change the monitor."""
        shown = super().to_representation(instance)
        if not self.context.get("may_change"):
            shown["ping_url"] = None
        return shown


class MonitorMatch(StrictSerializer):
    """The same filters as of the list."""

    search = serializers.CharField(max_length=200, required=False)
    status = serializers.ListField(child=ChoiceField(choices=list(Status)), required=False)
    kind = serializers.CharField(max_length=20, required=False)
    region = serializers.ListField(child=serializers.CharField(max_length=31), required=False, max_length=100)
    tag = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=20)


class EditAtOnce(StrictSerializer):
    interval = serializers.IntegerField(required=False, help_text="seconds")
    timeout = serializers.IntegerField(required=False, help_text="seconds, smaller than the interval")
    regions = serializers.ListField(child=serializers.CharField(max_length=31), required=False, max_length=100)
    policy = serializers.DictField(required=False, help_text="parts that are not named stay")


class BulkInput(StrictSerializer):
    action = ChoiceField(choices=list(Action))
    monitors = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=20_000, help_text="these, or those that match"
    )
    match = MonitorMatch(required=False, help_text="all that match; {} is every monitor of the team")
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20, help_text="for tag and untag"
    )
    set = EditAtOnce(required=False, help_text="for edit")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("monitors" in attrs) == ("match" in attrs):
            raise serializers.ValidationError({"monitors": [say("Give either monitors or match.")]})
        return attrs


class RefusalOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="empty where there is no such monitor")
    reason = serializers.CharField()


class BulkOutput(serializers.Serializer[Any]):
    done = serializers.ListField(child=serializers.UUIDField())
    refused = RefusalOutput(many=True)


class RegionOutput(serializers.ModelSerializer[Region]):
    class Meta:
        model = Region
        fields = ["code", "name", "enabled", "state", "offline_since"]
        read_only_fields = fields


class DefaultFallbackInput(StrictSerializer):
    region = serializers.CharField(max_length=31, allow_null=True)


class CloneInput(StrictSerializer):
    name = serializers.CharField(max_length=200, required=False, help_text="left out: that of the original, and (copy)")


class TagOutput(serializers.Serializer[Any]):
    tag = serializers.CharField()
