"""What a list of monitors is narrowed to, as it stands in the address of the page. Without queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from dashboard.kind_words import kind_words
from dashboard.words import STATUSES
from monitors.kinds import SPECS
from monitors.rules import MAX_TAG_LENGTH, MAX_TAGS, WORST_FIRST, Status

LONGEST_SEARCH = 200


class Query(Protocol):
    """The query of an address, as Django reads it."""

    def get(self, key: str, default: str, /) -> str: ...
    def getlist(self, key: str, /) -> list[str]: ...


class Chip(NamedTuple):
    """A filter in force, and the query of the same list without it."""

    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Filters:
    """All of them hold at once; of statuses and regions any one will do, of tags all must be there."""

    search: str = ""
    statuses: tuple[Status, ...] = ()
    kind: str = ""
    regions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    failed: bool = False
    """Something failed in the last 24 hours."""
    shadow: bool = False
    """Nobody is told of it."""

    @classmethod
    def parse(cls, query: Query) -> Self:
        """What makes no sense is left out: an address that somebody kept for a year still opens a list."""
        return cls.of(
            search=query.get("q", ""),
            statuses=query.getlist("status"),
            kind=query.get("kind", ""),
            regions=query.getlist("region"),
            tags=query.getlist("tag"),
            failed=query.get("failed", "") == "24h",
            shadow=query.get("shadow", "") == "yes",
        )

    @classmethod
    def of(
        cls,
        *,
        search: str,
        statuses: Iterable[str],
        kind: str,
        regions: Iterable[str],
        tags: Iterable[str],
        failed: bool,
        shadow: bool,
    ) -> Self:
        """In one spelling, without what cannot be."""
        wanted = set(statuses)
        return cls(
            search=_clean(search)[:LONGEST_SEARCH],
            statuses=tuple(status for status in WORST_FIRST if status in wanted),
            kind=kind if kind in SPECS else "",
            regions=_several(regions, longest=31),
            tags=_several(tags, longest=MAX_TAG_LENGTH),
            failed=failed,
            shadow=shadow,
        )

    def __bool__(self) -> bool:
        return self != Filters()

    def pairs(self) -> list[tuple[str, str]]:
        told = [("q", self.search), *(("status", str(status)) for status in self.statuses), ("kind", self.kind)]
        told += [*(("region", code) for code in self.regions), *(("tag", tag) for tag in self.tags)]
        told += [("failed", "24h" if self.failed else ""), ("shadow", "yes" if self.shadow else "")]
        return [(name, value) for name, value in told if value]

    @property
    def query(self) -> str:
        """One spelling for each list: ``?status=down&tag=shop``; empty without a filter."""
        return f"?{urlencode(pairs)}" if (pairs := self.pairs()) else ""

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the form of filters has no field of its own for."""
        return [pair for pair in self.pairs() if pair[0] == "status"]

    def with_status(self, *statuses: Status) -> str:
        """The query of the same list in other statuses."""
        return replace(self, statuses=statuses).query

    @property
    def chips(self) -> list[Chip]:
        """Every filter that is in force but the statuses, which have chips of their own."""
        chips = []
        if self.search:
            chips.append(Chip(_("“%(words)s”") % {"words": self.search}, replace(self, search="").query))
        if self.kind:
            chips.append(Chip(_("Kind: %(kind)s") % {"kind": kind_words(self.kind).name}, replace(self, kind="").query))
        chips += [
            Chip(_("Region: %(region)s") % {"region": code}, replace(self, regions=_but(code, self.regions)).query)
            for code in self.regions
        ]
        chips += [
            Chip(_("Tag: %(tag)s") % {"tag": tag}, replace(self, tags=_but(tag, self.tags)).query) for tag in self.tags
        ]
        if self.failed:
            chips.append(Chip(_("Failed in the last 24 h"), replace(self, failed=False).query))
        if self.shadow:
            chips.append(Chip(_("In shadow"), replace(self, shadow=False).query))
        return chips

    @property
    def in_words(self) -> str:
        """For a sentence: ``Down, Partly down, Tag: shop``."""
        return ", ".join([*(str(STATUSES[status]) for status in self.statuses), *(chip.words for chip in self.chips)])


def _but(one: str, several: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in several if item != one)


def _several(values: Iterable[str], *, longest: int) -> tuple[str, ...]:
    cleaned = (_clean(value) for value in values)
    return tuple(dict.fromkeys(value for value in cleaned if 0 < len(value) <= longest))[:MAX_TAGS]


def _clean(value: str) -> str:
    """PostgreSQL stores no NUL, so nothing is found by one."""
    return value.replace("\0", "").strip()
