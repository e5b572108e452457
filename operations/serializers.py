"""How the installation does, as the API tells operators."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from checks.models import CheckBatch
from operations.selectors import RegionView


class WorkerOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    clock_offset_s = serializers.FloatField(help_text="its clock minus ours, transport included")
    last_seen = serializers.DateTimeField()
    alive = serializers.BooleanField()


class RegionHealthOutput(serializers.Serializer[Any]):
    region = serializers.CharField(source="code")
    name = serializers.CharField()
    state = serializers.CharField()
    online = serializers.BooleanField()
    last_seen = serializers.DateTimeField(allow_null=True)
    behind_s = serializers.FloatField(allow_null=True, help_text="how late its checks are handed out")
    late = serializers.BooleanField(help_text="later than it should be")
    in_hand = serializers.IntegerField(source="load.in_hand", help_text="batches")
    suspect = serializers.SerializerMethodField(help_text="its failures do not count at present")
    workers = WorkerOutput(many=True)

    def get_suspect(self, region: RegionView) -> bool:
        return region.trouble is not None


class QueueOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    messages = serializers.IntegerField(allow_null=True, help_text="null while the broker does not answer")
    oldest_s = serializers.FloatField(allow_null=True, help_text="null where nothing waits or nothing can tell")


class StorageOutput(serializers.Serializer[Any]):
    bytes = serializers.IntegerField()
    limit_bytes = serializers.IntegerField(allow_null=True)
    per_day_bytes = serializers.IntegerField()
    retention_days = serializers.IntegerField()
    oldest_day = serializers.CharField(allow_null=True)
    full_in_days = serializers.FloatField(allow_null=True)


class BrokenChannelOutput(serializers.Serializer[Any]):
    team = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    failures = serializers.IntegerField(help_text="in a row")
    broken_since = serializers.DateTimeField()
    last_error = serializers.CharField()


class DeadDeliveryOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    team = serializers.CharField()
    channel = serializers.CharField()
    subject = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    settled_at = serializers.DateTimeField(allow_null=True)


class DeadBatchOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    region = serializers.CharField()
    checks = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_checks(self, batch: CheckBatch) -> int:
        return len(batch.check_ids)


class RegionEventOutput(serializers.Serializer[Any]):
    region = serializers.CharField()
    kind = serializers.CharField()
    happened_at = serializers.DateTimeField()
    note = serializers.CharField()


class RegionTroubleOutput(serializers.Serializer[Any]):
    region = serializers.CharField()
    noticed_at = serializers.DateTimeField()
    well_at = serializers.DateTimeField(allow_null=True)
    failing = serializers.IntegerField(help_text="monitors that had begun to fail")
    looked = serializers.IntegerField(help_text="monitors that it had looked at")


class OverviewOutput(serializers.Serializer[Any]):
    problems = serializers.ListField(child=serializers.CharField(), help_text="the gravest first; empty: all is well")
    regions = RegionHealthOutput(many=True)
    queues = QueueOutput(many=True)
    breaker = serializers.DictField(help_text="of the central worker, around the database")
    storage = StorageOutput()
    ingest_per_minute = serializers.IntegerField()
    open_incidents = serializers.IntegerField()
    deliveries = serializers.DictField(child=serializers.IntegerField(), help_text="those on their way, by state")
    broken_channels = BrokenChannelOutput(source="broken", many=True, help_text="at most 20")
    dead_deliveries = DeadDeliveryOutput(many=True, help_text="the newest of the last week, at most 20")
    dead_batches = DeadBatchOutput(many=True, help_text="the newest, at most 20")
    events = RegionEventOutput(many=True)
    troubles = RegionTroubleOutput(many=True)


class CheckedAgainOutput(serializers.Serializer[Any]):
    monitors = serializers.IntegerField(help_text="that are checked again")
