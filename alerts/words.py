"""What messages say, without markup and in the language of the moment, which is that of who reads them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from alerts.rules import Kind
from common.languages import spoken
from probes.sentences import say

MOST_LISTED = 50
LINE_LENGTH = 400
_TITLES: Mapping[Kind, str] = {
    Kind.DOWN: _("DOWN: {name}"),
    Kind.UP: _("UP: {name} works again"),
    Kind.REMINDER: _("STILL DOWN: {name}"),
    Kind.DEGRADED: _("DEGRADED: {name}"),
    Kind.PARTIAL: _("PARTLY DOWN: {name}"),
    Kind.RECOVERED: _("RECOVERED: {name}"),
    Kind.CERTIFICATE: _("CERTIFICATE: {name}"),
    Kind.FLAPPING: _("FLAPPING: {name} keeps changing"),
    Kind.CALM: _("CALM: {name} has stopped flapping"),
    Kind.ACKNOWLEDGED: _("ACKNOWLEDGED: {name}"),
    Kind.REGION: _("REGION: {name} is in trouble"),
    Kind.REGION_WELL: _("REGION: {name} is well again"),
    Kind.TEST: _("TEST: this is how a message from Uptime looks"),
}
_CLOSED: Mapping[str, str] = {
    "by_hand": _("CLOSED: {name}, by hand"),
    "paused": _("CLOSED: {name}, as it was paused"),
    "calm": _("CALM: {name} works and has stopped flapping"),
}
"""The end of an incident that is not, or not only, a recovery."""

_LISTS: Mapping[Kind, str] = {
    Kind.DOWN: _("DOWN: {count} monitors"),
    Kind.UP: _("UP: {count} monitors work again"),
    Kind.REMINDER: _("STILL DOWN: {count} monitors"),
}


def title_of_many(kinds: Collection[Kind]) -> str:
    """Of a message with a list. Only quiet hours make one that tells of several kinds."""
    count = len(kinds)
    if len(set(kinds)) > 1:
        return spoken(say("WHILE IT WAS QUIET: {count} messages", count=count))
    kind = next(iter(kinds))
    if kind in _LISTS:
        return gettext(_LISTS[kind]).format(count=count)
    what = gettext(_TITLES[kind]).partition(":")[0]
    return spoken(say("{what}: {count} messages", what=what, count=count))


def title(kind: Kind, name: str, *, why: str = "") -> str:
    """One line, whatever the name holds. ``why``: what closed an incident."""
    words = _CLOSED.get(why, _TITLES[kind]) if kind is Kind.UP else _TITLES[kind]
    return _one_line(gettext(words), name)


def retold(kind: str, subject: str) -> str:
    """A title that was stored in English, in the language of the moment."""
    if kind not in set(Kind):
        return subject
    for words in (*_CLOSED.values(), _TITLES[Kind(kind)]):
        before, _hole, after = words.partition("{name}")
        if found := re.fullmatch(re.escape(before) + "(.*)" + re.escape(after), subject):
            return _one_line(gettext(words), found[1])
    return subject


def _one_line(words: str, name: str) -> str:
    return " ".join(words.replace("{name}", name).split())[:200]


def reasons(votes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """``region: what it saw``, of the regions that saw something wrong."""
    wrong = [vote for vote in votes if vote.get("outcome") in {"down", "degraded"} and not vote.get("excluded")]
    return tuple(_by_region(vote.get("region"), vote) for vote in wrong)


def causes(cause: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The same from an incident's cause, which is by region."""
    return tuple(_by_region(region, why) for region, why in sorted(cause.items()))


def _by_region(region: object, seen: Mapping[str, Any]) -> str:
    return line(f"{region}: {spoken(seen.get('message') or seen.get('reason'))}")


def line(text: str) -> str:
    """One line of a bearable length."""
    plain = " ".join(text.split())
    return plain if len(plain) <= LINE_LENGTH else plain[: LINE_LENGTH - 1] + "…"


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def fine_span(seconds: float) -> str:
    """``3 h 5 min``, ``4 min 10 s``: the two largest units that say anything. Pages round a little more."""
    left, parts = max(0, int(seconds)), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {gettext(unit)}")
    return " ".join(parts[:2]) or "0 s"


def listed(lines: Sequence[str]) -> tuple[str, ...]:
    """As many as can be read, and how many more there are."""
    more = len(lines) - MOST_LISTED
    shown = tuple(f"- {one}" for one in lines[:MOST_LISTED])
    return (*shown, spoken(say("... and {more} more", more=more))) if more > 0 else shown
