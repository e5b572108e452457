"""Better Stack (Better Uptime): what ``GET /api/v2/monitors`` and ``/heartbeats`` answer, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from imports.plain import Export, Found, LeftOut, Said
from imports.reading import read_json
from imports.sources import common
from imports.sources.common import items, mapping, text, whole
from probes.sentences import say

TOOL = "Better Stack"
WEB = {"status", "expected_status_code", "keyword", "keyword_absence"}
MAIL_PORTS = {"smtp": 25, "pop": 110, "imap": 143}

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    return common.gather(
        (_one(row) for row in common.rows(read_json(data), "data", tool=TOOL)),
        losses=[
            say("Escalation policies, on-call calendars and status pages of Better Stack are not part of the import.")
        ],
    )


def _one(row: Row) -> Found | LeftOut:
    told = mapping(row.get("attributes"))
    pk = text(row.get("id"))
    if row.get("type") == "heartbeat":
        return _heartbeat(f"heartbeat-{pk}", told)
    name = common.name_of(told.get("pronounceable_name"), told.get("url"))
    made = _spec(text(told.get("monitor_type")), told)
    if made is None:
        return LeftOut(pk, name, common.no_counterpart(TOOL, told.get("monitor_type")))
    kind, spec, lost = made
    waits = whole(told.get("confirmation_period")) or 0
    return Found(
        foreign_id=pk,
        name=name,
        kind=kind,
        spec=spec,
        interval=whole(told.get("check_frequency")),
        timeout=_timeout_s(told),
        paused=_is_paused(told),
        policy={"alert_after_s": min(waits, 86_400)} if waits > 0 else {},
        losses=(*lost, *_lost(told)),
    )


def _heartbeat(pk: str, told: Row) -> Found:
    spec = {"period": max(60, whole(told.get("period")) or 60), "grace": max(10, whole(told.get("grace")) or 0)}
    lost = (say("its address: the job must call its new one"),)
    return Found(pk, common.name_of(told.get("name")), "heartbeat", spec, paused=_is_paused(told), losses=lost)


def _is_paused(told: Row) -> bool:
    return bool(told.get("paused_at") or told.get("paused")) or told.get("status") == "paused"


def _timeout_s(told: Row) -> int | None:
    """Seconds of web checks, milliseconds of the others."""
    found = whole(told.get("request_timeout"))
    return found if found is None or found <= 300 else max(1, found // 1_000)


def _lost(told: Row) -> list[str]:
    lost = []
    if items(told.get("regions")):
        lost.append(
            say(
                "its regions ({names}): the usual ones of this installation check it",
                names=", ".join(map(text, told["regions"])),
            )
        )
    if told.get("maintenance_from"):
        lost.append(say("its daily maintenance"))
    if told.get("policy_id"):
        lost.append(say("its escalation policy"))
    if told.get("domain_expiration"):
        lost.append(say("the warning before the domain's registration ends"))
    return lost


def _spec(kind: str, told: Row) -> tuple[str, dict[str, Any], list[str]] | None:
    host, port = common.host_and_port(told.get("url"), told.get("port"))
    if kind in WEB:
        return _web(kind, told)
    if kind == "ping":
        return "ping", {"host": host}, []
    if kind == "tcp":
        return "tcp", {"host": host, "port": port}, []
    if kind in MAIL_PORTS:
        lost = [say("that {protocol} is spoken: only the connection is tried", protocol=kind.upper())]
        return "tcp", {"host": host, "port": port or MAIL_PORTS[kind]}, lost
    if kind == "dns":
        return None if not told.get("request_body") else _dns(told, host)
    return None


def _dns(told: Row, server: str) -> tuple[str, dict[str, Any], list[str]]:
    """Its address is the name server, and the name that is asked for stands in the body."""
    return "dns", {"name": text(told["request_body"]), "record_type": "A", "nameserver": server}, []


def _web(kind: str, told: Row) -> tuple[str, dict[str, Any], list[str]]:
    headers = common.headers_of(told.get("request_headers"))
    headers |= common.basic_auth(told.get("auth_username"), told.get("auth_password"))
    days = whole(told.get("ssl_expiration"))
    spec = common.http_spec(
        told.get("url"),
        method=text(told.get("http_method")).upper() or "GET",
        headers=headers,
        body=told.get("request_body") or None,
        follow_redirects=told.get("follow_redirects") is not False,
        verify_tls=told.get("verify_ssl") is not False,
        cert_expiry_days=days,
    )
    codes = [text(code) for code in items(told.get("expected_status_codes"))]
    if codes and kind == "expected_status_code":
        spec["expected_status"] = ",".join(codes)
    if kind in {"keyword", "keyword_absence"}:
        field = "body_contains" if kind == "keyword" else "body_not_contains"
        spec[field] = str(told.get("required_keyword") or "")
    return "http", spec, []


def history(data: bytes) -> list[Said]:
    """Its present word alone: the lists hold no more."""
    said = []
    for row in common.rows(read_json(data), "data", tool=TOOL):
        told = mapping(row.get("attributes"))
        at, up = common.moment(told.get("last_checked_at")), {"up": True, "down": False}.get(text(told.get("status")))
        if at is not None and up is not None:
            span = timedelta(seconds=whole(told.get("check_frequency")) or 60)
            said.append(Said(text(row.get("id")), at, at + span, up, say("its present status")))
    return said
