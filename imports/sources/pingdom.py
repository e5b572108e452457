"""Pingdom: ``GET /api/3.1/checks`` as JSON, or better the details of each check (``/checks/{id}``) in a list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from imports.plain import Export, Found, LeftOut, Said
from imports.reading import read_json
from imports.sources import common
from imports.sources.common import items, mapping, text, whole
from probes.sentences import say

TOOL = "Pingdom"
MAIL_PORTS = {"smtp": 25, "pop3": 110, "imap": 143}
NO_DETAILS = say(
    "path, port and texts of the check are only in its details (GET /checks/{id}): https and / are assumed"
)

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    return common.gather(
        (_check(row) for row in _checks(data)),
        losses=[say("Users, integrations, transaction and page speed checks of Pingdom are not part of the import.")],
    )


def _checks(data: bytes) -> list[Row]:
    """Of a list of checks, of details, or of one check's details."""
    found = read_json(data)
    if isinstance(found, dict) and "check" in found:
        found = [found]
    return [mapping(row.get("check")) or row for row in common.rows(found, "checks", tool=TOOL)]


def _check(row: Row) -> Found | LeftOut:
    pk, name = text(row.get("id")), common.name_of(row.get("name"), row.get("hostname"))
    told = row.get("type")
    kind, details = (
        (next(iter(told), ""), mapping(next(iter(told.values()), None))) if isinstance(told, dict) else (told, {})
    )
    made = _spec(text(kind), mapping(details), row)
    if made is None:
        return LeftOut(pk, name, common.no_counterpart(TOOL, kind))
    ours, spec, lost = made
    tags, lost_tags = common.tags_of(*(mapping(tag).get("name", tag) for tag in items(row.get("tags"))))
    failures, minutes = whole(row.get("sendnotificationwhendown")), whole(row.get("resolution"))
    return Found(
        foreign_id=pk,
        name=name,
        kind=ours,
        spec=spec,
        interval=minutes * 60 if minutes else None,
        tags=tags,
        paused=text(row.get("status")) == "paused" or row.get("paused") is True,
        policy={"confirmations": max(1, min(failures, 10))} if failures else {},
        losses=(*lost, *lost_tags, *_lost(row)),
    )


def _lost(row: Row) -> list[str]:
    lost = []
    if items(row.get("probe_filters")):
        lost.append(say("its choice of probe servers: the usual regions of this installation check it"))
    if items(row.get("integrationids")) or items(row.get("userids")):
        lost.append(say("who is told: rules decide that here"))
    return lost


def _spec(kind: str, details: Row, row: Row) -> tuple[str, dict[str, Any], list[str]] | None:
    host = text(row.get("hostname"))
    if kind == "http":
        return _web(host, details, row)
    if kind == "ping":
        return "ping", {"host": host}, []
    if kind == "tcp":
        lost = [say("the text that it sends")] if details.get("stringtosend") else []
        wanted = {"banner_contains": text(details.get("stringtoexpect"))} if details.get("stringtoexpect") else {}
        return "tcp", {"host": host, "port": whole(details.get("port")), **wanted}, lost
    if kind in MAIL_PORTS:
        port = whole(details.get("port")) or MAIL_PORTS[kind]
        return (
            "tcp",
            {"host": host, "port": port},
            [say("that {protocol} is spoken: only the connection is tried", protocol=kind.upper())],
        )
    if kind == "dns":
        expected = [text(details["expectedip"])] if details.get("expectedip") else []
        lost = [say("its name server {server}: the region's own is asked", server=text(details.get("nameserver"))[:60])]
        return (
            "dns",
            {"name": host, "record_type": "A", "expected": expected},
            lost if details.get("nameserver") else [],
        )
    return None


def _web(host: str, details: Row, row: Row) -> tuple[str, dict[str, Any], list[str]]:
    secure = details.get("encryption") is not False
    port = whole(details.get("port"))
    named = f"{host}:{port}" if port and port != (443 if secure else 80) else host
    path = text(details.get("url")) or "/"
    headers = common.headers_of(details.get("requestheaders"))
    headers |= common.basic_auth(details.get("username"), details.get("password"))
    spec = common.http_spec(
        f"{'https' if secure else 'http'}://{named}{path if path.startswith('/') else '/' + path}",
        method="POST" if details.get("postdata") else "GET",
        headers=headers,
        body=details.get("postdata") or None,
        body_contains=text(details.get("shouldcontain")),
        body_not_contains=text(details.get("shouldnotcontain")),
        verify_tls=row.get("verify_certificate") is not False,
        cert_expiry_days=whole(row.get("ssl_down_days_before")) or None,
        max_response_ms=whole(row.get("responsetime_threshold")) or None,
    )
    return "http", spec, [] if details else [NO_DETAILS]


def history(data: bytes) -> list[Said]:
    """Its present word alone: the list holds no more."""
    said = []
    for row in _checks(data):
        at, up = common.moment(row.get("lasttesttime")), {"up": True, "down": False}.get(text(row.get("status")))
        if at is not None and up is not None:
            span = timedelta(minutes=whole(row.get("resolution")) or 1)
            said.append(Said(text(row.get("id")), at, at + span, up, say("its present status")))
    return said
