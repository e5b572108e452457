"""Is checking itself all right?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.selectors.health import BEHIND_S, region_health

CALM_S, HURRY_S, PATIENT_S = 10, 1, 3


@dataclass(frozen=True, slots=True)
class Delay:
    """A region that does not check as it should, and since when."""

    region: str
    online: bool
    since: datetime | None


def delays(*, now: datetime, regions: Iterable[str] | None = None) -> list[Delay]:
    """Regions not heard of, or whose checks are handed out late.

    Read from the database alone: when the broker or the central worker is gone, nothing renews these rows,
    and that is what tells.
    """
    wanted = None if regions is None else set(regions)
    found = []
    for health in region_health(now=now):
        region, behind_s = health["region"], health["schedule_behind_s"]
        if wanted is not None and region not in wanted:
            continue
        if not health["online"]:
            found.append(Delay(region, online=False, since=health["last_seen"]))
        elif behind_s is None or behind_s > BEHIND_S:
            since = None if behind_s is None else (now - timedelta(seconds=behind_s)).replace(microsecond=0)
            found.append(Delay(region, online=True, since=since))
    return found


def pace_s(*, awaited: bool, delayed: bool) -> int:
    """How often a page should ask for news: at once when some will come, less often when that may take a while."""
    if not awaited:
        return CALM_S
    return PATIENT_S if delayed else HURRY_S
