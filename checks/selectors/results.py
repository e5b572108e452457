"""What checks found: the results of a monitor, and what was kept of the first failures of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from checks.columns import READ
from checks.models import CheckEvidence, CheckResult
from incidents.models import Incident
from incidents.rules.words import difference
from monitors.models import Monitor

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


NAMES = [field.attname for field in CheckResult._meta.concrete_fields]
COLUMNS = ", ".join(f"{READ.get(name, name)} AS {name}" for name in NAMES)
"""By name: a column that a later version adds is nothing to this one."""

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
    SELECT {columns} FROM checks_checkresult
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
    return _read(
        NEWEST_RESULTS.format(columns=COLUMNS, slots=slots, conditions=" AND ".join(conditions), regions=regions), asked
    )


LATEST_RESULTS = f"""
SELECT result.* FROM unnest(%(regions)s::text[]) WITH ORDINALITY AS wanted (region, place)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM checks_checkresult
    WHERE monitor_id = %(monitor)s AND region = wanted.region ORDER BY slot DESC LIMIT 1
) AS result
ORDER BY wanted.place
"""  # noqa: S608 - the constant above


def latest_results(monitor: Monitor) -> list[CheckResult]:
    """The newest result of each region."""
    regions = list(dict.fromkeys([*monitor.regions, *monitor.voters]))
    return _read(LATEST_RESULTS, {"monitor": monitor.pk, "regions": regions})


def _read(statement: str, asked: Mapping[str, Any]) -> list[CheckResult]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return [CheckResult(**dict(zip(NAMES, row, strict=True))) for row in cursor.fetchall()]


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
