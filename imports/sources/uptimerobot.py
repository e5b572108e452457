"""UptimeRobot: what ``getMonitors`` (API v2) and ``/monitors`` (v3) answer, as JSON, and the CSV of its bulk export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from imports.plain import Export, Found, LeftOut, Said, Unreadable
from imports.reading import read_csv, read_json
from imports.sources import common
from imports.sources.common import Made, items, mapping, text, whole
from probes.sentences import say

TOOL = "UptimeRobot"
KINDS = {"1": "http", "2": "keyword", "3": "ping", "4": "port", "5": "heartbeat"}
KINDS_OF_V3 = {"API": "http", **{kind.upper(): kind for kind in (*KINDS.values(), "dns")}}
METHODS = {"1": "HEAD", "2": "GET", "3": "POST", "4": "PUT", "5": "PATCH", "6": "DELETE", "7": "OPTIONS"}
PORTS = {"1": 80, "2": 443, "3": 21, "4": 25, "5": 110, "6": 143}
PAUSED = {"0", "paused"}
UP = 2
LOG_DOWN, LOG_UP = 1, 2

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    rows = _rows(data)
    contacts = [mapping(one) for row in rows for one in items(row.get("alert_contacts"))]
    names = [one.get("friendly_name") or one.get("value") or one.get("alertContactId") for one in contacts]
    return common.gather(
        (_monitor(row) for row in rows),
        losses=[
            say(
                "Alert contacts, public status pages and maintenance windows of UptimeRobot are not part of the import."
            )
        ],
        channels=[say("{name} (alert contact)", name=text(name)[:80]) for name in names],
    )


def _rows(data: bytes) -> list[Row]:
    if data.lstrip()[:1] in {b"{", b"["}:
        found = common.rows(read_json(data), "monitors", "data", tool=TOOL)
        return [_from_v3(row) if "friendlyName" in row else row for row in found]
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
    kind = KINDS.get(text(row.get("type"))) or KINDS_OF_V3.get(text(row.get("type")))
    if kind is None:
        return LeftOut(pk, name, common.no_counterpart(TOOL, row.get("type")))
    return common.found_as(
        _spec(kind, row),
        foreign_id=pk,
        name=name,
        interval=row.get("interval"),
        timeout=row.get("timeout"),
        tags=[mapping(tag).get("name") for tag in items(row.get("tags"))],
        paused=text(row.get("status")).lower() in PAUSED,
        losses=items(row.get("lost")),
    )


def _spec(kind: str, row: Row) -> Made:
    host, port = common.host_and_port(row.get("url"), row.get("port"))
    if kind == "ping":
        return "ping", {"host": host}, []
    if kind == "port":
        return "tcp", {"host": host, "port": port or PORTS.get(text(row.get("sub_type")))}, []
    if kind == "heartbeat":
        period = max(60, whole(row.get("interval")) or 300)
        grace = max(10, whole(row.get("grace")) or 300)
        return "heartbeat", {"period": period, "grace": grace}, [say("its address: the job must call its new one")]
    if kind == "dns":
        return _dns(row, host)
    return _web(kind, row)


def _dns(row: Row, host: str) -> Made:
    """It may compare records of several kinds at once; here a monitor has one kind."""
    wanted = {kind: items(known) for kind, known in mapping(row.get("dns_records")).items() if items(known)}
    kind, known = next(iter(wanted.items()), ("A", []))
    lost = [say("its {other} records: a monitor compares one kind here", other=other) for other in list(wanted)[1:]]
    spec = {"name": host, "record_type": kind}
    return "dns", spec | ({"expected": [text(one) for one in known]} if known else {}), lost


def _web(kind: str, row: Row) -> Made:
    lost = []
    headers = common.headers_of(row.get("custom_http_headers"))
    if text(row.get("http_auth_type")) == "2":
        lost.append(say("its digest authentication"))
    else:
        headers |= common.basic_auth(row.get("http_username"), row.get("http_password"))
    body = row.get("post_value") if isinstance(row.get("post_value"), str) else None
    statuses = mapping(row.get("custom_http_statuses"))
    if statuses:
        lost.append(say("its list of own HTTP statuses: 200 to 399 are good here, change that in the form"))
    asks_for_text = kind == "keyword"
    spec = common.http_spec(
        row.get("url"),
        # A HEAD has no text to look at, which is what UptimeRobot sends by default to pages without a keyword.
        method="GET" if asks_for_text else _method(row.get("http_method")),
        headers=headers,
        body=body,
        **mapping(row.get("more")),
    )
    if asks_for_text:
        # 1: an incident when the text is there; 2: when it is not.
        field = "body_contains" if text(row.get("keyword_type")) == "2" else "body_not_contains"
        spec[field] = str(row.get("keyword_value") or "")
        if text(row.get("keyword_case_type")) == "1":
            lost.append(say("that its keyword is found in capitals and small letters alike"))
    return "http", spec, lost


def _method(value: Any) -> str:
    word = text(value).upper()
    return word if word in common.METHODS else METHODS.get(word, "GET")


def _from_v3(row: Row) -> Row:
    """In the words of v2. ``more``: parts of our spec that v2 has no words for."""
    config, how = mapping(row.get("config")), text(row.get("authType")).upper()
    days = [found for day in items(config.get("sslExpirationPeriodDays")) if (found := whole(day))]
    lost = []
    if how not in {"", "NONE", "HTTP_BASIC", "DIGEST"}:
        lost.append(say("its authentication by {how}", how=how[:40].lower()))
    if mapping(config.get("apiAssertions")):
        lost.append(say("its assertions on the answer: say them in the form"))
    if mapping(row.get("regionalData")):
        lost.append(say("its regions: the usual ones of this installation check it"))
    return {
        "id": row.get("id"),
        "friendly_name": row.get("friendlyName"),
        "url": row.get("url"),
        "type": row.get("type"),
        "port": row.get("port"),
        "interval": row.get("interval"),
        "timeout": row.get("timeout"),
        "grace": row.get("gracePeriod"),
        "status": row.get("status"),
        "tags": row.get("tags"),
        "alert_contacts": row.get("assignedAlertContacts"),
        "keyword_type": _keyword_type(row.get("keywordType")),
        "keyword_case_type": row.get("keywordCaseType"),
        "keyword_value": row.get("keywordValue"),
        "http_method": row.get("httpMethodType"),
        "http_auth_type": 2 if how == "DIGEST" else 1,
        "http_username": row.get("httpUsername") if how == "HTTP_BASIC" else None,
        "http_password": row.get("httpPassword"),
        "custom_http_headers": row.get("customHttpHeaders"),
        "post_value": _body(row.get("postValueData")),
        "dns_records": config.get("dnsRecords"),
        "more": {
            "expected_status": ",".join(map(_codes, items(row.get("successHttpResponseCodes")))),
            "follow_redirects": row.get("followRedirections") is not False,
            "verify_tls": row.get("checkSSLErrors") is not False,
            "cert_expiry_days": max(days, default=None) if row.get("sslExpirationReminder") is True else None,
            "max_response_ms": whole(row.get("responseTimeThreshold")) or None,
        },
        "lost": lost,
    }


def _codes(said: Any) -> str:
    """``2xx`` as a range."""
    words = text(said).lower()
    return f"{words[0]}00-{words[0]}99" if words[1:] == "xx" else words


def _body(value: Any) -> str | None:
    """A text, or an object that was sent as JSON."""
    return json.dumps(value) if isinstance(value, dict | list) and value else value or None


# --- what it said ---


def history(data: bytes) -> list[Said]:
    """Its logs: each says from when on and how long (``logs=1`` in the request); of a paused time it says nothing."""
    said, rows = [], _rows(data)
    if rows and all("more" in row for row in rows):
        raise Unreadable(say("The list of UptimeRobot's API v3 holds no history; use getMonitors of v2 with logs=1."))
    for row in rows:
        for log in map(mapping, items(row.get("logs"))):
            at, lasted = common.moment(log.get("datetime")), whole(log.get("duration"))
            if at and lasted and log.get("type") in (LOG_DOWN, LOG_UP):
                reason = mapping(log.get("reason"))
                words = " ".join(filter(None, (text(reason.get("code")), text(reason.get("detail")))))
                ends = at + timedelta(seconds=min(lasted, 10**9))
                said.append(Said(text(row.get("id")), at, ends, log.get("type") == LOG_UP, words[:300]))
    return said
