"""Uptime Kuma: the JSON backup of version 1 and the SQLite file (``kuma.db``) of versions 1 and 2."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from imports.plain import Export, Found, LeftOut, Said, Unreadable
from imports.reading import SQLITE_MAGIC, read_json, sqlite_tables, tidy
from imports.sources import common
from imports.sources.common import Made, mapping, text, whole
from probes.sentences import say

MOST_BEATS = 300_000
BODY_TYPES = {"json": "application/json", "xml": "text/xml; charset=utf-8", "form": "application/x-www-form-urlencoded"}
WEB = {"http", "keyword", "json-query"}
PLAIN_PATH = re.compile(r"\$?(?:\.?[A-Za-z_][\w-]*|\[\d+\])(?:\.[A-Za-z_][\w-]*|\[\d+\])*")
OPERATORS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "contains": "contains"}
FIRST_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")

DOWN, UP = 0, 1

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    """Monitors with their tags; groups become tags of what is in them."""
    monitors, notifications = _stored(data)
    groups = {_id(one): text(one.get("name")) for one in monitors if one.get("type") == "group"}
    named = {_id(one): f"{text(one.get('name'))} ({_kind_of_notification(one)})" for one in notifications}
    used = {pk for one in monitors for pk in one["notifications"]}
    losses = [say("Status pages, maintenance and history of Uptime Kuma are not part of the import.")]
    return common.gather(
        (_monitor(one, groups) for one in monitors if one.get("type") != "group"),
        losses=losses,
        channels=[name for pk, name in named.items() if pk in used or not used],
    )


def _stored(data: bytes) -> tuple[list[dict[str, Any]], list[Row]]:
    """Monitors in one shape, with ``tags`` as words and ``notifications`` as ids, and the notifications."""
    if data.startswith(SQLITE_MAGIC):
        return _from_tables(data)
    found = read_json(data)
    monitors = [_in_one_shape(row) for row in common.rows(found, "monitorList", tool="Uptime Kuma")]
    return monitors, [mapping(one) for one in common.items(mapping(found).get("notificationList"))]


def _in_one_shape(row: Row) -> dict[str, Any]:
    """The backup writes some names as JavaScript does, the database all of them as SQL does."""
    named = {FIRST_WORD.sub("_", name).lower(): value for name, value in row.items()}
    tags = [_tag(mapping(one)) for one in common.items(row.get("tags"))]
    notified = mapping(row.get("notificationIDList"))
    return named | {"tags": tags, "notifications": {text(pk) for pk, on in notified.items() if on}}


def _from_tables(data: bytes) -> tuple[list[dict[str, Any]], list[Row]]:
    with sqlite_tables(data) as rows:
        monitors, words = rows("monitor"), {one.get("id"): one for one in rows("tag")}
        if not monitors:
            raise Unreadable(say("The database has no monitors: it is not one of Uptime Kuma, or an empty one."))
        tags, notified = defaultdict(list), defaultdict(set)
        for one in rows("monitor_tag"):
            tags[one.get("monitor_id")].append(
                _tag({**mapping(words.get(one.get("tag_id"))), "value": one.get("value")})
            )
        for one in rows("monitor_notification"):
            notified[one.get("monitor_id")].add(text(one.get("notification_id")))
        notifications: list[Row] = list(rows("notification"))
    for one in monitors:
        one |= {"tags": tags[one.get("id")], "notifications": notified[one.get("id")]}
        one["accepted_statuscodes"] = _list(one.get("accepted_statuscodes_json"))
    return monitors, notifications


def _tag(row: Row) -> str:
    name, value = text(row.get("name")), text(row.get("value"))
    return f"{name}: {value}" if value else name


def _id(row: Row) -> str:
    return text(row.get("id"))


def _list(value: Any) -> list[Any]:
    try:
        return common.items(json.loads(value))
    except (TypeError, ValueError, RecursionError):
        return []


def _object(value: Any) -> dict[str, Any]:
    try:
        return dict(mapping(json.loads(value)))
    except (TypeError, ValueError, RecursionError):
        return {}


def _kind_of_notification(row: Row) -> str:
    return text(_object(row.get("config")).get("type")) or say("of a kind that the file does not say")


def _monitor(row: Row, groups: Mapping[str, str]) -> Found | LeftOut:
    kind, pk = text(row.get("type")), _id(row)
    name = common.name_of(row.get("name"), row.get("url"), row.get("hostname"))
    if row.get("upside_down") == 1:
        return LeftOut(pk, name, say("it is upside down (good when nothing answers), which has no counterpart here"))
    made = _spec(kind, row)
    if made is None:
        return LeftOut(pk, name, common.no_counterpart("Uptime Kuma", kind))
    return common.found_as(
        made,
        foreign_id=pk,
        name=name,
        interval=row.get("interval"),
        timeout=row.get("timeout"),
        tags=[*row["tags"], groups.get(text(row.get("parent")))],
        paused=row.get("active") == 0,
        policy={"confirmations": min((whole(row.get("maxretries")) or 0) + 1, 10)},
        losses=_lost(row),
    )


def _lost(row: Row) -> Iterator[str]:
    if row.get("proxy_id"):
        yield say("its proxy: checks go out directly")
    if whole(row.get("resend_interval")):
        yield say("repeated notifications: reminders belong to alert rules here")
    if text(row.get("description")):
        yield say("its description")


def _spec(kind: str, row: Row) -> Made | None:
    """Kind and spec in our terms, and what is lost; None where there is nothing like it."""
    host, port = text(row.get("hostname")), whole(row.get("port"))
    if kind in WEB:
        return _web(kind, row)
    if kind == "port":
        return "tcp", {"host": host, "port": port}, []
    if kind == "ping":
        return "ping", {"host": host}, []
    if kind == "dns":
        return _dns(row, host, port)
    if kind == "push":
        period = max(60, whole(row.get("interval")) or 60)
        grace = max(60, (whole(row.get("maxretries")) or 0) * (whole(row.get("retry_interval")) or 60))
        return "heartbeat", {"period": period, "grace": grace}, [say("its push address: the job must call its new one")]
    return None


def _dns(row: Row, host: str, port: int | None) -> Made:
    spec: dict[str, Any] = {"name": host, "record_type": text(row.get("dns_resolve_type")) or "A"}
    server = text(row.get("dns_resolve_server")).split(",")[0].strip()
    if not server:
        return "dns", spec, []
    if not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*", server):
        return (
            "dns",
            spec,
            [say("its resolver {server}: only an address can be asked; the region's own is", server=server[:60])],
        )
    address = f"[{server}]" if ":" in server else server
    return "dns", spec | {"nameserver": f"{address}:{port or 53}"}, []


def _web(kind: str, row: Row) -> Made:
    lost = []
    method = text(row.get("method")).upper() or "GET"
    if method not in common.METHODS:
        lost, method = [say("its method {method}: GET is used", method=method[:20])], "GET"
    body = row.get("body") or None
    headers = common.headers_of(_object(row.get("headers")))
    if body and not any(name.lower() == "content-type" for name in headers):
        headers |= {"Content-Type": BODY_TYPES.get(text(row.get("http_body_encoding")), BODY_TYPES["json"])}
    how = text(row.get("auth_method"))
    if how in {"", "basic"}:
        headers |= common.basic_auth(row.get("basic_auth_user"), row.get("basic_auth_pass"))
    else:
        lost.append(say("its authentication by {how}", how=how[:40]))
    redirects = whole(row.get("maxredirects"))
    spec = common.http_spec(
        row.get("url"),
        method=method,
        headers=headers,
        body=body,
        follow_redirects=redirects != 0,
        max_redirects=min(redirects, 20) if redirects else None,
        verify_tls=row.get("ignore_tls") != 1,
        expected_status=",".join(text(code) for code in common.items(row.get("accepted_statuscodes"))),
    )
    if kind == "keyword":
        wanted = "body_not_contains" if row.get("invert_keyword") == 1 else "body_contains"
        spec[wanted] = str(row.get("keyword") or "")
    if kind == "json-query":
        lost += _json_query(row, spec)
    return "http", spec, lost


def _json_query(row: Row, spec: dict[str, Any]) -> list[str]:
    path, operator = text(row.get("json_path")), OPERATORS.get(text(row.get("json_path_operator")) or "==")
    if operator is None or not PLAIN_PATH.fullmatch(path):
        return [
            say(
                "its JSON query {path}: only paths like $.status.code are known here, so the JSON is not compared",
                path=repr(path[:60]),
            )
        ]
    path = path if path.startswith("$") else f"$.{path}"
    spec["json_assertions"] = [{"path": path, "op": operator, "value": _plain_value(row.get("expected_value"))}]
    return []


def _plain_value(value: Any) -> Any:
    """Kuma compares texts; here a number in the answer is equal to a number."""
    try:
        found = tidy(json.loads(str(value)))
    except (ValueError, RecursionError):
        return str(value)
    return found if isinstance(found, int | float) or found is None else str(value)


# --- what it said ---


def history(data: bytes) -> list[Said]:
    """Its beats, each until the next one. While it was retrying (pending) or at work on it, it had no verdict."""
    if not data.startswith(SQLITE_MAGIC):
        raise Unreadable(say("A JSON backup of Uptime Kuma holds no history; use its database kuma.db."))
    with sqlite_tables(data) as rows:
        intervals = {one.get("id"): min(whole(one.get("interval")) or 60, 10**7) for one in rows("monitor")}
        beats = rows("heartbeat", last=MOST_BEATS)
    by_monitor: dict[Any, list[tuple[datetime, Row]]] = defaultdict(list)
    for beat in beats:
        if at := common.moment(beat.get("time")):
            by_monitor[beat.get("monitor_id")].append((at, beat))
    said = []
    for pk, told in by_monitor.items():
        told.sort(key=lambda pair: pair[0])
        longest = timedelta(seconds=3 * intervals.get(pk, 60))
        ends = [at for at, _ in told[1:]] + [told[-1][0] + longest / 3]
        said += [_said(pk, at, min(end, at + longest), beat) for (at, beat), end in zip(told, ends, strict=True)]
    return said


def _said(pk: Any, begins: datetime, ends: datetime, beat: Row) -> Said:
    status = beat.get("status")
    return Said(text(pk), begins, ends, status == UP if status in (DOWN, UP) else None, text(beat.get("msg"))[:300])
