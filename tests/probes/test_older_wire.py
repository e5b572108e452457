"""Neighbours of another version: messages as an older worker or server wrote them, and as a newer one may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from probes.contract import WIRE_VERSION, Batch, CheckResult, LifeSign, Outcome, Reason, Report
from probes.worker import read_batch

# Recorded from the first version of the wire form, before `not_before`, `earlier_tries` and `started_at` were added.
OLD_BATCH = """{"v": 1, "id": "usa:slots:1763802000:0", "region": "usa", "attempt": 1, "checks": [{"id":
"5f0c7f5e-2b56-4a44-8f0e-2f4a0a6f7f11/1763802007/3", "kind": "http", "spec": {"url": "https://example.org/"},
"timeout_ms": 10000, "retries": 0}]}"""
OLD_RESULT = """{"id": "5f0c7f5e-2b56-4a44-8f0e-2f4a0a6f7f11/1763802007/3", "kind": "http", "outcome": "down", "reason":
"connect_refused", "phase": "connect", "message": "nobody listens", "http_status": null, "remote_ip": "192.0.2.7",
"timings_ms": {"dns": 1.5, "connect": null, "tls": null, "first_byte": null, "download": null, "total": 2.25},
"redirects": [], "certificate": null, "attempts": 2}"""


def test_an_older_servers_batch_is_run() -> None:
    header, requests, refused = read_batch(json.loads(OLD_BATCH))
    assert (header.id, header.region, refused) == ("usa:slots:1763802000:0", "usa", [])
    assert [(request.kind, request.timeout_ms, request.not_before) for request in requests] == [("http", 10_000, None)]


def test_an_older_workers_result_is_stored() -> None:
    result = CheckResult.from_wire(json.loads(OLD_RESULT))
    assert (result.outcome, result.reason, result.timings_ms.total) == (Outcome.DOWN, Reason.CONNECT_REFUSED, 2.25)
    assert (result.earlier_tries, result.started_at, result.evidence) == ([], None, None)


@pytest.mark.parametrize("where", ["batch", "check", "result"])
def test_what_a_newer_neighbour_adds_is_ignored(where: str) -> None:
    batch, result = json.loads(OLD_BATCH), json.loads(OLD_RESULT)
    place: dict[str, Any] = {"batch": batch, "check": batch["checks"][0], "result": result}[where]
    place["from_the_future"] = {"anything": [1]}
    batch["v"] = WIRE_VERSION + 1
    assert len(read_batch(batch)[1]) == 1
    assert CheckResult.from_wire(result).outcome is Outcome.DOWN


def test_what_we_write_holds_what_an_older_neighbour_needs() -> None:
    """Fields are only ever added: whoever takes one away breaks the workers of the version before."""
    old_batch, old_result = json.loads(OLD_BATCH), json.loads(OLD_RESULT)
    now_batch, now_result = Batch.from_wire(old_batch).to_wire(), CheckResult.from_wire(old_result).to_wire()
    assert old_batch.keys() <= now_batch.keys()
    assert old_batch["checks"][0].keys() <= now_batch["checks"][0].keys()
    assert old_result.keys() <= now_result.keys()
    assert {name: now_result[name] for name in old_result} == old_result
    report = Report("b", "usa", "usa-1", []).to_wire()
    assert {"v", "batch", "region", "worker", "results"} <= report.keys()
    sign = LifeSign("usa", "usa-1", "0.1.0", 500, 1_763_802_000.0).to_wire()
    assert {"v", "region", "worker", "version", "concurrency", "sent_at", "last_batch_at", "lag_ms"} <= sign.keys()
