"""Which part of the past a page shows: the last so many hours or days, or from one moment to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from common import clock as clocks
from common.spans import Span
from dashboard.words import Words, clock

NAMES: Mapping[Span, str] = Words(
    {
        Span.HOUR: gettext_noop("1 hour"),
        Span.DAY: gettext_noop("24 hours"),
        Span.WEEK: gettext_noop("7 days"),
        Span.MONTH: gettext_noop("30 days"),
        Span.QUARTER: gettext_noop("90 days"),
        Span.YEAR: gettext_noop("1 year"),
    }
)
LAST: Mapping[Span, str] = Words(
    {
        Span.HOUR: gettext_noop("in the last hour"),
        Span.DAY: gettext_noop("in the last 24 hours"),
        Span.WEEK: gettext_noop("in the last 7 days"),
        Span.MONTH: gettext_noop("in the last 30 days"),
        Span.QUARTER: gettext_noop("in the last 90 days"),
        Span.YEAR: gettext_noop("in the last year"),
    }
)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)
TO_THE_MINUTE, TO_THE_SECOND = "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"
"""As ``<input type="datetime-local">`` writes it."""


@dataclass(frozen=True)
class Period:
    """``until`` is the first moment that is not part of it. ``range`` is None where both ends were chosen."""

    since: datetime
    until: datetime
    range: Span | None
    problems: dict[str, str] = field(default_factory=dict)
    """What was asked for and could not be, by field; then the usual period is shown."""
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def length_s(self) -> int:
        return int((self.until - self.since).total_seconds())

    @property
    def words(self) -> str:
        if self.range:
            return LAST[self.range]
        return _("from %(since)s to %(until)s") % {
            "since": clock(timezone.localtime(self.since)),
            "until": clock(timezone.localtime(self.until)),
        }

    @property
    def query(self) -> str:
        """The part of an address that means this period."""
        if self.range:
            return urlencode({"range": self.range.value})
        return urlencode({"from": in_address(self.since), "to": in_address(self.until)})

    @property
    def typed_since(self) -> str:
        return self.asked.get("from") or on_own_clocks(self.since, TO_THE_MINUTE)

    @property
    def typed_until(self) -> str:
        return self.asked.get("to") or on_own_clocks(self.until, TO_THE_MINUTE)


def name_of(span: str) -> str:
    """``24 hours``, for ``24h``."""
    return NAMES[Span(span)]


def period_of(query: Mapping[str, str], *, now: datetime, usual: Span = Span.HOUR) -> Period:
    """``?range=7d``, or ``?from=2026-01-31T12:00&to=2026-02-01T00:00``, where either end may be left out."""
    asked = {name: query.get(name, "").strip()[:40] for name in ("from", "to")}
    if any(asked.values()):
        return _chosen(asked, now=now, usual=usual)
    text = query.get("range", "")
    return _last(Span(text) if text in set(Span) else usual, now=now)


def _last(chosen: Span, *, now: datetime, **about: Mapping[str, str]) -> Period:
    return Period(now - chosen.length, now, chosen, **about)  # type: ignore[arg-type]


def _chosen(asked: Mapping[str, str], *, now: datetime, usual: Span) -> Period:
    problems = {
        name: _("must be a time like 2026-01-31T12:00")
        for name, text in asked.items()
        if text and typed_moment(text) is None
    }
    until = typed_moment(asked["to"]) or now
    since = typed_moment(asked["from"]) or until - usual.length
    if not problems and until - since < SHORTEST:
        problems["to"] = _("must be after the beginning")
    if not problems and until - since > LONGEST:
        problems["from"] = _("lies more than a year before the end")
    if problems:
        return _last(usual, now=now, problems=problems, asked=asked)
    return Period(since, until, None)


def on_own_clocks(moment: datetime, form: str) -> str:
    """For a field that a time is typed into; whose clocks they are stands beside it."""
    return f"{timezone.localtime(moment):{form}}"


def in_address(moment: datetime) -> str:
    """The same moment for whoever follows the link: an address names the zone."""
    return f"{moment.astimezone(UTC):{TO_THE_SECOND}}Z"


def typed_moment(text: str) -> datetime | None:
    """By the clocks of whoever asks (a program's are UTC) where no zone is named; None for what is no time, or one at
    which nothing can have been checked."""
    moment = clocks.read_moment(text, zone=timezone.get_current_timezone())
    return None if moment in {clocks.FIRST, clocks.LAST} else moment
