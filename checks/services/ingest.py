"""Taking in what the regions report. Nothing that arrives may stop the queue, and nothing counts twice."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import OuterRef, Subquery

from checks import evidence
from checks.ids import CheckId
from checks.models import PHASES, CheckBatch, RegionWorker
from checks.selectors.health import SIGNS_LAST_S, sign_key
from checks.services import dispatch, facts, store, trial
from common.clock import database_now
from meters import services as meters
from meters.names import CHECKS, DROPPED, LAG, REFUSALS, REPORTS
from monitors.models import Region
from monitors.services import regionkeys
from probes.contract import CheckResult, Outcome, Reason
from probes.kinds import KINDS
from probes.signing import Signed

CLOCK_SLACK_S = 600.0
"""A worker's clock further off than this is not believed; the time of arrival is taken instead."""

MOST_WORKERS = 500
"""Of one region in a day. A worker that starts anew is a new one by its usual name."""

GONE_AFTER = timedelta(days=30)
"""Containers are new workers with each deploy; one that has said nothing for so long is not coming back."""

MOST_BELIEVED = 2**31 - 1
LAST_MOMENT_S = datetime(2200, 1, 1, tzinfo=UTC).timestamp()

REPEATED_WITHIN_S = 0.001
"""Life signs are seconds apart; times of sending are kept to a fraction of a millisecond."""

NO_TIMINGS: dict[str, float] = {}
Read = TypeVar("Read")

logger = logging.getLogger(__name__)


def ingest(data: dict[str, Any]) -> None:
    """Store one report and act on it. Anything that is not a report of a batch of ours, by the region that was to run
    it, is dropped with a word and counted.
    """
    try:
        batch, region, results = str(data["batch"]), str(data["region"]), list(data["results"])
    except (KeyError, TypeError) as error:
        logger.warning("Dropped a malformed report: %r", error)
        meters.add(DROPPED, "", "malformed")
        return
    if trial.is_trial(batch):
        if _speaks_for(region, data, now=database_now()):
            trial.keep(batch, region, [found for item in results if (found := _read(item, _result, region))])
        return
    _ingest(batch, region, results, data)


@transaction.atomic
def _ingest(batch_id: str, region: str, results: Sequence[Any], message: dict[str, Any]) -> None:
    batch = _batch(batch_id, region)
    if batch is None:
        logger.warning("Dropped a report of region %.50r for the unknown batch %.100r", region, batch_id)
        meters.add(DROPPED, "", "unknown")
        return
    if batch.state == CheckBatch.State.DONE:
        return  # all of it is here: a message that comes again costs as little as can be
    now = database_now()
    if not _is_believed(batch.region_key or "", region, message, now=now):
        return
    reader = partial(_row, region=region, owed=set(batch.check_ids), now=now)
    # By check: a report that says the same thing twice must not count as two checks that came home.
    found: dict[str, tuple[store.Row, Any]] = {}
    kinds: dict[str, str] = {}
    for item in results:
        if row := _read(item, reader, region):
            found[item["id"]] = row, item
            kinds[row.monitor] = _kind(item.get("kind"))
    monitors = store.lock_by_text({row.monitor for row, _ in found.values()})
    told = [each for check, each in found.items() if _is_current(check, monitors.get(each[0].monitor))]
    current = [row for row, _ in told]
    new = store.write(current, uncounted=[monitor for monitor, locked in monitors.items() if locked.uncounted])
    questions = store.conclude(new, region=region, monitors=monitors, now=now)
    facts.notice((facts.Told(row.monitor, row.slot, item) for row, item in told), region=region)
    _count(batch, len(new))
    _measure(new, kinds, region=region, now=now)
    dispatch.ask_at_once(questions, now=now)


def _batch(batch_id: str, region: str) -> Any:
    """The batch if it was sent to that region, locked, with the region's sealed key as ``region_key``."""
    key = Region.objects.filter(pk=OuterRef("region")).values("key_sealed")
    batches = CheckBatch.objects.select_for_update(of=("self",)).annotate(region_key=Subquery(key))
    return batches.filter(pk=batch_id, region=region).first()


def _speaks_for(region: str, message: dict[str, Any], *, now: datetime) -> bool:
    """Whether a message that belongs to no batch comes from the region that it names."""
    sealed = Region.objects.filter(pk=region).values_list("key_sealed", flat=True).first()
    if sealed is None:
        logger.warning("Dropped a message of the unknown region %.50r", region)
        meters.add(DROPPED, "", "unknown")
        return False
    return _is_believed(sealed, region, message, now=now)


def _is_believed(sealed: str, region: str, message: dict[str, Any], *, now: datetime) -> bool:
    if regionkeys.believes(sealed, message, now=now):
        return True
    why = "forged" if isinstance(message, Signed) else "unsigned"
    logger.warning("Dropped a message in the name of region %s: it is %s", region, why)
    meters.add(DROPPED, region, why)
    return False


def _kind(said: object) -> str:
    return said if isinstance(said, str) and said in KINDS else ""


def _measure(new: Sequence[store.Row], kinds: Mapping[str, str], *, region: str, now: datetime) -> None:
    """Count what is new, for operators."""
    if not new:
        return
    found = Counter((kinds[row.monitor], row.result and (row.result.outcome, row.result.reason)) for row in new)
    for (kind, told), number in found.items():
        outcome, reason = told or (Outcome.UP, None)
        meters.add(CHECKS, region, kind, outcome, reason or "", by=number)
        if reason is Reason.ADDRESS_BLOCKED:
            meters.add(REFUSALS, "checks", by=number)
    meters.add(REPORTS, region)
    checked_at = float(new[0].line.partition("\t")[0])
    meters.add(LAG, region, by=max(0.0, now.timestamp() - checked_at))


def _is_current(check: str, monitor: store.Locked | None) -> bool:
    """Whether the monitor is still what was checked: results of an old configuration say nothing of the new one."""
    return monitor is not None and not monitor.paused and check.endswith(f"/{monitor.config_version}")


def _count(batch: CheckBatch, stored: int) -> None:
    """Close the batch when every check has come home. What never will is settled by the sweep."""
    if stored:
        batch.stored += stored
        if batch.stored >= len(batch.check_ids):
            batch.state = CheckBatch.State.DONE
        batch.save(update_fields=["stored", "state"])


def _read(item: Any, reader: Callable[[Any], Read], region: str) -> Read | None:
    """What the reader makes of a result. One that cannot be read is set aside; the others count."""
    try:
        return reader(item)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        logger.warning("Set a malformed result of region %s aside: %r", region, error)
        return None


def _row(item: dict[str, Any], *, region: str, owed: Container[str], now: datetime) -> store.Row | None:
    """The row that a result becomes; None when its check is none of the batch's."""
    if item["id"] not in owed:
        meters.add(DROPPED, region, "foreign")
        return None
    if item["outcome"] == "up" and not item.get("reason") and not item.get("message"):
        return _plain_row(item, region=region, now=now)
    return store.row_of(_new_result(_result(item), region, now=now))


def _plain_row(item: dict[str, Any], *, region: str, now: datetime) -> store.Row:
    """A plain pass, as nearly every result is: from the message to the table without a detour.

    The id is one of the batch's, which we have written ourselves.
    """
    monitor, slot, _ = item["id"].split("/")
    attempts, status = item.get("attempts", 1), item.get("http_status")
    size, address = item.get("body_bytes"), item.get("remote_ip")
    _check_figures(attempts, status, size, address)
    timings = item.get("timings_ms") or NO_TIMINGS
    phases = [timings.get(phase) for phase in PHASES]
    _check_milliseconds(phases)
    checked_at = _believable_s(item.get("started_at"), now_s=now.timestamp())
    columns = (checked_at, 1, attempts, status, *phases, size, address, "up", None, "")
    line = "\t".join([store.NULL if value is None else str(value) for value in columns])
    return store.Row(monitor, region, int(slot), line)


def _result(item: dict[str, Any]) -> CheckResult:
    """The whole result, or ``ValueError`` and the like when a figure could not be true."""
    result = CheckResult.from_wire(_storable(item))
    _check_figures(result.attempts, result.http_status, result.body_bytes, result.remote_ip)
    _check_milliseconds([getattr(result.timings_ms, phase) for phase in PHASES])
    return result


def _storable(value: Any) -> Any:
    """The same value without the two things that JSON can say and PostgreSQL cannot keep: NUL and half characters."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _check_figures(attempts: object, status: object, size: object, address: object) -> None:
    """Raises ``ValueError`` when one could not be true, or would not go into its column."""
    if not _whole(attempts, 1_000) or not (status is None or _whole(status, 999)):
        raise ValueError("attempts or http_status out of range")
    if not (size is None or _whole(size, 2**31 - 1)):
        raise ValueError("body_bytes out of range")
    if address is not None:
        _check_address(address)


def _whole(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


@lru_cache(maxsize=10_000)
def _check_address(address: object) -> None:
    if not isinstance(address, str) or "%" in address:
        raise ValueError("remote_ip is not an address")
    ip_address(address)


def _check_milliseconds(values: Iterable[object]) -> None:
    for value in values:
        if value is not None and not (type(value) in {float, int} and 0 <= value < 10**7):  # type: ignore[operator]
            raise ValueError("timings out of range")


def _new_result(result: CheckResult, region: str, *, now: datetime) -> store.NewResult:
    check = CheckId.parse(result.id)
    return store.NewResult(
        monitor=check.monitor,
        region=region,
        slot=check.slot_at,
        checked_at=datetime.fromtimestamp(_believable_s(result.started_at, now_s=now.timestamp()), UTC),
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


def _believable_s(started_at: float | None, *, now_s: float) -> float:
    """When the check began, in seconds since the epoch; what only a wrong clock can have said counts as now."""
    return started_at if started_at is not None and abs(now_s - started_at) <= CLOCK_SLACK_S else now_s


def _evidence(result: CheckResult) -> dict[str, Any] | None:
    """What a check that did not simply pass has seen."""
    if result.reason is None:
        return None
    most = settings.EVIDENCE_MAX_BYTES
    return evidence.bounded(
        seen=result.evidence, redirects=result.redirects, certificate=result.certificate, most_bytes=most
    )


def life_sign(data: dict[str, Any]) -> None:
    """Note that a region's worker lives."""
    now = database_now()
    try:
        region, worker = str(data["region"]), _storable(str(data["worker"])[:120])
        last_batch_at = data.get("last_batch_at")
        if not _speaks_for(region, data, now=now) or _is_old_news(region, worker, data, now=now):
            return
        if _is_one_too_many(region, worker, now=now):
            meters.add(DROPPED, region, "too_many_workers")
            return
        RegionWorker.objects.update_or_create(
            region=region,
            worker=worker,
            defaults={
                "version": _storable(str(data.get("version", ""))[:40]),
                "concurrency": int(_figure(data.get("concurrency")) or 0),
                "clock_offset_s": _moment_s(data["sent_at"]) - now.timestamp(),
                "last_seen": now,
                "last_batch_at": datetime.fromtimestamp(last_batch_at, UTC) if last_batch_at else None,
            },
        )
        if refused := _figure(data.get("refused")):
            meters.add(DROPPED, region, "refused", by=refused)
        signs = {name: _figure(data.get(name)) for name in ("lag_ms", "spooled")}
        signs["slowed_down"] = data.get("slowed_down") is True
        cache.set(sign_key(region, worker), signs, SIGNS_LAST_S)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        logger.warning("Dropped a malformed life sign: %r", error)
        meters.add(DROPPED, "", "malformed")


def _figure(said: object) -> Any:
    """A number that a worker may well say of itself, else None: operators' pages and /metrics add them up."""
    return said if type(said) in {int, float} and 0 <= said <= MOST_BELIEVED else None  # type: ignore[operator]


def _moment_s(said: object) -> float:
    """Raises ``ValueError`` or ``TypeError`` for what can be no time at all."""
    moment = float(said)  # type: ignore[arg-type]
    if not 0 <= moment <= LAST_MOMENT_S:
        raise ValueError("sent_at is no time")
    return moment


def _is_one_too_many(region: str, worker: str, *, now: datetime) -> bool:
    """Whoever has a region's key could fill the table with workers that there are not."""
    known = RegionWorker.objects.filter(region=region)
    if known.filter(worker=worker).exists():
        return False
    return known.filter(last_seen__gt=now - timedelta(days=1)).count() >= MOST_WORKERS


def forget_workers(*, now: datetime) -> int:
    """Delete the workers that are gone for good; says how many."""
    deleted, _ = RegionWorker.objects.filter(last_seen__lt=now - GONE_AFTER).delete()
    return deleted


def _is_old_news(region: str, worker: str, sign: dict[str, Any], *, now: datetime) -> bool:
    """A signed sign of life is good once: one that was kept and is sent again must not keep a dead worker alive, nor
    bring back one that was forgotten.

    Reports need no such look: the ledger closes their batch, and a slot has one result.
    """
    if not isinstance(sign, Signed):
        return False
    last = RegionWorker.objects.filter(region=region, worker=worker).first()
    told_s = last.last_seen.timestamp() + last.clock_offset_s if last else (now - GONE_AFTER).timestamp()
    if float(sign["sent_at"]) > told_s + REPEATED_WITHIN_S:
        return False
    meters.add(DROPPED, region, "replayed")
    return True
