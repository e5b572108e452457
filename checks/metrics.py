"""What Prometheus is told: how checking goes. Read from the database and the broker whenever it asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from checks import broker, selectors
from checks.models import CheckBatch
from incidents.models import Incident
from monitors.models import Monitor
from monitors.selectors import region_codes
from probes import names


class Checking:
    """A collector in the sense of ``prometheus_client``: makes its figures when it is asked."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = Monitor.objects.values_list("status").annotate(Count("pk")).order_by("status")
        yield gauge("monitors", "Monitors by status.", "status", dict(counts))
        yield gauge("open_incidents", "Incidents that are not resolved.", None, {"": Incident.objects.open().count()})
        yield gauge("database_breaker_open", "1 while no report is tried to be stored.", None, {"": _breaker_open()})
        yield from self._regions()
        yield from self._batches()

    def _regions(self) -> Iterator[GaugeMetricFamily]:
        regions = selectors.region_health(now=self._now)
        online = {region["region"]: int(region["online"]) for region in regions}
        yield gauge("region_online", "1 when a worker of the region was heard of in the last minute.", "region", online)
        heard = [(region["region"], region["last_seen"]) for region in regions if region["last_seen"]]
        ages = {region: (self._now - last_seen).total_seconds() for region, last_seen in heard}
        yield gauge("region_last_seen_seconds", "Age of the region's last sign of life.", "region", ages)
        late = {region["region"]: region["schedule_behind_s"] for region in regions}
        behind = {region: seconds for region, seconds in late.items() if seconds is not None}
        yield gauge("schedule_behind_seconds", "How far handing out checks is behind.", "region", behind)

    def _batches(self) -> Iterator[GaugeMetricFamily]:
        still_open = CheckBatch.objects.filter(state=CheckBatch.State.OPEN).values("region").order_by("region")
        found = still_open.annotate(number=Count("pk"), oldest=Min("created_at"))
        counts = {row["region"]: row["number"] for row in found}
        ages = {row["region"]: (self._now - row["oldest"]).total_seconds() for row in found}
        yield gauge("open_batches", "Batches whose results are still to come.", "region", counts)
        yield gauge("oldest_open_batch_seconds", "Age of the oldest of them.", "region", ages)
        queues = [names.CENTRAL_QUEUE, names.RESULTS_QUEUE, *map(names.region_queue, region_codes())]
        lengths = {queue: length for queue, length in broker.queue_lengths(queues).items() if length is not None}
        yield gauge("queue_messages", "Messages that wait; no sample while the broker is away.", "queue", lengths)


def _breaker_open() -> int:
    return int(selectors.breaker_word()["state"] == "open")


def gauge(name: str, about: str, label: str | None, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"uptime_{name}", about, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family


def render(*, now: datetime) -> bytes:
    """Everything in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Checking(now))
    return generate_latest(registry)
