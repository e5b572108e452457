"""Reading what is due, what is overdue, and what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, QuerySet

from accounts.models import Team
from checks import broker, pressure
from checks.facts import CERTIFICATE, moment
from checks.ids import CheckId
from checks.models import CheckBatch, CheckEvidence, CheckResult, Fact, MonitorStats, RegionWorker, Watermark
from checks.pressure import Load
from checks.rules import HOURS, TICKS, HourSum
from incidents.models import Incident
from incidents.rules.words import difference
from monitors import secrets
from monitors.models import Monitor, Region
from monitors.rules import OFFLINE_AFTER, Policy
from probes import names

FOR_EVER_S = 1e9
BREAKER_WORD = "checks.breaker"
BREAKER_WORD_LASTS_S = 120
BEHIND_S = 15
"""Handing out checks this late is worth a word; a tick comes every second."""


def database_now() -> datetime:
    """The database's clock, which all schedulers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


INTERVALS_IN_USE = """
WITH RECURSIVE used (interval) AS (
    (
        SELECT coalesce(slowed_to, interval) FROM monitors_monitor WHERE NOT paused
        ORDER BY coalesce(slowed_to, interval) LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT coalesce(monitor.slowed_to, monitor.interval) FROM monitors_monitor AS monitor
        WHERE NOT paused AND coalesce(monitor.slowed_to, monitor.interval) > used.interval
        ORDER BY coalesce(monitor.slowed_to, monitor.interval) LIMIT 1
    )
    FROM used WHERE used.interval IS NOT NULL
)
SELECT interval FROM used WHERE interval IS NOT NULL
"""
"""From one interval to the next longer one by the index: one step for each, however many monitors share it."""


def intervals_in_use() -> list[int]:
    """The effective intervals of active monitors, shortest first."""
    with connection.cursor() as cursor:
        cursor.execute(INTERVALS_IN_USE)
        return [row[0] for row in cursor.fetchall()]


class DueMonitor(NamedTuple):
    """What handing out needs to know of a monitor, read once."""

    pk: UUID
    phase: int
    interval: int
    """The effective one."""
    timeout: int
    config_version: int
    kind: str
    stand_in: str | None
    """Who checks it in the place of the region that was asked about."""
    spec: dict[str, Any]
    retries: int
    watched_since: datetime
    """When the watch began: at creation, or at the resume whose first result is still to come."""


DUE = """
SELECT monitor.id, monitor.phase, due.interval, monitor.timeout, monitor.config_version, monitor.kind,
    monitor.stand_ins ->> %(region)s, monitor.spec, monitor.sealed, monitor.policy,
    CASE WHEN monitor.status = 'pending' THEN monitor.status_since ELSE monitor.created_at END
FROM unnest(%(intervals)s::int[], %(lows)s::int[], %(highs)s::int[]) AS due (interval, low, high)
CROSS JOIN LATERAL (
    SELECT * FROM monitors_monitor
    WHERE NOT paused AND NOT maintenance_pauses
        AND coalesce(slowed_to, interval) = due.interval AND phase BETWEEN due.low AND due.high
        AND %(region)s = ANY (regions) AND jsonb_exists(stand_ins, %(region)s) = %(stood_in_for)s
    OFFSET 0
) AS monitor
ORDER BY due.interval, monitor.phase, monitor.id
"""
"""OFFSET 0 keeps the planner to one look into the index monitors_due for each window."""


def monitors_due(
    region: Region, windows: Sequence[tuple[int, int, int]], *, stood_in_for: bool = False
) -> list[DueMonitor]:
    """Active monitors of a region that are in one of the windows (interval, lowest phase, highest phase).

    Either those that the region checks itself, or those that another one checks in its place.
    """
    if not windows:
        return []
    intervals, lows, highs = (list(column) for column in zip(*windows, strict=True))
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"region": region.code, "stood_in_for": stood_in_for}
        cursor.execute(DUE, asked | {"intervals": intervals, "lows": lows, "highs": highs})
        return [
            DueMonitor._make([*row, json.loads(spec) | secrets.unseal(sealed), _retries(policy), watched_since])
            for *row, spec, sealed, policy, watched_since in cursor.fetchall()
        ]


@lru_cache(maxsize=1_000)
def _retries(policy: str) -> int:
    """The policy as its JSON text: most monitors share a few."""
    return Policy.parse(json.loads(policy)).retries


REGION_LOADS = """
SELECT region,
    count(*) FILTER (WHERE state = 'open'),
    count(*) FILTER (WHERE state = 'done' AND created_at > %(minute_ago)s),
    coalesce(sum(stored) FILTER (WHERE created_at > %(minute_ago)s), 0),
    min(created_at + make_interval(secs => patience_s - %(patience)s))
        FILTER (WHERE state = 'open' AND stored = 0 AND lane = 'slots')
FROM checks_checkbatch WHERE state = 'open' OR created_at > %(minute_ago)s
GROUP BY region
"""


def region_loads(regions: Sequence[str], *, now: datetime) -> dict[str, Load]:
    """What each of these regions has in hand and when it was last heard of, by ledger, broker and life signs."""
    waiting = broker.queue_lengths([*(names.region_queue(region) for region in regions), names.RESULTS_QUEUE])
    with connection.cursor() as cursor:
        cursor.execute(REGION_LOADS, {"minute_ago": now - timedelta(minutes=1), "patience": pressure.PATIENCE_S})
        counts = {row[0]: row[1:] for row in cursor.fetchall()}
    signs = dict(RegionWorker.objects.values_list("region").annotate(last=Max("last_seen")))
    return {
        region: _load(
            *counts.get(region, (0, 0, 0, None)),
            queued=waiting[names.region_queue(region)],
            reports=waiting[names.RESULTS_QUEUE] or 0,
            last_seen=signs.get(region),
            now=now,
        )
        for region in regions
    }


def _load(
    opened: int,
    finished: int,
    checks_home: int,
    oldest: datetime | None,
    *,
    queued: int | None,
    reports: int,
    last_seen: datetime | None,
    now: datetime,
) -> Load:
    """Results are as good as a life sign: those may be dropped where many reports wait."""
    return Load(
        open=opened,
        queued=queued,
        finished=finished,
        checks_home=checks_home,
        oldest_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        reports=reports,
        last_sign=now if checks_home else last_seen,
    )


def overdue_batches(*, now: datetime, unsent_since: datetime, extra_s: Mapping[str, float]) -> QuerySet[CheckBatch]:
    """Open batches that have been out longer than their patience, or were never sent, locked; others' are left out.

    ``extra_s``: how much longer than usual each region is waited for; what has expired is not waited for at all.
    """
    waited_for = json.dumps({region: min(extra, FOR_EVER_S) for region, extra in extra_s.items()})
    return (
        CheckBatch.objects.filter(state=CheckBatch.State.OPEN)
        .extra(
            where=[
                (
                    "expires_at <= %s OR coalesce(sent_at + make_interval(secs => patience_s), created_at + %s)"
                    " + make_interval(secs => coalesce((%s::jsonb ->> region)::float8, 0)) < %s"
                )
            ],
            params=[now, now - unsent_since, waited_for, now],
        )
        .order_by("created_at")
        .select_for_update(skip_locked=True)
    )


def missing_checks(batch: CheckBatch) -> list[CheckId]:
    """Checks of a batch that are still owed: no result, and the monitor still as it was when they were due."""
    checks = [CheckId.parse(item) for item in batch.check_ids]
    monitors = dict(
        Monitor.objects.active().filter(pk__in={check.monitor for check in checks}).values_list("pk", "config_version")
    )
    slots = [check.slot_at for check in checks]
    stored = set(
        CheckResult.objects.filter(
            region=batch.region, monitor__in=list(monitors), slot__range=(min(slots), max(slots))
        ).values_list("monitor_id", "slot")
    )
    return [
        check
        for check in checks
        if monitors.get(check.monitor) == check.version and (check.monitor, check.slot_at) not in stored
    ]


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which of a monitor's results are asked for; empty: all."""

    region: str = ""
    outcome: str = ""
    since: datetime = EARLIEST
    until: datetime = LATEST
    after: tuple[datetime, str] | None = None
    """Slot and region of the last one seen, in the order of the list."""


NEWEST_RESULTS = """
WITH RECURSIVE seen (region) AS (
    (SELECT region FROM checks_checkresult WHERE {slots} ORDER BY region LIMIT 1)
    UNION ALL
    SELECT (
        SELECT result.region FROM checks_checkresult AS result
        WHERE {slots} AND result.region > seen.region ORDER BY result.region LIMIT 1
    )
    FROM seen WHERE seen.region IS NOT NULL
)
SELECT result.* FROM seen
CROSS JOIN LATERAL (
    SELECT * FROM checks_checkresult
    WHERE {slots} AND region = seen.region AND {conditions} ORDER BY slot DESC LIMIT %(limit)s
) AS result
WHERE {regions} ORDER BY result.slot DESC, result.region DESC LIMIT %(limit)s
"""
"""From region to region by the key of the results, and for each as many steps back from its end as are asked for.
Sorting them all at once reads every row that the monitor has."""


def newest_results(monitor: Monitor, wanted: Wanted, *, limit: int) -> list[CheckResult]:
    """A monitor's results, newest slot first and within a slot by region, falling."""
    conditions, regions = ["true"], "true"
    asked: dict[str, Any] = {"monitor": monitor.pk, "since": wanted.since, "until": wanted.until, "limit": limit}
    if wanted.outcome:
        conditions.append("outcome = %(outcome)s")
        asked["outcome"] = wanted.outcome
    if wanted.region:
        regions = "seen.region = %(region)s"
        asked["region"] = wanted.region
    if wanted.after:
        asked["slot"], asked["last"] = wanted.after
        asked["until"] = min(wanted.until, asked["slot"])
        conditions.append("(slot < %(slot)s OR region < %(last)s)")
    slots = "monitor_id = %(monitor)s AND slot BETWEEN %(since)s AND %(until)s"
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_RESULTS.format(slots=slots, conditions=" AND ".join(conditions), regions=regions), asked)
        columns = [column.name for column in cursor.description]
        return [CheckResult(**dict(zip(columns, row, strict=True))) for row in cursor.fetchall()]


def latest_results(monitor: Monitor) -> list[CheckResult]:
    """The newest result of each region."""
    newest = [
        CheckResult.objects.filter(monitor=monitor, region=region).order_by("-slot").first()
        for region in dict.fromkeys([*monitor.regions, *monitor.voters])
    ]
    return [result for result in newest if result]


def stats_of(monitor: Monitor) -> MonitorStats:
    """The monitor's figures; empty ones while nothing was ever stored."""
    return stats_by_monitor([monitor])[monitor.pk]


def stats_by_monitor(monitors: Iterable[Monitor]) -> dict[UUID, MonitorStats]:
    """Each monitor's figures with its last ticks, in two queries."""
    figures = _stored_figures(monitors)
    for monitor, region, ticks, *last in _rows(LAST_TICKS, {"ids": list(figures), "ticks": TICKS}):
        figures[monitor].ticks[region] = ticks
        _note_last(figures[monitor], *last)
    return figures


def figures_by_monitor(monitors: Iterable[Monitor]) -> dict[UUID, tuple[MonitorStats, int]]:
    """The same without the ticks, which cost a list more than all the rest. With how many results there are, up to
    ten, in the region that has most."""
    figures = _stored_figures(monitors)
    most = dict.fromkeys(figures, 0)
    for monitor, number, *last in _rows(LAST_ANSWERS, {"ids": list(figures), "ticks": TICKS}):
        most[monitor] = max(most[monitor], number)
        _note_last(figures[monitor], *last)
    return {pk: (stats, most[pk]) for pk, stats in figures.items()}


def _stored_figures(monitors: Iterable[Monitor]) -> dict[UUID, MonitorStats]:
    wanted = list(monitors)
    stored = MonitorStats.objects.in_bulk([monitor.pk for monitor in wanted])
    figures = {monitor.pk: stored.get(monitor.pk) or MonitorStats(monitor_id=monitor.pk) for monitor in wanted}
    for monitor in wanted:
        stats = figures[monitor.pk]
        stats.monitor, stats.ticks, stats.last_checked, stats.last_response_ms = monitor, {}, None, None
    return figures


def _note_last(stats: MonitorStats, checked_at: datetime | None, response_ms: float | None) -> None:
    """Of the regions, the one that looked last."""
    if checked_at and (stats.last_checked is None or checked_at >= stats.last_checked):
        stats.last_checked, stats.last_response_ms = checked_at, response_ms


def _rows(statement: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def certificates_end(monitors: Sequence[Monitor]) -> dict[UUID, datetime]:
    """When the certificate of a monitor's site runs out: of those that its regions see at present, the first to."""
    regions = {monitor.pk: set(monitor.voters) for monitor in monitors}
    seen = Fact.objects.filter(monitor__in=list(regions), kind=CERTIFICATE).order_by("monitor", "region", "-since")
    ends: dict[UUID, datetime] = {}
    for pk, region, value in seen.distinct("monitor", "region").values_list("monitor", "region", "value"):
        if region in regions[pk] and (end := moment(value.get("not_after"))):
            ends[pk] = min(end, ends.get(pk, end))
    return ends


def last_hours(monitors: Sequence[UUID], *, now: datetime) -> dict[UUID, list[HourSum]]:
    """Each monitor's last 24 hours by the clock, oldest first, the running one included; all regions together."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins = [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]
    found: dict[UUID, dict[int, list[int]]] = {pk: {} for pk in monitors}
    for pk, hour, *sums in _rows(LAST_HOURS, {"ids": list(monitors), "since": begins[0]}):
        found[pk][hour] = sums
    hours = [(begin, int(begin.timestamp())) for begin in begins]
    return {pk: [HourSum(begin, *own.get(hour, ())) for begin, hour in hours] for pk, own in found.items()}


LAST_HOURS = """
SELECT monitor_id, extract(epoch FROM bucket)::bigint,
    sum(up)::integer, sum(degraded)::integer, sum(down)::integer, sum(unknown)::integer
FROM checks_hours WHERE monitor_id = ANY (%(ids)s) AND bucket >= %(since)s
GROUP BY monitor_id, bucket
"""
"""Seconds and no timestamps: a list reads a thousand of them, and Python takes long over a timestamp."""


LAST_TICKS = """
SELECT monitor.id, region.code, newest.ticks, newest.last_checked[1], newest.last_response_ms[1]
FROM monitors_monitor AS monitor
CROSS JOIN LATERAL unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
CROSS JOIN LATERAL (
    SELECT
        json_agg(
            json_build_object(
                'outcome', outcome,
                'total_ms', round(total_ms::numeric, 1),
                'slot', to_char(slot AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
            ) ORDER BY slot
        ) AS ticks,
        array_agg(checked_at ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_checked,
        array_agg(total_ms ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_response_ms
    FROM (
        SELECT slot, checked_at, outcome, total_ms, attempts FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
    ) AS result
) AS newest
WHERE monitor.id = ANY (%(ids)s) AND newest.ticks IS NOT NULL
ORDER BY monitor.id, region.place
"""
"""The key of the results serves this: ten steps back from the end for each region. A list reads a thousand ticks or
more, so PostgreSQL makes them what they are shown as (``checks.rules.Tick``); value by value they cost Python more."""


LAST_ANSWERS = """
SELECT monitor.id, newest.number, newest.last_checked[1], newest.last_response_ms[1]
FROM monitors_monitor AS monitor
CROSS JOIN LATERAL unnest(monitor.regions) WITH ORDINALITY AS region (code, place)
CROSS JOIN LATERAL (
    SELECT
        count(*) AS number,
        array_agg(checked_at ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_checked,
        array_agg(total_ms ORDER BY checked_at DESC, slot DESC) FILTER (WHERE attempts > 0) AS last_response_ms
    FROM (
        SELECT slot, checked_at, total_ms, attempts FROM checks_checkresult
        WHERE monitor_id = monitor.id AND region = region.code ORDER BY slot DESC LIMIT %(ticks)s
    ) AS result
) AS newest
WHERE monitor.id = ANY (%(ids)s) AND newest.number > 0
ORDER BY monitor.id, region.place
"""


SIGNS_LAST_S = 60


def worker_signs(workers: Iterable[RegionWorker]) -> dict[int, dict[str, Any]]:
    """What each worker's last sign of life said beside: ``lag_ms``, ``slowed_down``, ``spooled``; hints."""
    keys = {sign_key(worker.region, worker.worker): worker.pk for worker in workers}
    found: dict[str, dict[str, Any]] = {}
    with suppress(Error):  # the cache may be in the database
        found = cache.get_many(keys)
    return {keys[key]: signs for key, signs in found.items()}


def sign_key(region: str, worker: str) -> str:
    return f"checks.sign:{sha256(f'{region}/{worker}'.encode()).hexdigest()}"


def region_health(*, now: datetime) -> list[dict[str, Any]]:
    """Each enabled region: when it was last heard of, how many workers live, how far handing out is behind."""
    workers = RegionWorker.objects.filter(last_seen__gt=now - timedelta(days=1))
    marks = dict(Watermark.objects.values_list("region_id", "at"))
    health = []
    for region in Region.objects.enabled():
        own = [worker for worker in workers if worker.region == region.code]
        last_seen = max((worker.last_seen for worker in own), default=None)
        mark = marks.get(region.code)
        health.append(
            {
                "region": region.code,
                "online": last_seen is not None and now - last_seen <= OFFLINE_AFTER,
                "last_seen": last_seen,
                "workers": sum(now - worker.last_seen <= OFFLINE_AFTER for worker in own),
                "schedule_behind_s": round(max(0.0, (now - mark).total_seconds()), 1) if mark else None,
                "state": region.state,
                "offline_since": region.offline_since,
            }
        )
    return health


def monitoring_status(team: Team, *, now: datetime) -> dict[str, Any]:
    """How checking goes for one team: regions and how far each is behind, monitors by status."""
    regions = region_health(now=now)
    counts = Monitor.objects.for_team(team).values_list("status").annotate(number=Count("pk")).order_by("status")
    loads = region_loads([region["region"] for region in regions], now=now)
    for region in regions:
        load = loads[region["region"]]
        region["queued_batches"] = load.queued
        region["open_batches"] = load.open
        region["behind"] = pressure.is_behind(load)
        region["behind_s"] = load.behind_s
        region["behind_batches"] = load.in_hand if region["behind"] else 0
    return {"now": now, "monitors": dict(counts), "regions": regions, "delayed": is_delayed(regions)}


def is_delayed(regions: list[dict[str, Any]]) -> bool:
    """Whether somebody waits longer for checks than they should."""
    return any(
        _is_missed(region) or (region["schedule_behind_s"] or 0) > BEHIND_S or region.get("behind")
        for region in regions
    )


def _is_missed(region: dict[str, Any]) -> bool:
    """Not heard of, and nobody said that it should be so."""
    return not region["online"] and region["state"] != "draining"


def health() -> dict[str, Any]:
    """Each part and whether it does its work; ``status`` is ok only when all do.

    Without the database it says what can be told without: a part that cannot be judged is ``unknown``.
    """
    heard = breaker_word()
    parts: dict[str, bool | None] = {
        "database": False,
        "migrations": None,
        "broker": broker.queue_lengths([names.RESULTS_QUEUE])[names.RESULTS_QUEUE] is not None,
        "ingest": heard["state"] != "open",
        "scheduler": None,
        "regions": None,
    }
    regions: list[dict[str, Any]] = []
    with suppress(OperationalError, InterfaceError):
        regions = region_health(now=database_now())
        parts |= {
            "database": True,
            "migrations": not pending_migrations(),
            "scheduler": all((region["schedule_behind_s"] or 0) <= BEHIND_S for region in regions),
            "regions": not any(_is_missed(region) for region in regions),
        }
    return {
        "status": "ok" if all(parts.values()) else "degraded",
        "parts": {name: PART_WORDS[well] for name, well in parts.items()},
        "breaker": heard,
        "regions": regions,
    }


PART_WORDS = {True: "ok", False: "failing", None: "unknown"}


def breaker_word() -> dict[str, Any]:
    """What the central worker last said of its breaker around the database; ``unknown`` when it says nothing."""
    word: dict[str, Any] | None = None
    with suppress(Error):  # the cache may be in the database
        word = cache.get(BREAKER_WORD)
    if not word:
        return {"state": "unknown", "since": None, "failures": None}
    return word | {"since": datetime.fromtimestamp(word["since"], UTC)}


def pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


COMPARED = ("outcome", "reason", "http_status", "remote_ip", "body_bytes")


def evidence_of(incident: Incident) -> list[dict[str, Any]]:
    """What each region saw at its first failure, and what was otherwise at its last good check.

    Single results and evidence are dropped with their day: what is gone is null.
    """
    return [_evidence(incident, region, cause) for region, cause in sorted(incident.cause.items())]


def _evidence(incident: Incident, region: str, cause: Mapping[str, Any]) -> dict[str, Any]:
    first, good = (_slot(cause.get(name)) for name in ("first_slot", "good_slot"))
    slots = [slot for slot in (first, good) if slot]
    results = {
        result.slot: {name: getattr(result, name) for name in COMPARED}
        for result in CheckResult.objects.filter(monitor=incident.monitor_id, region=region, slot__in=slots)
    }
    kept = CheckEvidence.objects.filter(monitor=incident.monitor_id, region=region, slot__in=slots[:1]).first()
    return {
        "region": region,
        "slot": first,
        "good_slot": good,
        "seen": kept.seen if kept and first else None,
        "difference": difference(results[good], results[first]) if first in results and good in results else None,
    }


def _slot(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def one_result(
    monitor: Monitor, *, region: str, slot: datetime
) -> tuple[CheckResult, dict[str, Any] | None] | tuple[None, None]:
    """A check and what is kept of it; None when there is no such check, or not any more."""
    own = {"monitor": monitor, "region": region, "slot": slot}
    result = CheckResult.objects.filter(**own).first()
    if result is None:
        return None, None
    kept = CheckEvidence.objects.filter(**own).first()
    return result, kept.seen if kept else None
