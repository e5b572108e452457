"""How checking itself does: workers, regions, parts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from django.apps import apps
from django.core.cache import cache
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count

from accounts.models import Team
from checks import broker, pressure
from checks.models import RegionWorker
from checks.selectors.scheduling import region_loads
from common.clock import database_now
from monitors.models import Monitor, Region
from monitors.rules import OFFLINE_AFTER
from probes import names

BREAKER_WORD = "checks.breaker"

BREAKER_WORD_LASTS_S = 120

BEHIND_S = 15
"""Handing out checks this late is worth a word; a tick comes every second."""

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
    with connection.cursor() as cursor:
        cursor.execute(REGIONS, {"since": now - timedelta(days=1), "alive": now - OFFLINE_AFTER})
        return [
            {
                "region": code,
                "online": workers > 0,
                "last_seen": last_seen,
                "workers": workers,
                "schedule_behind_s": round(max(0.0, (now - mark).total_seconds()), 1) if mark else None,
                "state": Region(draining=draining, offline_since=offline_since).state,
                "offline_since": offline_since,
            }
            for code, draining, offline_since, mark, last_seen, workers in cursor.fetchall()
        ]


REGIONS = """
SELECT code, draining, offline_since, mark.at, worker.last_seen, worker.alive
FROM monitors_region AS region
LEFT JOIN checks_watermark AS mark ON mark.region_id = region.code
CROSS JOIN LATERAL (
    SELECT max(last_seen) AS last_seen, count(*) FILTER (WHERE last_seen >= %(alive)s) AS alive
    FROM checks_regionworker WHERE region = region.code AND last_seen > %(since)s
) AS worker
WHERE enabled ORDER BY ordinal, code
"""
"""Every page that is polled asks this."""


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
    """By their names: Django would load each there ever was and put them in order, whenever somebody looks."""
    applied = MigrationRecorder(connection).applied_migrations()
    return any(migration not in applied for migration in migrations_on_disk())


@lru_cache
def migrations_on_disk() -> frozenset[tuple[str, str]]:
    """App and name. None of them replaces others, which would have to be known here."""
    return frozenset(
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in iter_modules([str(Path(app.path) / "migrations")])
        if not module.ispkg
    )
