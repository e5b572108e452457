"""Names of tasks and queues that the server and its regions must agree on."""

from collections.abc import Iterable

RUN_BATCH = "probes.run_batch"
"""``run_batch(batch)``: a ``contract.Batch``, sent to a region's queue."""

INGEST = "checks.ingest"
"""``ingest(report)``: a ``contract.Report``, sent to the results queue."""

LIFE_SIGN = "checks.life_sign"
"""``life_sign(sign)``: a ``contract.LifeSign``, sent to the results queue."""

RESULTS_QUEUE = "results"
CENTRAL_QUEUE = "central"
"""What the server's own workers read: ticks and doorbells. No region ever writes here."""

ALERTS_QUEUE = "alerts"
"""What the workers read that send messages, and nothing else: a provider that hangs holds up nobody's checks."""

_REGIONS = "region."


def region_queue(region: str, *, now: bool = False) -> str:
    """The queue that a region's workers read: the scheduled one, or the one for checks that somebody waits for."""
    return f"{_REGIONS}{region}.now" if now else f"{_REGIONS}{region}"


def regions_of(queues: Iterable[str]) -> list[str]:
    """The regions whose queues are among these."""
    return sorted({name.split(".")[1] for name in queues if name.startswith(_REGIONS)})
