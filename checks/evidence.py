"""What is kept of a check that did not simply pass: in the shapes that pages expect, and no more than may be. Pure.

It comes from a region, which may be stolen: nothing in it need be what our own workers send.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_HOPS, MOST_ANSWERS, MOST_HEADERS = 50, 200, 200


def bounded(*, seen: object, redirects: object, certificate: object, most_bytes: int) -> dict[str, Any]:
    """The evidence as it is stored: ``{"seen": {"dns", "headers", "body"}, "redirects": [...], "certificate": {...}}``.

    What has another shape is left out without a word. Where the whole is larger than ``most_bytes`` of JSON the largest
    parts go, and ``left_out`` names them.
    """
    parts = {
        "dns": _texts(_of(seen, "dns")),
        "headers": _headers(_of(seen, "headers")),
        "body": _text(_of(seen, "body")),
        "redirects": [hop for hop in _list(redirects)[:MOST_HOPS] if isinstance(hop, dict)],
        "certificate": certificate if isinstance(certificate, dict) else {},
    }
    sizes = {name: _size(part) for name, part in parts.items() if part}
    left_out: list[str] = []
    while sizes and sum(sizes.values()) > most_bytes:
        largest = max(sizes, key=sizes.__getitem__)
        left_out.append(largest)
        del sizes[largest]
    kept = {name: parts[name] for name in sizes}
    return {
        "seen": {name: kept[name] for name in ("dns", "headers", "body") if name in kept},
        "redirects": kept.get("redirects", []),
        "certificate": kept.get("certificate"),
        **({"left_out": left_out} if left_out else {}),
    }


def _of(seen: object, name: str) -> object:
    return seen.get(name) if isinstance(seen, Mapping) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [item for item in _list(value)[:MOST_ANSWERS] if isinstance(item, str)]


def _headers(value: object) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in list(pairs)[:MOST_HEADERS] if isinstance(text, str)}


def _size(part: object) -> float:
    """In bytes of JSON; endless for what JSON in PostgreSQL cannot keep, as numbers that are none."""
    try:
        return len(json.dumps(part, allow_nan=False))
    except (ValueError, RecursionError):
        return float("inf")
