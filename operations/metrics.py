"""What Prometheus is told: how checking and telling go. Read from the database and the broker whenever it asks.

A scrape is a fixed number of queries, whatever is watched. Whoever changes a name changes ``deploy/`` with it; a test
compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from checks.models import CheckBatch, MonitorStats
from checks.selectors.figures import certificates_end
from checks.selectors.health import breaker_word
from drills import selectors as drill_selectors
from incidents.models import Incident
from meters import names
from meters.selectors import counts
from monitors.models import Monitor
from monitors.rules import Status
from operations import selectors

WORKS = {Status.UP: 1, Status.DEGRADED: 1, Status.PARTIAL: 1, Status.DOWN: 0}
"""Of the others nothing is known, so there is no sample."""


class Collector:
    """In the sense of ``prometheus_client``: makes its figures when it is asked."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from _counters()
        yield from self._regions()
        yield from self._queues()
        yield from self._telling()
        found = Monitor.objects.values_list("status").annotate(Count("pk")).order_by("status")
        yield gauge("monitors", "Monitors by status.", "status", dict(found))
        yield alone("open_incidents", "Incidents that are not resolved.", Incident.objects.open().count())
        state = breaker_word()["state"]
        yield alone("database_breaker_open", "1 while no report is tried to be stored.", int(state == "open"))
        yield from self._each_monitor(settings.METRICS_PER_MONITOR)

    def _regions(self) -> Iterator[Metric]:
        regions = {region.code: region for region in selectors.region_views(now=self._now)}
        online = {code: int(region.online) for code, region in regions.items()}
        yield gauge("region_online", "1 when a worker of the region was heard of in the last minute.", "region", online)
        ages = {code: (self._now - at).total_seconds() for code, region in regions.items() if (at := region.last_seen)}
        yield gauge("region_last_seen_seconds", "Age of the region's last sign of life.", "region", ages)
        workers = {code: region.alive for code, region in regions.items()}
        yield gauge("region_workers", "Workers of the region heard of in the last minute.", "region", workers)
        suspect = {code: int(region.trouble is not None) for code, region in regions.items()}
        yield gauge("region_suspect", "1 while the region's failures do not count.", "region", suspect)
        behind = {code: seconds for code, region in regions.items() if (seconds := region.behind_s) is not None}
        yield gauge("schedule_behind_seconds", "How far handing out checks is behind.", "region", behind)
        offsets = {
            code: max((abs(worker.clock_offset_s) for worker in region.workers if worker.alive), default=0.0)
            for code, region in regions.items()
        }
        yield gauge("region_clock_offset_seconds", "The worst clock among the region's workers.", "region", offsets)
        spooled = {
            code: sum(worker.signs.get("spooled") or 0 for worker in region.workers) for code, region in regions.items()
        }
        yield gauge("region_spooled_results", "Results on the workers' disks.", "region", spooled)

    def _queues(self) -> Iterator[Metric]:
        queues = selectors.queues(now=self._now)
        lengths = {queue.name: queue.messages for queue in queues if queue.messages is not None}
        yield gauge("queue_messages", "Messages that wait; no sample while the broker is away.", "queue", lengths)
        ages = {queue.name: queue.oldest_s for queue in queues if queue.oldest_s is not None}
        yield gauge("queue_oldest_seconds", "Age of the oldest thing that waits behind the queue.", "queue", ages)
        still_open = CheckBatch.objects.filter(state=CheckBatch.State.OPEN).values_list("region").order_by("region")
        number = dict(still_open.annotate(Count("pk")))
        yield gauge("open_batches", "Batches whose results are still to come.", "region", number)
        yield alone("dead_batches", "Batches given up in the last week, at most 20.", len(selectors.dead_batches()))

    def _telling(self) -> Iterator[Metric]:
        yield gauge("deliveries_open", "Messages on their way.", "state", selectors.open_deliveries())
        dead = len(selectors.dead_deliveries(now=self._now))
        yield alone("deliveries_dead", "Messages of the last week that never arrived, at most 20.", dead)
        broken = len(selectors.broken_channels())
        yield alone("broken_channels", "Channels that do not take messages, at most 20.", broken)
        figures = drill_selectors.detection()
        if figures.p95_s is not None:
            yield alone("drill_detection_p95_seconds", "From fault to message, by the last drills.", figures.p95_s)

    def _each_monitor(self, most: int) -> Iterator[Metric]:
        """Of the oldest so many monitors: a bound that does not depend on what people do."""
        if not most:
            return
        columns = ("id", "name", "status", "regions", "stand_ins")
        monitors = list(Monitor.objects.filter(paused=False).only(*columns).order_by("created_at")[:most])
        ends = certificates_end(monitors)
        stats = MonitorStats.objects.in_bulk([monitor.pk for monitor in monitors])
        works = GaugeMetricFamily("uptime_monitor_up", "1 up, 0 down; no sample when unknown.", labels=["id", "name"])
        latency = GaugeMetricFamily(
            "uptime_monitor_response_seconds", "Mean response time of the last hour.", labels=["id", "name"]
        )
        days_left = GaugeMetricFamily(
            "uptime_monitor_certificate_days",
            "Days until the certificate runs out, below 0 when it has; no sample where none was seen.",
            labels=["id", "name"],
        )
        for monitor in monitors:
            labels = [str(monitor.pk), monitor.name]
            if (value := WORKS.get(Status(monitor.status))) is not None:
                works.add_metric(labels, value)
            known = stats.get(monitor.pk)
            if known is not None and known.avg_response_time_1h is not None:
                latency.add_metric(labels, known.avg_response_time_1h / 1000)
            if monitor.pk in ends:
                days_left.add_metric(labels, (ends[monitor.pk] - self._now).total_seconds() / 86_400)
        yield works
        yield latency
        yield days_left


def _counters() -> Iterator[Metric]:
    found = counts()
    lag, reports = found.pop(names.LAG), found.pop(names.REPORTS)
    summary = SummaryMetricFamily(
        "uptime_ingest_lag_seconds", "From the first check of a report to its storing.", labels=["region"]
    )
    for labels, number in reports.items():
        summary.add_metric(labels, count_value=int(number), sum_value=lag.get(labels, 0.0))
    yield summary
    for meter, values in found.items():
        family = CounterMetricFamily(f"uptime_{meter.name}", meter.about, labels=meter.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        yield family


def gauge(name: str, about: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"uptime_{name}", about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def alone(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"uptime_{name}", about, value=value)


def render(*, now: datetime) -> bytes:
    """Everything in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(now))
    return generate_latest(registry)
