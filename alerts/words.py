"""What messages say, in plain English and without markup. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from alerts.rules import Kind

MOST_LISTED = 50
LINE_LENGTH = 400
_TITLES: Mapping[Kind, str] = {
    Kind.DOWN: "DOWN: {name}",
    Kind.UP: "UP: {name} works again",
    Kind.REMINDER: "STILL DOWN: {name}",
    Kind.DEGRADED: "DEGRADED: {name}",
    Kind.PARTIAL: "PARTLY DOWN: {name}",
    Kind.RECOVERED: "RECOVERED: {name}",
    Kind.CERTIFICATE: "CERTIFICATE: {name}",
    Kind.FLAPPING: "FLAPPING: {name} keeps changing",
    Kind.CALM: "CALM: {name} has stopped flapping",
    Kind.ACKNOWLEDGED: "ACKNOWLEDGED: {name}",
    Kind.REGION: "REGION: {name} is in trouble",
    Kind.REGION_WELL: "REGION: {name} is well again",
    Kind.TEST: "TEST: this is how a message from Uptime looks",
}
_CLOSED: Mapping[str, str] = {
    "by_hand": "CLOSED: {name}, by hand",
    "paused": "CLOSED: {name}, as it was paused",
    "calm": "CALM: {name} works and has stopped flapping",
}
"""The end of an incident that is not, or not only, a recovery."""

_LISTS: Mapping[Kind, str] = {
    Kind.DOWN: "DOWN: {count} monitors",
    Kind.UP: "UP: {count} monitors work again",
    Kind.REMINDER: "STILL DOWN: {count} monitors",
}


def title_of_many(kinds: Collection[Kind]) -> str:
    """Of a message with a list. Only quiet hours make one that tells of several kinds."""
    if len(set(kinds)) > 1:
        return f"WHILE IT WAS QUIET: {len(kinds)} messages"
    kind = next(iter(kinds))
    return _LISTS.get(kind, f"{kind.upper()}: {{count}} messages").replace("{count}", str(len(kinds)))


def title(kind: Kind, name: str, *, why: str = "") -> str:
    """One line, whatever the name holds. ``why``: what closed an incident."""
    words = _CLOSED.get(why, _TITLES[kind]) if kind is Kind.UP else _TITLES[kind]
    return " ".join(words.replace("{name}", name).split())[:200]


def reasons(votes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """``region: what it saw``, of the regions that saw something wrong."""
    wrong = [vote for vote in votes if vote.get("outcome") in {"down", "degraded"} and not vote.get("excluded")]
    return tuple(line(f"{vote.get('region')}: {vote.get('message') or vote.get('reason')}") for vote in wrong)


def causes(cause: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The same from an incident's cause, which is by region."""
    return tuple(line(f"{region}: {why.get('message') or why.get('reason')}") for region, why in sorted(cause.items()))


def line(text: str) -> str:
    """One line of a bearable length."""
    plain = " ".join(text.split())
    return plain if len(plain) <= LINE_LENGTH else plain[: LINE_LENGTH - 1] + "…"


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """``3 h 5 min``: the two largest units that say anything."""
    left, parts = max(0, int(seconds)), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def listed(lines: Sequence[str]) -> tuple[str, ...]:
    """As many as can be read, and how many more there are."""
    more = len(lines) - MOST_LISTED
    shown = tuple(f"- {one}" for one in lines[:MOST_LISTED])
    return (*shown, f"... and {more} more") if more > 0 else shown
