"""UptimeRobot: what ``getMonitors`` of its API v2 answers, as JSON, and the CSV of its bulk export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from imports.plain import Export, Found, LeftOut, Said
from imports.reading import read_csv, read_json
from imports.sources import common
from imports.sources.common import items, mapping, text, whole

TOOL = "UptimeRobot"
KINDS = {"1": "http", "2": "keyword", "3": "ping", "4": "port", "5": "heartbeat"}
METHODS = {"1": "HEAD", "2": "GET", "3": "POST", "4": "PUT", "5": "PATCH", "6": "DELETE", "7": "OPTIONS"}
PORTS = {"1": 80, "2": 443, "3": 21, "4": 25, "5": 110, "6": 143}
PAUSED = {"0", "paused"}
UP = 2
LOG_DOWN, LOG_UP = 1, 2

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    rows = _rows(data)
    contacts = [mapping(one) for row in rows for one in items(row.get("alert_contacts"))]
    return common.gather(
        (_monitor(row) for row in rows),
        losses=[
            "Alert contacts, public status pages and maintenance windows of UptimeRobot are not part of the import."
        ],
        channels=[f"{text(one.get('friendly_name') or one.get('value'))[:80]} (alert contact)" for one in contacts],
    )


def _rows(data: bytes) -> list[Row]:
    if data.lstrip()[:1] in {b"{", b"["}:
        return list(common.rows(read_json(data), "monitors", tool=TOOL))
    return [_from_csv(row) for row in read_csv(data)]


def _from_csv(row: Row) -> Row:
    """Column names have changed over the years; ids are not in the file, so what it watches stands for one."""
    kind = text(row.get("type") or row.get("monitortype")).lower()
    kinds = {"http": 1, "https": 1, "http(s)": 1, "keyword": 2, "ping": 3, "port": 4, "heartbeat": 5}
    url = row.get("urlip") or row.get("url") or row.get("urliphost") or ""
    port = row.get("port")
    return {
        "id": f"{kind} {url} {port or ''}".strip(),
        "friendly_name": row.get("friendlyname") or row.get("name"),
        "url": url,
        "type": kinds.get(kind, kind),
        "port": port,
        "sub_type": 99,
        "keyword_type": _keyword_type(row.get("keywordtype")),
        "keyword_value": row.get("keywordvalue"),
        "interval": row.get("interval") or row.get("monitoringinterval"),
        "status": 0 if text(row.get("status")).lower() == "paused" else UP,
        "http_username": row.get("httpusername"),
        "http_password": row.get("httppassword"),
    }


def _keyword_type(value: Any) -> int:
    return 2 if "not" in text(value).lower() or text(value) == "2" else 1


def _monitor(row: Row) -> Found | LeftOut:
    pk, name = text(row.get("id")), common.name_of(row.get("friendly_name"), row.get("url"))
    kind = KINDS.get(text(row.get("type")))
    if kind is None:
        return LeftOut(pk, name, common.no_counterpart(TOOL, row.get("type")))
    passive = kind == "heartbeat"
    ours, spec, lost = _spec(kind, row)
    return Found(
        foreign_id=pk,
        name=name,
        kind=ours,
        spec=spec,
        interval=None if passive else whole(row.get("interval")),
        timeout=None if passive else whole(row.get("timeout")) or None,
        paused=text(row.get("status")).lower() in PAUSED,
        losses=tuple(lost),
    )


def _spec(kind: str, row: Row) -> tuple[str, dict[str, Any], list[str]]:
    host, port = common.host_and_port(row.get("url"), row.get("port"))
    if kind == "ping":
        return "ping", {"host": host}, []
    if kind == "port":
        return "tcp", {"host": host, "port": port or PORTS.get(text(row.get("sub_type")))}, []
    if kind == "heartbeat":
        period = max(60, whole(row.get("interval")) or 300)
        return "heartbeat", {"period": period, "grace": 300}, ["its address: the job must call its new one"]
    return _web(kind, row)


def _web(kind: str, row: Row) -> tuple[str, dict[str, Any], list[str]]:
    lost = []
    headers = common.headers_of(row.get("custom_http_headers"))
    if text(row.get("http_auth_type")) == "2":
        lost.append("its digest authentication")
    else:
        headers |= common.basic_auth(row.get("http_username"), row.get("http_password"))
    body = row.get("post_value") if isinstance(row.get("post_value"), str) else None
    statuses = mapping(row.get("custom_http_statuses"))
    if statuses:
        lost.append("its list of own HTTP statuses: 200 to 399 are good here, change that in the form")
    asks_for_text = kind == "keyword"
    spec = common.http_spec(
        row.get("url"),
        # A HEAD has no text to look at, which is what UptimeRobot sends by default to pages without a keyword.
        method="GET" if asks_for_text else METHODS.get(text(row.get("http_method")), "GET"),
        headers=headers,
        body=body,
    )
    if asks_for_text:
        # 1: an incident when the text is there; 2: when it is not.
        field = "body_contains" if text(row.get("keyword_type")) == "2" else "body_not_contains"
        spec[field] = str(row.get("keyword_value") or "")
        if text(row.get("keyword_case_type")) == "1":
            lost.append("that its keyword is found in capitals and small letters alike")
    return "http", spec, lost


# --- what it said ---


def history(data: bytes) -> list[Said]:
    """Its logs: each says from when on and how long (``logs=1`` in the request); of a paused time it says nothing."""
    said = []
    for row in _rows(data):
        for log in map(mapping, items(row.get("logs"))):
            at, lasted = common.moment(log.get("datetime")), whole(log.get("duration"))
            if at and lasted and log.get("type") in (LOG_DOWN, LOG_UP):
                reason = mapping(log.get("reason"))
                words = " ".join(filter(None, (text(reason.get("code")), text(reason.get("detail")))))
                ends = at + timedelta(seconds=min(lasted, 10**9))
                said.append(Said(text(row.get("id")), at, ends, log.get("type") == LOG_UP, words[:300]))
    return said
