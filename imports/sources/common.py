"""What the sources share: reading loosely typed values, and saying in words what is lost."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from imports.plain import Export, Found, LeftOut, Unreadable
from probes.sentences import say

LONGEST_NAME = 200
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_GO_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|[smhdwy])")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SECONDS |= {"w": 604_800, "y": 31_536_000}


def text(value: Any) -> str:
    """As one line would show it; empty for nothing."""
    return "" if value is None or isinstance(value, dict | list) else " ".join(str(value).split())


def name_of(*values: Any) -> str:
    return next((found for value in values if (found := text(value))), "")[:LONGEST_NAME]


def whole(value: Any) -> int | None:
    try:
        return int(float(value)) if not isinstance(value, bool) and abs(float(value)) < 1e12 else None
    except (TypeError, ValueError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def rows(data: Any, *names: str, tool: str) -> Iterator[Mapping[str, Any]]:
    """The list that stands under the first of these names, or is the file itself."""
    found = data if isinstance(data, list) else next((data[n] for n in names if n in mapping(data)), None)
    if not isinstance(found, list):
        raise Unreadable(
            say(
                "This does not look like an export of {tool}: there is no list {names}.",
                tool=tool,
                names=repr(names[0]),
            )
        )
    return (row for row in found if isinstance(row, dict))


def span_s(value: Any) -> int | None:
    """Seconds of a span as Go and Prometheus write it: ``1m30s``, ``60s``; of a bare number, seconds."""
    words = text(value)
    parts = _GO_SPAN.findall(words)
    if not words or "".join(number + unit for number, unit in parts) != words:
        return whole(value)
    return max(1, round(sum(float(number) * _SECONDS[unit] for number, unit in parts)))


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601 or as seconds since 1970; without a zone it is UTC."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def basic_auth(user: Any, password: Any) -> dict[str, str]:
    if not text(user):
        return {}
    token = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def headers_of(value: Any) -> dict[str, str]:
    """Of an object, or of a list of objects with name and value."""
    if isinstance(value, list):
        value = {text(mapping(one).get("name")): mapping(one).get("value") for one in value}
    return {text(name): text(content) for name, content in mapping(value).items() if text(name) and text(content)}


def host_and_port(value: Any, port: Any = None) -> tuple[str, int | None]:
    """Of ``host``, ``host:port`` or an address with a scheme; a port of its own comes first."""
    words = text(value)
    try:
        parts = urlsplit(words if "://" in words else f"//{words}")
        return parts.hostname or "", whole(port) or parts.port
    except ValueError:
        return words, whole(port)


def tags_of(*values: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that fit, and words on those that do not."""
    wanted = list(dict.fromkeys(found for value in values if (found := text(value))))
    kept = [tag for tag in wanted if len(tag) <= 40][:20]
    lost = [tag[:60] for tag in wanted if tag not in kept]
    return tuple(kept), (say("tags that are too long or too many: {names}", names=", ".join(lost[:5])),) if lost else ()


def http_spec(url: Any, **parts: Any) -> dict[str, Any]:
    """The spec without what is empty, so that our own usual values hold there."""
    return {"url": text(url)} | {name: value for name, value in parts.items() if value not in (None, "", {}, [])}


Made = tuple[str, dict[str, Any], list[str]]
"""A kind and a spec of ours, and words on what is lost."""


def found_as(
    made: Made,
    *,
    foreign_id: str,
    name: str,
    interval: Any,
    timeout: Any,
    paused: bool,
    tags: Iterable[Any] = (),
    policy: Mapping[str, Any] | None = None,
    losses: Iterable[str] = (),
) -> Found:
    """Of a job that reports, its schedule says all: there is no interval, no timeout and nothing to confirm."""
    kind, spec, lost = made
    kept, lost_tags = tags_of(*tags)
    passive = kind == "heartbeat"
    return Found(
        foreign_id=foreign_id,
        name=name,
        kind=kind,
        spec=spec,
        interval=None if passive else whole(interval),
        timeout=None if passive else whole(timeout) or None,
        tags=kept,
        paused=paused,
        policy={} if passive or policy is None else policy,
        losses=(*lost, *lost_tags, *losses),
    )


def gather(found: Iterable[Found | LeftOut], *, losses: Iterable[str] = (), channels: Iterable[str] = ()) -> Export:
    everything = list(found)
    return Export(
        monitors=tuple(one for one in everything if isinstance(one, Found)),
        left_out=tuple(one for one in everything if isinstance(one, LeftOut)),
        losses=tuple(dict.fromkeys(losses)),
        channels=tuple(dict.fromkeys(channels)),
    )


def no_counterpart(tool: str, kind: Any) -> str:
    return say(
        "{tool}'s kind {kind} has no counterpart here",
        tool=tool,
        kind=repr(text(kind)[:40]) if text(kind) else say("without a name"),
    )
