"""Reading counts."""

from __future__ import annotations

from collections import defaultdict

from meters.models import Count
from meters.names import METERS, Meter

MOST_COUNTS = 10_000


def counts_of(meter: Meter) -> dict[tuple[str, ...], float]:
    """The counts of one meter by their labels."""
    found = Count.objects.filter(meter=meter.name).values_list("labels", "value")[:MOST_COUNTS]
    return {tuple(labels): value for labels, value in found}


def counts() -> dict[Meter, dict[tuple[str, ...], float]]:
    """Every count by its labels, in one query; meters that have not counted yet are there and empty."""
    found: dict[Meter, dict[tuple[str, ...], float]] = defaultdict(dict, {meter: {} for meter in METERS.values()})
    for name, labels, value in Count.objects.values_list("meter", "labels", "value")[:MOST_COUNTS]:
        meter = METERS.get(name)
        if meter is not None and len(labels) == len(meter.labels):
            found[meter][tuple(labels)] = value
    return found
