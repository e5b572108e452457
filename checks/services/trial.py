"""Running a check that is not stored: its results take the ordinary road and wait in the cache for whoever asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.cache import cache

from checks import broker
from common.clock import database_now
from probes.contract import Batch, CheckRequest, CheckResult

PREFIX = "trial/"
KEPT_S = 120
GRACE_S = 4
"""Travel time granted beyond the check's own timeout."""


class BrokerAway(Exception):
    """No region can be asked at present."""


def is_trial(batch_id: str) -> bool:
    return batch_id.startswith(PREFIX)


def run(kind: str, spec: dict[str, Any], *, timeout_s: int, regions: Sequence[str]) -> list[dict[str, Any]]:
    """Run one check from every region and wait for the answers; a silent region is missing from the list."""
    trial_id = f"{PREFIX}{uuid4()}"
    request = CheckRequest(id=trial_id, kind=kind, spec=spec, timeout_ms=timeout_s * 1000)
    expires = database_now() + timedelta(seconds=timeout_s)
    for region in regions:
        message = Batch(f"{trial_id}/{region}", region, [request], expires_at=expires.timestamp()).to_wire()
        cache.set(_key(f"{trial_id}/{region}"), [], KEPT_S)
        if not broker.send_batch(message, region=region, now_lane=True, expires=expires):
            raise BrokerAway
    return _wait(trial_id, regions, deadline=time.monotonic() + timeout_s + GRACE_S)


def _wait(trial_id: str, regions: Sequence[str], *, deadline: float) -> list[dict[str, Any]]:
    while True:
        found = [answer for region in regions for answer in cache.get(_key(f"{trial_id}/{region}")) or []]
        if len(found) >= len(regions) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def keep(batch_id: str, region: str, results: Sequence[CheckResult]) -> None:
    """Put the answers where the asker looks; one that nobody asked for is forgotten."""
    if cache.get(_key(batch_id)) is not None:
        cache.set(_key(batch_id), [{"region": region, **result.to_wire()} for result in results], KEPT_S)


def _key(batch_id: str) -> str:
    return f"trial:{batch_id}"
