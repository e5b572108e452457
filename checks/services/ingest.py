"""Taking in what the regions report. Nothing that arrives may stop the queue, and nothing counts twice."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from django.db import transaction

from checks import selectors
from checks.ids import CheckId
from checks.models import CheckBatch, RegionWorker
from checks.services import dispatch, store, trial
from probes.contract import CheckResult, Report

CLOCK_SLACK = timedelta(minutes=10)
"""A worker's clock further off than this is not believed; the time of arrival is taken instead."""

logger = logging.getLogger(__name__)


def read_report(data: dict[str, Any]) -> Report:
    """Read a report. A result that cannot be read is set aside; the others count."""
    results = []
    for item in data["results"]:
        try:
            # A plain pass has no words that would be kept.
            wordy = item.get("reason") or item.get("message")
            results.append(_sound(CheckResult.from_wire(_storable(item) if wordy else item)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("Set a malformed result of region %s aside: %r", data.get("region"), error)
    return Report(str(data["batch"]), str(data["region"]), str(data.get("worker", "")), results)


def _storable(value: Any) -> Any:
    """The same value without the two things that JSON can say and PostgreSQL cannot keep: NUL and half characters."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _sound(result: CheckResult) -> CheckResult:
    """The result, or ``ValueError`` when a figure could not be true."""
    if not 0 <= result.attempts <= 1_000 or not 0 <= (result.http_status or 0) <= 999:
        raise ValueError("attempts or http_status out of range")
    if not 0 <= (result.body_bytes or 0) < 2**31:
        raise ValueError("body_bytes out of range")
    if result.remote_ip is not None:
        ip_address(result.remote_ip)
    timings = result.timings_ms
    phases = (timings.dns, timings.connect, timings.tls, timings.first_byte, timings.download, timings.total)
    if any(value is not None and not 0 <= value < 10**7 for value in phases):
        raise ValueError("timings out of range")
    return result


def ingest(data: dict[str, Any]) -> None:
    """Store one report and act on it. Anything that is not a report of a batch of ours is dropped with a word."""
    try:
        report = read_report(data)
    except (KeyError, TypeError, AttributeError) as error:
        logger.warning("Dropped a malformed report: %r", error)
        return
    if trial.is_trial(report.batch):
        trial.keep(report.batch, report.region, report.results)
        return
    _ingest(report)


@transaction.atomic
def _ingest(report: Report) -> None:
    batch = CheckBatch.objects.select_for_update().filter(pk=report.batch, region=report.region).first()
    if batch is None:
        logger.warning("Dropped a report of region %s for the unknown batch %.100r", report.region, report.batch)
        return
    now = selectors.database_now()
    owed = set(batch.check_ids)
    found = [(CheckId.parse(result.id), result) for result in report.results if result.id in owed]
    monitors = store.lock_monitors({check.monitor for check, _ in found})
    new = store.store_new(
        [
            _new_result(check, result, report.region, now=now)
            for check, result in found
            if _is_current(check, monitors.get(check.monitor))
        ]
    )
    questions = store.draw_conclusions(new, monitors=monitors, now=now)
    _count(batch, len(new))
    dispatch.ask_at_once(questions, now=now)


def _is_current(check: CheckId, monitor: store.Locked | None) -> bool:
    """Whether the monitor is still what was checked: results of an old configuration say nothing of the new one."""
    return monitor is not None and not monitor.paused and monitor.config_version == check.version


def _count(batch: CheckBatch, stored: int) -> None:
    """Close the batch when every check has come home. What never will is settled by the sweep."""
    if stored:
        batch.stored += stored
        if batch.stored >= len(batch.check_ids):
            batch.state = CheckBatch.State.DONE
        batch.save(update_fields=["stored", "state"])


def _new_result(check: CheckId, result: CheckResult, region: str, *, now: datetime) -> store.NewResult:
    return store.NewResult(
        monitor=check.monitor,
        region=region,
        slot=check.slot_at,
        checked_at=_believable(result.started_at, now=now),
        outcome=result.outcome,
        reason=result.reason,
        message=result.message,
        attempts=result.attempts,
        http_status=result.http_status,
        timings=result.timings_ms,
        body_bytes=result.body_bytes,
        remote_ip=result.remote_ip,
        evidence=_evidence(result),
    )


def _believable(started_at: float | None, *, now: datetime) -> datetime:
    if started_at is None or abs(now.timestamp() - started_at) > CLOCK_SLACK.total_seconds():
        return now
    return datetime.fromtimestamp(started_at, UTC)


def _evidence(result: CheckResult) -> dict[str, Any] | None:
    """What a check that did not simply pass has seen."""
    if result.reason is None:
        return None
    return {"seen": result.evidence, "redirects": result.redirects, "certificate": result.certificate}


def life_sign(data: dict[str, Any]) -> None:
    """Note that a region's worker lives."""
    now = selectors.database_now()
    last_batch_at = data.get("last_batch_at")
    try:
        RegionWorker.objects.update_or_create(
            region=str(data["region"])[:31],
            worker=str(data["worker"])[:120],
            defaults={
                "version": str(data.get("version", ""))[:40],
                "concurrency": int(data.get("concurrency", 0)),
                "clock_offset_s": float(data["sent_at"]) - now.timestamp(),
                "last_seen": now,
                "last_batch_at": datetime.fromtimestamp(last_batch_at, UTC) if last_batch_at else None,
            },
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        logger.warning("Dropped a malformed life sign: %r", error)
