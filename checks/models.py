"""The ledger of batches, the results, and the figures made from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from checks.rules import Tick, unpack_histogram
from monitors.models import Monitor, Region


class Watermark(models.Model):
    """Up to which second the checks of a region have been handed out."""

    region = models.OneToOneField(Region, primary_key=True, on_delete=models.CASCADE, related_name="watermark")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.region_id} up to {self.at:%H:%M:%S}"


class CheckBatch(models.Model):
    """The record of checks sent to a region. The broker may lose or repeat the message; this row says what is due.

    ``check_ids`` are the ids on the wire (``checks.ids``): monitor, slot and configuration of each check.
    """

    class Lane(models.TextChoices):
        SLOTS = "slots", "scheduled"
        NOW = "now", "somebody waits"

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        DEAD = "dead"
        SPLIT = "split", "sent on in parts"

    id = models.CharField(primary_key=True, max_length=160)
    region = models.CharField(max_length=31)
    lane = models.CharField(max_length=5, choices=Lane)
    check_ids = ArrayField(models.CharField(max_length=80))
    state = models.CharField(max_length=5, choices=State, default=State.OPEN)
    attempt = models.PositiveSmallIntegerField(default=1)
    stored = models.PositiveIntegerField(default=0, help_text="results that have come back")
    patience_s = models.PositiveSmallIntegerField(help_text="how long after sending before we ask again")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="when the checks are worth nothing any more")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "check batches"
        indexes = [
            # the sweep: what did not come back
            models.Index(fields=["created_at"], name="checks_open_batches", condition=Q(state="open")),
            # housekeeping, admin: newest first
            models.Index(fields=["-created_at"], name="checks_batches_by_age"),
        ]

    def __str__(self) -> str:
        return self.id


class OrNone:
    """An empty value in the table (``checks.columns``), or the null of older rows, is None."""

    def from_db_value(self, value: Any, *_: object) -> Any:
        return value or None


class TextOrNone(OrNone, models.CharField):  # type: ignore[type-arg]  # it takes none when it runs
    pass


class FloatOrNone(OrNone, models.FloatField):  # type: ignore[type-arg]
    pass


class CheckResult(models.Model):
    """One result for one slot, append-only, in a partition per UTC day (see the first migration).

    ``slots`` is how many slots the row stands for: 1, or for a gap that nobody checked in the number of slots
    of that hour. Milliseconds are null for phases that were not reached. ``late_ms``: when it began, after the slot;
    before it, by a clock that is slow, it is negative.
    """

    pk = models.CompositePrimaryKey("monitor_id", "region", "slot")
    # No constraint in the database: partitions are dropped whole, and a deleted monitor's rows go with them.
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="results"
    )
    region = models.CharField(max_length=31)
    slot = models.DateTimeField()
    slots = models.SmallIntegerField(default=1)
    attempts = models.SmallIntegerField(default=1)
    http_status = models.SmallIntegerField(null=True)
    dns_ms = models.FloatField(null=True)
    connect_ms = models.FloatField(null=True)
    tls_ms = FloatOrNone(null=True)
    first_byte_ms = models.FloatField(null=True)
    download_ms = models.FloatField(null=True)
    total_ms = models.FloatField(null=True)
    body_bytes = models.IntegerField(null=True)
    remote_ip = models.GenericIPAddressField(null=True)
    outcome = models.CharField(max_length=10)
    reason = TextOrNone(max_length=40, null=True)
    message = models.CharField(max_length=500, blank=True)
    late_ms = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = "checks_checkresult"

    def __str__(self) -> str:
        return f"{self.region} {self.slot:%H:%M:%S} {self.outcome}"

    @property
    def checked_at(self) -> datetime:
        return self.slot + timedelta(milliseconds=self.late_ms)

    @property
    def timings_ms(self) -> dict[str, float | None]:
        return {name: getattr(self, f"{name}_ms") for name in PHASES}


PHASES = ("dns", "connect", "tls", "first_byte", "download", "total")


class CheckEvidence(models.Model):
    """What a check saw that did not simply pass; partitioned and dropped like the results."""

    pk = models.CompositePrimaryKey("monitor_id", "region", "slot")
    monitor = models.ForeignKey(
        Monitor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="evidence"
    )
    region = models.CharField(max_length=31)
    slot = models.DateTimeField()
    seen = models.JSONField(encoder=DjangoJSONEncoder)

    class Meta:
        managed = False
        db_table = "checks_checkevidence"

    def __str__(self) -> str:
        return f"{self.region} {self.slot:%H:%M:%S}"


class Fact(models.Model):
    """What a region found to be so of a monitor, from ``since`` on; a row is added only when that has changed.

    The newest of each kind is how it is. ``value`` is a certificate, a list of redirects or of addresses,
    or the hash of a page.
    """

    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, db_index=False, related_name="facts")
    region = models.CharField(max_length=31)
    kind = models.CharField(max_length=12)
    since = models.DateTimeField()
    value = models.JSONField()

    class Meta:
        constraints = [
            # ingest: the newest of each kind; pages: all of a monitor
            models.UniqueConstraint(fields=["monitor", "region", "kind", "since"], name="checks_one_fact_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.region} since {self.since:%Y-%m-%d %H:%M}"


class RealField(models.FloatField):  # type: ignore[type-arg]  # it takes none when it runs
    """A float of four bytes: seven digits, which is more than a clock can tell."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "real"


class Rollup(models.Model):
    """Counts of slots and latency of one monitor and region in a span of UTC time that begins at ``bucket``.

    Written once, when the span is over (``checks.services.rollups``). The widest columns stand first, so that a row has
    no padding.
    """

    pk = models.CompositePrimaryKey("monitor_id", "region", "bucket")
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, db_index=False, related_name="+")
    bucket = models.DateTimeField()
    sum_ms = RealField(default=0)
    min_ms = RealField(null=True)
    max_ms = RealField(null=True)
    histogram = models.BinaryField(default=b"", help_text="see checks.rules.pack_histogram; empty for no response time")

    class Meta:
        abstract = True

    @property
    def latencies(self) -> dict[int, int]:
        """How many response times fell into which latency bucket."""
        return unpack_histogram(self.histogram)


class RollupHour(Rollup):
    up = models.SmallIntegerField(default=0)
    degraded = models.SmallIntegerField(default=0)
    down = models.SmallIntegerField(default=0)
    unknown = models.SmallIntegerField(default=0)
    maintenance = models.SmallIntegerField(default=0)
    timed = models.SmallIntegerField(default=0, help_text="results with a response time: up and degraded ones")
    region = models.CharField(max_length=31)

    def __str__(self) -> str:
        return f"{self.region} {self.bucket:%Y-%m-%d %H}h"


class RollupDay(Rollup):
    up = models.IntegerField(default=0)
    degraded = models.IntegerField(default=0)
    down = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    maintenance = models.IntegerField(default=0)
    timed = models.IntegerField(default=0, help_text="results with a response time: up and degraded ones")
    region = models.CharField(max_length=31)

    def __str__(self) -> str:
        return f"{self.region} {self.bucket:%Y-%m-%d}"


class RollupMark(models.Model):
    """How far the rollups go; there is one row.

    Hours before ``folded`` are rollups, later ones only raw rows. Hours before ``closing`` are being folded, which is
    done up to the monitor ``after``; whoever stores a result for one of them folds that hour again.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    folded = models.DateTimeField()
    closing = models.DateTimeField()
    after = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"rollups up to {self.folded:%Y-%m-%d %H}h"


class Span(models.Model):
    """A rollup to read, from the one that is stored or, where its time is not over, from the raw rows. A view."""

    pk = models.CompositePrimaryKey("monitor_id", "region", "bucket")
    monitor = models.ForeignKey(Monitor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    region = models.CharField(max_length=31)
    bucket = models.DateTimeField()
    up = models.IntegerField()
    degraded = models.IntegerField()
    down = models.IntegerField()
    unknown = models.IntegerField()
    maintenance = models.IntegerField()
    timed = models.IntegerField()
    sum_ms = RealField()
    min_ms = RealField(null=True)
    max_ms = RealField(null=True)
    histogram = models.BinaryField()

    class Meta:
        abstract = True

    @property
    def latencies(self) -> dict[int, int]:
        """How many response times fell into which latency bucket."""
        return unpack_histogram(self.histogram)


class Hour(Span):
    class Meta:
        managed = False
        db_table = "checks_hours"

    def __str__(self) -> str:
        return f"{self.region} {self.bucket:%Y-%m-%d %H}h"


class Day(Span):
    class Meta:
        managed = False
        db_table = "checks_days"

    def __str__(self) -> str:
        return f"{self.region} {self.bucket:%Y-%m-%d}"


class MonitorStats(models.Model):
    """What lists and pages show of a monitor, ready to read: one row each, never an aggregation.

    Ratios are 0..1 over known time, null when nothing is known.
    """

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE, related_name="stats")
    uptime_1h = models.FloatField(null=True)
    uptime_24h = models.FloatField(null=True)
    uptime_7d = models.FloatField(null=True)
    uptime_30d = models.FloatField(null=True)
    uptime_90d = models.FloatField(null=True)
    coverage_24h = models.FloatField(null=True)
    avg_response_time_1h = models.FloatField(null=True)
    avg_response_time_24h = models.FloatField(null=True)
    avg_response_time_7d = models.FloatField(null=True)
    fresh = models.BooleanField(default=False, help_text="false: something happened, compute the windows soon")
    refreshed_at = models.DateTimeField(null=True)

    # Read from the newest results by the selectors, not columns: a row that every result rewrites is dear.
    ticks: dict[str, list[Tick]]
    """The last ten results of each region, oldest first."""
    last_checked: datetime | None
    last_response_ms: float | None

    class Meta:
        verbose_name_plural = "monitor stats"

    def __str__(self) -> str:
        return f"stats of {self.monitor_id}"


class RegionWorker(models.Model):
    """A region's worker and its last sign of life."""

    region = models.CharField(max_length=31)
    worker = models.CharField(max_length=120)
    version = models.CharField(max_length=40, blank=True)
    concurrency = models.PositiveIntegerField(default=0)
    clock_offset_s = models.FloatField(default=0, help_text="its clock minus ours, transport included")
    last_seen = models.DateTimeField()
    last_batch_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "worker"], name="checks_one_row_per_worker")]
        ordering = ["region", "worker"]

    def __str__(self) -> str:
        return f"{self.region} {self.worker}"
