"""What operators want to know at a glance, in a fixed number of queries; no heavy table is counted whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils.translation import gettext, ngettext

from accounts.models import Team
from alerts.models import Channel, Delivery
from alerts.rules import State
from checks import broker, pressure
from checks.models import CheckBatch, RegionWorker
from checks.pressure import Load
from checks.selectors.health import BEHIND_S, breaker_word, region_health, worker_signs
from checks.selectors.scheduling import region_loads
from checks.services import space
from drills import selectors as drill_selectors
from drills.rules import Figures
from incidents.models import Incident, RegionTrouble
from meters.names import DROPPED
from meters.selectors import counts_of
from monitors.models import Region, RegionEvent
from monitors.rules import OFFLINE_AFTER
from monitors.selectors import region_codes
from probes import names

CLOCK_OFF_S = 3.0
"""A worker's clock this far from ours is worth a word. Beyond its batches' patience it would drop them unseen."""

IN_STEP_S = 0.5

SHOWN = 20
RECENT = timedelta(days=7)
WORKERS_SHOWN_FOR = timedelta(days=1)
STORAGE_KEPT_S = 600


# --- regions ---


@dataclass(frozen=True, slots=True)
class Worker:
    name: str
    version: str
    clock_offset_s: float
    """Its clock minus ours, transport included."""
    last_seen: datetime
    alive: bool
    signs: Mapping[str, Any]
    """What its last sign of life said beside: ``lag_ms``, ``slowed_down``, ``spooled``; empty when nothing is known."""

    @property
    def clock_is_off(self) -> bool:
        return self.alive and abs(self.clock_offset_s) > CLOCK_OFF_S

    @property
    def clock_words(self) -> str:
        seconds = {"seconds": f"{abs(self.clock_offset_s):.1f}"}
        if abs(self.clock_offset_s) < IN_STEP_S:
            return gettext("in step")
        ahead = self.clock_offset_s > 0
        return (gettext("%(seconds)s s ahead") if ahead else gettext("%(seconds)s s behind")) % seconds


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region as people see it. ``behind_s``: how late its checks are handed out, None when it never got any."""

    code: str
    name: str
    state: str
    online: bool
    last_seen: datetime | None
    offline_since: datetime | None
    behind_s: float | None
    load: Load
    workers: list[Worker] = field(default_factory=list)
    trouble: RegionTrouble | None = None
    assigned: int = 0

    @property
    def mark(self) -> str:
        """The status icon that stands beside it."""
        if self.state == "draining":
            return "maintenance"
        if not self.online:
            return "down"
        return "degraded" if self.late or self.trouble or self.clocks_off else "up"

    @property
    def late(self) -> bool:
        return (self.behind_s or 0) > BEHIND_S or pressure.is_behind(self.load)

    @property
    def alive(self) -> int:
        return sum(worker.alive for worker in self.workers)

    @property
    def clocks_off(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.clock_is_off]


def region_views(*, now: datetime, team: Team | None = None) -> list[RegionView]:
    """The enabled regions; ``assigned`` are the monitors of the team that each checks."""
    healths = region_health(now=now)
    codes = [health["region"] for health in healths]
    loads = region_loads(codes, now=now)
    regions = Region.objects.in_bulk(codes)
    workers = _workers(now=now)
    troubles = {trouble.region: trouble for trouble in RegionTrouble.objects.filter(well_at__isnull=True)}
    assigned = _assigned(team) if team else {}
    return [
        RegionView(
            code=code,
            name=regions[code].name,
            state=health["state"],
            online=health["online"],
            last_seen=health["last_seen"],
            offline_since=health["offline_since"],
            behind_s=health["schedule_behind_s"],
            load=loads[code],
            workers=workers.get(code, []),
            trouble=troubles.get(code),
            assigned=assigned.get(code, 0),
        )
        for health in healths
        if (code := health["region"]) in regions
    ]


def _workers(*, now: datetime) -> dict[str, list[Worker]]:
    rows = list(RegionWorker.objects.filter(last_seen__gt=now - WORKERS_SHOWN_FOR).order_by("-last_seen")[:200])
    signs, found = worker_signs(rows), dict[str, list[Worker]]()
    for row in rows:
        alive = now - row.last_seen <= OFFLINE_AFTER
        worker = Worker(row.worker, row.version, row.clock_offset_s, row.last_seen, alive, signs.get(row.pk, {}))
        found.setdefault(row.region, []).append(worker)
    return found


def _assigned(team: Team) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT region, count(*) FROM monitors_monitor, unnest(regions) AS region"
            " WHERE team_id = %s AND NOT paused GROUP BY region",
            [team.pk],
        )
        return dict(cursor.fetchall())


# --- queues ---


@dataclass(frozen=True, slots=True)
class Queue:
    """``messages``: None while the broker does not answer. ``oldest_s``: None where nothing waits or none can tell."""

    name: str
    messages: int | None
    oldest_s: float | None = None


OLDEST_BATCHES = """
SELECT region, lane, min(created_at) FROM checks_checkbatch WHERE state = 'open' AND stored = 0 GROUP BY region, lane
"""


def queues(*, now: datetime) -> list[Queue]:
    """Each queue with its depth; of what waits for regions and for channels also the age of the oldest."""
    codes = region_codes()
    known = [names.CENTRAL_QUEUE, names.RESULTS_QUEUE, names.ALERTS_QUEUE]
    lanes = {names.region_queue(code, now=lane == "now"): (code, lane) for code in codes for lane in ("slots", "now")}
    lengths = broker.queue_lengths([*known, *lanes])
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_BATCHES)
        oldest = {(region, lane): (now - at).total_seconds() for region, lane, at in cursor.fetchall()}
    due = Delivery.objects.due(now).order_by("next_at").values_list("next_at", flat=True).first()
    ages = {name: oldest.get(place) for name, place in lanes.items()}
    ages[names.ALERTS_QUEUE] = (now - due).total_seconds() if due else None
    return [Queue(name, lengths[name], _not_negative(ages.get(name))) for name in (*known, *lanes)]


def _not_negative(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)


OPEN_DELIVERIES = " UNION ALL ".join(
    f"SELECT '{state}', count(*) FROM alerts_delivery WHERE state = '{state}'"  # noqa: S608 - our own words
    for state in ("waiting", "held", "sending")
)
"""Each part by its own partial index."""


def open_deliveries() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(OPEN_DELIVERIES)
        return dict(cursor.fetchall())


def broken_channels() -> list[Channel]:
    """Channels that do not take messages, the one that broke first first."""
    broken = Channel.objects.filter(broken_since__isnull=False, enabled=True).select_related("team")
    return list(broken.order_by("broken_since")[:SHOWN])


# --- dead letters ---


def dead_deliveries(*, now: datetime) -> list[Delivery]:
    """Messages that never arrived, of the last days, newest first."""
    dead = Delivery.objects.filter(state=State.DEAD, settled_at__gt=now - RECENT)
    return list(dead.select_related("channel", "team").order_by("-settled_at")[:SHOWN])


def dead_batches() -> list[CheckBatch]:
    """Batches that were given up; kept for a week."""
    return list(CheckBatch.objects.filter(state=CheckBatch.State.DEAD).order_by("-created_at")[:SHOWN])


# --- what happened to regions ---


def region_events(*, now: datetime) -> list[RegionEvent]:
    return list(RegionEvent.objects.filter(happened_at__gt=now - RECENT).order_by("-happened_at", "-id")[:SHOWN])


def region_troubles(*, now: datetime) -> list[RegionTrouble]:
    """Those that go on first."""
    return list(RegionTrouble.objects.filter(noticed_at__gt=now - RECENT).order_by("-noticed_at")[:SHOWN])


# --- storage ---


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes now, bytes that a day adds, and how long that goes on: ``full_in_days`` is None where nothing limits it."""

    bytes: int
    limit_bytes: int | None
    per_day_bytes: int
    retention_days: int
    oldest_day: str | None
    steady_bytes: int
    """What single results will take once their retention is full; sums come on top."""
    full_in_days: float | None
    dropped_for_size: Mapping[str, Any] | None

    @property
    def days_left(self) -> int | None:
        """Whole days until it is full."""
        return None if self.full_in_days is None else int(self.full_in_days)


def storage(*, now: datetime) -> Storage:
    """By the catalogue's estimates, remembered for ten minutes: a day's growth does not change faster."""
    known: Storage | None = cache.get("operations.storage")
    if known is None:
        known = _storage(space.report(now=now))
        cache.set("operations.storage", known, STORAGE_KEPT_S)
    return known


def _storage(report: Mapping[str, Any]) -> Storage:
    growth = {name: size["bytes"] for name, size in report["growth_per_day"].items()}
    per_day, raw = sum(growth.values()), growth["results"] + growth["evidence"]
    limit, present = report["limit_bytes"], report["database_bytes"]
    left = None if limit is None or per_day <= 0 else max(0.0, (limit - present) / per_day)
    return Storage(
        bytes=present,
        limit_bytes=limit,
        per_day_bytes=per_day,
        retention_days=report["retention_days"],
        oldest_day=report["days"][0]["day"] if report["days"] else None,
        steady_bytes=raw * report["retention_days"],
        full_in_days=left,
        dropped_for_size=report["dropped_for_size"],
    )


# --- the whole picture ---


@dataclass(frozen=True)
class Picture:
    """The operator's page."""

    regions: list[RegionView]
    queues: list[Queue]
    breaker: Mapping[str, Any]
    storage: Storage
    detection: Figures
    deliveries: Mapping[str, int]
    broken: list[Channel]
    dead_deliveries: list[Delivery]
    dead_batches: list[CheckBatch]
    events: list[RegionEvent]
    troubles: list[RegionTrouble]
    open_incidents: int
    dropped: list[tuple[str, str, int]]
    """Messages of regions that were not believed, since the installation was made: region, why, how many."""

    @property
    def broker_away(self) -> bool:
        return all(queue.messages is None for queue in self.queues)

    @property
    def ingest_per_minute(self) -> int:
        return sum(region.load.checks_home for region in self.regions)

    @property
    def spooled(self) -> int:
        return sum(worker.signs.get("spooled") or 0 for region in self.regions for worker in region.workers)

    @property
    def behind_s(self) -> float:
        return max((region.behind_s or 0 for region in self.regions), default=0.0)

    @property
    def problems(self) -> list[str]:
        """What an operator should look at, the gravest first; empty when all is well."""
        found = list(_problems_of_parts(self))
        for region in self.regions:
            found += _problems_of(region)
        if self.broken:
            number = len(self.broken)
            said = ngettext("%(count)d channel takes no messages.", "%(count)d channels take no messages.", number)
            found.append(said % {"count": number})
        return found


def _problems_of_parts(picture: Picture) -> Iterable[str]:
    if picture.broker_away:
        yield gettext("The broker does not answer: nothing is checked, and results wait in the regions.")
    if picture.breaker["state"] == "open":
        yield gettext("The breaker around the database is open: no result is stored.")
    if picture.breaker["state"] == "unknown":
        yield gettext("Nothing has been heard of the central worker: perhaps no result is stored.")
    days = picture.storage.days_left
    if days is not None and days < RECENT.days:
        said = ngettext(
            "STORAGE_MAX_GB is reached in %(days)d day; then old days go early.",
            "STORAGE_MAX_GB is reached in %(days)d days; then old days go early.",
            days,
        )
        yield said % {"days": days}


def _problems_of(region: RegionView) -> Iterable[str]:
    named = {"region": region.code}
    if not region.online and region.state != "draining":
        yield gettext("Region %(region)s is not heard of.") % named
    if region.late:
        yield gettext("Region %(region)s is behind: checks come late.") % named
    if region.trouble:
        yield gettext("Region %(region)s is in trouble of its own: its failures do not count.") % named
    for worker in region.clocks_off:
        told = named | {"worker": worker.name, "clock": worker.clock_words}
        yield gettext("The clock of worker %(worker)s in %(region)s is %(clock)s.") % told


def picture(*, now: datetime) -> Picture:
    return Picture(
        regions=region_views(now=now),
        queues=queues(now=now),
        breaker=breaker_word(),
        storage=storage(now=now),
        detection=drill_selectors.detection(),
        deliveries=open_deliveries(),
        dropped=[(region, why, int(number)) for (region, why), number in sorted(counts_of(DROPPED).items())],
        broken=broken_channels(),
        dead_deliveries=dead_deliveries(now=now),
        dead_batches=dead_batches(),
        events=region_events(now=now),
        troubles=region_troubles(now=now),
        open_incidents=Incident.objects.open().count(),
    )
