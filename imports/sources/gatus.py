"""Gatus: its configuration file in YAML (``endpoints`` and ``external-endpoints``; version 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imports.plain import Export, Found, LeftOut, Unreadable
from imports.reading import read_yaml
from imports.sources import common
from imports.sources.common import items, mapping, text
from probes.sentences import say

TOOL = "Gatus"
COMPARISON = re.compile(r"(\[[A-Z_]+\])(\S*)\s*(==|!=|<=|>=|<|>)\s*(.+)")
OPERATORS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
FIRST_FEW_FAILURES, FIRST_FEW_SUCCESSES = 3, 2
"""What Gatus takes where an alert says nothing."""

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    found = mapping(read_yaml(data))
    if not any(name in found for name in ("endpoints", "services", "external-endpoints")):
        raise Unreadable(say("This does not look like a configuration of Gatus: there are no endpoints."))
    endpoints = [one for one in items(found.get("endpoints") or found.get("services")) if isinstance(one, dict)]
    outside = [one for one in items(found.get("external-endpoints")) if isinstance(one, dict)]
    return common.gather(
        [*(_endpoint(one) for one in endpoints), *(_external(one) for one in outside)],
        losses=[say("Maintenance, user interface and storage settings of Gatus are not part of the import.")],
        channels=[say("{name} (alerting provider)", name=name) for name in mapping(found.get("alerting"))],
    )


def _key(row: Row) -> str:
    return f"{text(row.get('group'))}_{text(row.get('name'))}"


def _external(row: Row) -> Found | LeftOut:
    """Whoever pushes results. Gatus misses them only where a heartbeat is asked for."""
    name, period = common.name_of(row.get("name")), common.span_s(mapping(row.get("heartbeat")).get("interval"))
    if not period:
        return LeftOut(_key(row), name, say("it takes results that are pushed, without a time in which to miss them"))
    tags, lost = common.tags_of(row.get("group"))
    spec = {"period": max(60, period), "grace": 60}
    address = say("its address: the job must call its new one")
    paused = row.get("enabled") is False
    return Found(_key(row), name, "heartbeat", spec, tags=tags, paused=paused, losses=(address, *lost))


def _endpoint(row: Row) -> Found | LeftOut:
    key, name, url = _key(row), common.name_of(row.get("name"), row.get("url")), text(row.get("url"))
    if "${" in url:
        return LeftOut(
            key,
            name,
            say("its address {url} needs an environment variable: put the value in and try again", url=url[:80]),
        )
    made = _spec(row, url)
    if made is None:
        scheme = url.partition(":")[0] if "ssh" not in row else "ssh"
        return LeftOut(key, name, common.no_counterpart(TOOL, scheme))
    kind, spec, lost = made
    for condition in items(row.get("conditions")):
        lost += _condition(text(condition), kind, spec)
    tags, lost_tags = common.tags_of(row.get("group"))
    return Found(
        foreign_id=key,
        name=name,
        kind=kind,
        spec=spec,
        interval=common.span_s(row.get("interval")) or 60,
        timeout=common.span_s(mapping(row.get("client")).get("timeout")),
        tags=tags,
        paused=row.get("enabled") is False,
        policy=_policy(items(row.get("alerts"))),
        losses=(*lost, *lost_tags),
    )


def _policy(alerts: list[Any]) -> dict[str, Any]:
    if not alerts:
        return {}
    first = mapping(alerts[0])
    failures = common.whole(first.get("failure-threshold")) or FIRST_FEW_FAILURES
    successes = common.whole(first.get("success-threshold")) or FIRST_FEW_SUCCESSES
    return {"confirmations": max(1, min(failures, 10)), "recovery": max(1, min(successes, 10))}


def _spec(row: Row, url: str) -> tuple[str, dict[str, Any], list[str]] | None:
    scheme = url.partition("://")[0].lower()
    host, port = common.host_and_port(url)
    if row.get("dns"):
        asked = mapping(row["dns"])
        name = text(asked.get("query-name")).rstrip(".")
        server = f"[{host}]" if ":" in host else host
        spec = {
            "name": name,
            "record_type": text(asked.get("query-type")) or "A",
            "nameserver": f"{server}:{port or 53}",
        }
        return "dns", spec, []
    if row.get("ssh"):
        return None
    if scheme in {"http", "https"}:
        return _web(row, url)
    if scheme == "icmp":
        return "ping", {"host": host}, []
    if scheme == "tcp":
        return "tcp", {"host": host, "port": port}, []
    if scheme == "tls":
        return "tls", {"host": host, "port": port or 443}, []
    if scheme == "starttls":
        return "tls", {"host": host, "port": port or 587, "starttls": "smtp"}, []
    return None


def _web(row: Row, url: str) -> tuple[str, dict[str, Any], list[str]]:
    client, lost = mapping(row.get("client")), []
    body = text(row.get("body")) and str(row["body"])
    headers = common.headers_of(row.get("headers"))
    hidden = [name for name, value in headers.items() if "${" in value]
    for name in hidden:
        lost.append(say("its header {name}: the value is an environment variable", name=name))
        del headers[name]
    if row.get("graphql"):
        lost.append(say("its body is GraphQL, which Gatus wraps in JSON: do that in the body"))
    lost += [
        say("client setting {name}", name=name)
        for name in ("oauth2", "identity-aware-proxy", "proxy-url", "tls")
        if client.get(name)
    ]
    spec = common.http_spec(
        url,
        method=text(row.get("method")).upper() or "GET",
        headers=headers,
        body=body,
        follow_redirects=client.get("ignore-redirect") is not True,
        verify_tls=client.get("insecure") is not True,
    )
    return "http", spec, lost


def _condition(words: str, kind: str, spec: dict[str, Any]) -> list[str]:
    """Put one condition into the spec; what cannot be said there is a loss."""
    found = COMPARISON.fullmatch(words)
    taken = bool(found) and _take(kind, spec, *found.groups())  # type: ignore[union-attr]
    return [] if taken else [say("its condition {condition}", condition=words[:100])]


def _take(kind: str, spec: dict[str, Any], what: str, path: str, operator: str, value: str) -> bool:
    if what in {"[CONNECTED]", "[DNS_RCODE]"}:
        return operator == "==" and value in {"true", "NOERROR"}
    if what == "[CERTIFICATE_EXPIRATION]" and kind in {"http", "tls"}:
        seconds = common.span_s(value)
        if seconds and operator in {">", ">="}:
            spec["cert_expiry_days"] = min(365, -(-seconds // 86_400))
            return True
    if what == "[RESPONSE_TIME]" and kind in {"http", "tcp"} and operator in {"<", "<="} and common.whole(value):
        spec["max_response_ms"] = common.whole(value)
        return True
    if kind != "http":
        return kind == "dns" and _dns_body(spec, what, path, operator, value)
    return (
        _take_status(spec, operator, value)
        if what == "[STATUS]"
        else what == "[BODY]" and _body(spec, path, operator, value)
    )


def _dns_body(spec: dict[str, Any], what: str, path: str, operator: str, value: str) -> bool:
    if what != "[BODY]" or path or operator != "==" or "(" in value:
        return False
    spec["expected"] = [value.strip('"')]
    return True


def _take_status(spec: dict[str, Any], operator: str, value: str) -> bool:
    several = re.fullmatch(r"any\(([\d,\s]+)\)", value)
    if operator == "==" and (several or value.isdigit()):
        spec["expected_status"] = "".join((several[1] if several else value).split())
        return True
    code = common.whole(value)
    if code and operator in {"<", "<="}:
        spec["expected_status"] = f"200-{code - (operator == '<')}"
        return True
    return False


def _body(spec: dict[str, Any], path: str, operator: str, value: str) -> bool:
    wanted = re.fullmatch(r"pat\(\*?([^*]*)\*?\)", value)
    plain = value.strip("\"'")
    if not path:
        if not wanted or operator not in {"==", "!="}:
            return False
        field = "body_contains" if operator == "==" else "body_not_contains"
        if field in spec:
            return False
        spec[field] = wanted[1]
        return True
    if "(" in value or "(" in path or not re.fullmatch(r"(?:\.[\w-]+|\[\d+\])+", path):
        return False
    number = common.whole(plain) if re.fullmatch(r"-?\d+", plain) else None
    known: Any = {"true": True, "false": False, "null": None}.get(plain, plain) if number is None else number
    spec.setdefault("json_assertions", []).append({"path": f"${path}", "op": OPERATORS[operator], "value": known})
    return True
