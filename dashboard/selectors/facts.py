"""The certificates of a monitor's site, and when these, its redirects, its addresses or its content became others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from checks.facts import ADDRESSES, CERTIFICATE, CONTENT, REDIRECTS, moment
from checks.models import Fact
from dashboard.words import NOTHING, span, thousands
from monitors.models import Monitor

MOST_READ, MOST_SHOWN = 500, 40
SOON_S = 14 * 86_400


@dataclass(frozen=True)
class Certificate:
    """What some regions see at present."""

    about: dict[str, Any]
    regions: list[str]
    since: datetime
    left_s: float | None

    @property
    def not_before(self) -> datetime | None:
        return moment(self.about.get("not_before"))

    @property
    def not_after(self) -> datetime | None:
        return moment(self.about.get("not_after"))

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.about.get("names") or []]

    @property
    def chain(self) -> list[dict[str, Any]]:
        return [link for link in self.about.get("chain") or [] if isinstance(link, dict)]

    @property
    def mark(self) -> str:
        if self.left_s is None:
            return "unknown"
        return "down" if self.left_s <= 0 else "degraded" if self.left_s < SOON_S else "up"

    @property
    def left(self) -> str:
        if self.left_s is None:
            return _("It is not known how long it is valid.")
        told = {"length": span(abs(self.left_s))}
        return _("Expired %(length)s ago") % told if self.left_s <= 0 else _("Valid for %(length)s more") % told


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that became another; ``before`` is empty where it was seen for the first time."""

    at: datetime
    region: str
    title: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True)
class Facts:
    certificates: list[Certificate]
    changes: list[Change]


def facts_of(monitor: Monitor, *, now: datetime) -> Facts:
    """In one query: what is kept is bounded (``checks.services.facts.KEPT``)."""
    found = Fact.objects.filter(monitor=monitor).order_by("-since", "region", "kind")[:MOST_READ]
    series: dict[tuple[str, str], list[Fact]] = {}
    for fact in found:
        series.setdefault((fact.region, fact.kind), []).append(fact)
    changes = [_change(new, old) for own in series.values() for new, old in zip(own, [*own[1:], None], strict=True)]
    present = [own[0] for (region, kind), own in series.items() if kind == CERTIFICATE and region in monitor.voters]
    newest = sorted(changes, key=lambda change: change.at, reverse=True)
    return Facts(_certificates(present, now=now), newest[:MOST_SHOWN])


def _certificates(present: list[Fact], *, now: datetime) -> list[Certificate]:
    """The same one seen by several regions is told once."""

    def fingerprint(fact: Fact) -> str:
        return str(fact.value.get("fingerprint"))

    grouped = [list(same) for _key, same in groupby(sorted(present, key=fingerprint), key=fingerprint)]
    found = []
    for same in grouped:
        ends = moment(same[0].value.get("not_after"))
        left_s = (ends - now).total_seconds() if ends else None
        since = min(fact.since for fact in same)
        found.append(Certificate(same[0].value, [fact.region for fact in same], since, left_s))
    return sorted(found, key=lambda each: each.left_s or 0.0)


def _change(new: Fact, old: Fact | None) -> Change:
    titles = {
        CERTIFICATE: _("Certificate"),
        REDIRECTS: _("Redirects"),
        ADDRESSES: _("Addresses"),
        CONTENT: _("Content"),
    }
    title = titles.get(new.kind, new.kind)
    return Change(new.since, new.region, title, _lines(new.kind, old.value) if old else [], _lines(new.kind, new.value))


def _lines(kind: str, value: Any) -> list[str]:
    """A fact in a few lines."""
    if kind == CERTIFICATE:
        told = {"subject": value.get("subject") or NOTHING, "issuer": value.get("issuer") or NOTHING}
        ends = moment(value.get("not_after"))
        lines = [_("%(subject)s, by %(issuer)s") % told]
        return lines + ([_("valid until %(end)s") % {"end": date_format(ends, _("j M Y"))}] if ends else [])
    if kind == REDIRECTS:
        return [f"{hop.get('status') or ''} → {hop.get('location')}".strip() for hop in value] or [_("none")]
    if kind == CONTENT:
        size = value.get("bytes")
        told = {"mark": str(value.get("sha256"))[:12], "size": thousands(size) if isinstance(size, int) else NOTHING}
        return [_("SHA-256 %(mark)s…, %(size)s bytes") % told]
    return [", ".join(map(str, value))]
