"""Stand-ins for both ends of the road: what a region would report, and the batches that wait for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checks.models import CheckBatch
from checks.services import ingest
from monitors.models import Monitor
from probes.contract import CheckResult, Outcome, Reason, Report, Timings


def open_batches(lane: str = "") -> list[CheckBatch]:
    found = CheckBatch.objects.filter(state=CheckBatch.State.OPEN).order_by("created_at", "id")
    return list(found.filter(lane=lane) if lane else found)


def report_on(batch: CheckBatch, outcome: Outcome = Outcome.UP, **fields: Any) -> dict[str, Any]:
    """What the region's worker sends when every check of the batch ends alike."""
    return report(batch.id, batch.region, (result(item, outcome, **fields) for item in batch.check_ids))


def report(batch: str, region: str, results: Iterable[CheckResult]) -> dict[str, Any]:
    return Report(batch=batch, region=region, worker="w1", results=list(results)).to_wire()


def result(check_id: str, outcome: Outcome = Outcome.UP, **fields: Any) -> CheckResult:
    if outcome is Outcome.DOWN:
        fields.setdefault("reason", Reason.CONNECT_REFUSED)
    fields.setdefault("timings_ms", Timings(dns=1.0, connect=2.0, first_byte=20.0, download=1.0, total=24.0))
    return CheckResult(id=check_id, kind="http", outcome=outcome, **fields)


def answer_all(outcome: Outcome, *, region: str = "", rounds: int = 10, **fields: Any) -> None:
    """Report on every open batch, and on those that the answers give rise to."""
    for _ in range(rounds):
        batches = [batch for batch in open_batches() if region in {"", batch.region}]
        if not batches:
            return
        for batch in batches:
            ingest.ingest(report_on(batch, outcome, **fields))


def status_of(monitor: Monitor) -> str:
    monitor.refresh_from_db()
    return monitor.status
