"""What is counted. Labels come from closed vocabularies or from what operators chose, so their number is bounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meter:
    """``name`` without the product's prefix; ``labels`` are the names of what each count is told apart by."""

    name: str
    about: str
    labels: tuple[str, ...]


CHECKS = Meter("checks", "Checks that came home and were new.", ("region", "kind", "outcome", "reason"))
NOT_MADE = Meter("checks_not_made", "Slots that nobody checked, recorded as unknown.", ("region", "reason"))
REPORTS = Meter("reports", "Reports of regions that were stored.", ("region",))
LAG = Meter("report_lag_seconds", "Seconds from the first check of a report to its storing, summed up.", ("region",))
DELIVERIES = Meter("deliveries", "Messages that were settled.", ("channel", "kind", "state"))
ATTEMPTS = Meter("delivery_attempts", "Tries to hand a message over.", ("channel", "result"))
REFUSALS = Meter("guard_refusals", "Addresses that the guard did not let us dial.", ("by",))

DROPPED = Meter("messages_dropped", "Messages of regions that were not believed.", ("region", "why"))
"""``region`` is empty where nothing vouches for the name."""

METERS = {meter.name: meter for meter in (CHECKS, NOT_MADE, REPORTS, LAG, DELIVERIES, ATTEMPTS, REFUSALS, DROPPED)}
