"""What stays true of a site for long and then changes: its certificate, redirects, addresses, content. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from probes.contract import Outcome

KINDS = CERTIFICATE, REDIRECTS, ADDRESSES, CONTENT = "certificate", "redirects", "addresses", "content"
SETTLE = timedelta(minutes=10)
"""A fact is written down at most this often: two certificates behind one name would make a row of every check."""

MOST_HOPS, MOST_ADDRESSES, MOST_NAMES, MOST_LINKS = 20, 64, 100, 10
LONGEST = 500

OF_CERTIFICATE = ("subject", "issuer", "serial", "not_before", "not_after", "fingerprint", "protocol")
OF_LINK = ("subject", "issuer", "not_after", "fingerprint")

SHORT = 2**60 - 1
"""Python keeps a number of up to 60 bits in 32 bytes, a longer one in 48; there is one for each monitor."""

Facts = dict[str, Any]
"""By kind: a certificate as an object, redirects as a list of objects, addresses as a list of texts, content as an
object of a hash and a size."""


def mark_of(item: Mapping[str, Any]) -> int | None:
    """A number that changes when a fact may have changed; None for a result without facts. Computed for every result.

    Raises ``TypeError`` or ``AttributeError`` for what no worker of ours has sent.
    """
    certificate, redirects, addresses = item.get("certificate"), item.get("redirects"), item.get("addresses")
    content = item.get("content")
    if not (certificate or redirects or addresses or content):
        return None
    fingerprint = certificate.get("fingerprint") if certificate else None
    targets = tuple([hop.get("location") for hop in redirects]) if redirects else ()
    return hash((fingerprint, targets, frozenset(addresses or ()), content, item.get("outcome"))) & SHORT


def read(item: Mapping[str, Any]) -> Facts:
    """The facts in a result as it came, cut to what may be kept."""
    facts: Facts = {}
    certificate, addresses = item.get("certificate"), item.get("addresses")
    if certificate:
        facts[CERTIFICATE] = _certificate(certificate)
    if addresses:
        facts[ADDRESSES] = sorted({_text(address) for address in addresses[:MOST_ADDRESSES]})
    if item.get("outcome") in (Outcome.UP, Outcome.DEGRADED):  # a failure may have broken off on the way
        hops = (item.get("redirects") or [])[:MOST_HOPS]
        facts[REDIRECTS] = [
            {"status": _number(hop.get("status")), "location": _text(hop.get("location"))} for hop in hops
        ]
        if item.get("content"):
            size = item.get("body_bytes")
            facts[CONTENT] = {"sha256": _text(item["content"]), "bytes": size if type(size) is int else None}
    return facts


def _certificate(about: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: _text(about.get(name)) for name in OF_CERTIFICATE}
    kept["names"] = [_text(name) for name in (about.get("names") or [])[:MOST_NAMES]]
    links = (about.get("chain") or [])[:MOST_LINKS]
    kept["chain"] = [{name: _text(link.get(name)) for name in OF_LINK} for link in links]
    return kept


def _text(value: object) -> str:
    """Without what JSON can say and PostgreSQL cannot keep."""
    if value is None:
        return ""
    return str(value)[:LONGEST].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= 999 else None


def news(kind: str, known: Any, seen: Any) -> Any:
    """What to write down; None where nothing is new. ``known`` is None while nothing of the kind was written.

    A name that answers with some of its addresses at a time has the same ones still: they are added up until an answer
    has none of them.
    """
    if kind == ADDRESSES and known:
        if set(seen) <= set(known):
            return None
        return seen if set(seen).isdisjoint(known) else sorted({*known, *seen})[:MOST_ADDRESSES]
    if kind == CERTIFICATE and known:
        return seen if seen["fingerprint"] != known.get("fingerprint") else None
    if kind == REDIRECTS and known is None:
        return seen or None  # most sites have none, and a row would say so
    return seen if seen != known else None


def moment(text: Any) -> datetime | None:
    """A time as a fact keeps it; None for what is none, or does not say in which zone."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def may_write(last: datetime | None, slot: datetime) -> bool:
    """Late results tell nothing of the present, and what changes all the time is not followed."""
    return last is None or slot >= last + SETTLE
