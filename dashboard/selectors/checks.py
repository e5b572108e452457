"""The checks of one monitor: the list, the page of one, and what is exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from checks.models import CheckEvidence, CheckResult
from checks.selectors.results import EARLIEST, LATEST, Wanted, newest_results
from common.clock import iso, read_moment
from common.paging import cut_page, read_cursor
from dashboard.pictures import PHASES
from dashboard.selectors.evidence import Evidence, evidence_from
from dashboard.selectors.periods import TO_THE_SECOND, on_own_clocks, typed_moment
from monitors.models import Monitor
from monitors.rules import REGION_CODE, Status
from probes.contract import Outcome

PAGE_SIZE = 50
OUTCOMES = (*Outcome, Status.MAINTENANCE)
"""What a stored result may say; during planned work that does not count it says that alone."""

JUST_BEFORE = timedelta(microseconds=1)


def is_code(text: str) -> bool:
    """Whether a region may be called so: nothing else is looked for."""
    return REGION_CODE.fullmatch(text) is not None


class Addresses:
    """The pages of many checks: Django is asked once for each monitor and region, since that takes its time."""

    def __init__(self) -> None:
        self._first_parts: dict[tuple[UUID, str], str] = {}

    def of(self, result: CheckResult) -> str:
        whose = result.monitor_id, result.region
        if whose not in self._first_parts:
            self._first_parts[whose] = reverse("check", args=[*whose, 0]).removesuffix("0/")
        return f"{self._first_parts[whose]}{int(result.slot.timestamp())}/"


def address_of(result: CheckResult) -> str:
    """The page of one check."""
    return Addresses().of(result)


@dataclass(frozen=True)
class Filters:
    """What the list shows, as the address says it; ``problems`` by field, which then filters nothing."""

    region: str
    outcome: str
    since: datetime | None
    until: datetime | None
    cursor: str
    asked: Mapping[str, str]
    problems: dict[str, str]

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """``?region= &outcome= &from= &to= &cursor=``; times are as ``read_moment`` has them, ``to`` is exclusive."""
        asked = {name: query.get(name, "").strip()[:40] for name in ("region", "outcome", "from", "to")}
        moments = {name: typed_moment(asked[name]) for name in ("from", "to")}
        problems = {
            name: _("must be a time like 2026-01-31T12:00")
            for name, moment in moments.items()
            if asked[name] and moment is None
        }
        if asked["outcome"] and asked["outcome"] not in OUTCOMES:
            problems["outcome"] = _("is no such result")
        if asked["region"] and not is_code(asked["region"]):
            problems["region"] = _("is no code of a region")
        region, outcome = ("" if name in problems else asked[name] for name in ("region", "outcome"))
        cursor = query.get("cursor", "")[:200]
        return cls(region, outcome, moments["from"], moments["to"], cursor, asked, problems)

    @property
    def wanted(self) -> Wanted:
        """Raises ``ValidationError`` for a cursor that is none of this list."""
        wanted = Wanted(
            region=self.region,
            outcome=self.outcome,
            since=self.since or EARLIEST,
            until=self.until - JUST_BEFORE if self.until else LATEST,
        )
        if not self.cursor:
            return wanted
        slot, region = read_cursor(self.cursor, parts=2)
        moment = read_moment(slot, zone=UTC)
        if moment is None or not is_code(region):
            raise ValidationError({"cursor": ["is not a cursor of this list"]})
        return replace(wanted, after=(moment, region))

    @property
    def typed_since(self) -> str:
        return on_own_clocks(self.since, TO_THE_SECOND) if self.since else self.asked["from"]

    @property
    def typed_until(self) -> str:
        return on_own_clocks(self.until, TO_THE_SECOND) if self.until else self.asked["to"]

    @property
    def any(self) -> bool:
        return any(self.asked.values())

    @property
    def query(self) -> str:
        """The same filters in another address, without the place in the list."""
        return urlencode({name: text for name, text in self.asked.items() if text and name not in self.problems})


@dataclass(frozen=True)
class CheckList:
    filters: Filters
    checks: list[CheckResult]
    next: str | None
    """The cursor of the next page."""


def check_list(monitor: Monitor, filters: Filters) -> CheckList:
    """A page of the checks, newest first; a cursor that is none begins at the beginning."""
    try:
        wanted = filters.wanted
    except ValidationError:
        filters = replace(filters, cursor="")
        wanted = filters.wanted
    found = newest_results(monitor, wanted, limit=PAGE_SIZE + 1)
    page, more = cut_page(found, PAGE_SIZE, key=lambda result: (result.slot, result.region))
    return CheckList(filters, page, more)


# --- one check ---


@dataclass(frozen=True, slots=True)
class Lane:
    """One phase in the waterfall, milliseconds from the beginning of the check."""

    key: str
    name: str
    hop: str
    """Of which redirect; empty for the last request."""
    start_ms: float
    took_ms: float


@dataclass(frozen=True)
class CheckPage:
    result: CheckResult
    evidence: Evidence
    lanes: list[Lane]
    older: CheckResult | None
    newer: CheckResult | None

    @property
    def scale_ms(self) -> float:
        """The width of the waterfall."""
        return max([self.result.total_ms or 0.0, *(lane.start_ms + lane.took_ms for lane in self.lanes)])


def check_page(monitor: Monitor, *, region: str, slot: datetime) -> CheckPage | None:
    """None when there is no such check, or not any more."""
    own = CheckResult.objects.filter(monitor=monitor, region=region)
    result = own.filter(slot=slot).first()
    if result is None:
        return None
    kept = CheckEvidence.objects.filter(monitor=monitor, region=region, slot=slot).first()
    older = own.filter(slot__lt=slot).order_by("-slot")
    good = older.filter(outcome=Outcome.UP).first() if result.reason else None
    evidence = evidence_from(
        region=region,
        reason=result.reason,
        message=result.message,
        at=result.slot,
        result=result,
        good=good,
        kept=kept.seen if kept else None,
    )
    return CheckPage(
        result=result,
        evidence=evidence,
        lanes=lanes(result, evidence.redirects),
        older=older.first(),
        newer=own.filter(slot__gt=slot).order_by("slot").first(),
    )


LONGEST_MS = 1_000_000_000
"""No phase takes so long; what says so is wrong."""


def lanes(result: CheckResult, redirects: list[dict[str, Any]]) -> list[Lane]:
    """Each phase begins where the one before ended. Of a check that passed, redirects are known as one time only."""
    found: list[Lane] = []
    start = 0.0
    for number, hop in enumerate(redirects, 1):
        timings = hop.get("timings_ms") if isinstance(hop, dict) else None
        start = _add_lanes(found, timings, start, hop=_("Redirect %(number)d") % {"number": number})
    last = sum(_length(result.timings_ms.get(phase)) for phase in PHASES)
    before = _length(result.total_ms) - last - start
    if not redirects and before >= 1:
        found.append(Lane("redirects", _("Before the last request"), "", 0.0, before))
        start = before
    _add_lanes(found, result.timings_ms, start, hop=_("Last request") if redirects else "")
    return found


def _add_lanes(found: list[Lane], timings: object, start: float, *, hop: str) -> float:
    for key, name in PHASES.items():
        took = timings.get(key) if isinstance(timings, dict) else None
        if took is not None:
            found.append(Lane(key, name, hop, start, _length(took)))
            start += _length(took)
    return start


def _length(value: object) -> float:
    """What a region says it took; nothing where that could not be."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_MS
    return float(value) if known else 0.0  # type: ignore[arg-type]


def first_two(monitor: Monitor, wanted: Wanted) -> list[CheckResult]:
    """Of a step of the chart: one check alone is the one that was meant."""
    return newest_results(monitor, wanted, limit=2)


# --- export ---

MOST_EXPORTED = 250_000
EXPORT_PAGE = 2_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""

COLUMNS = (
    *("slot", "region", "outcome", "reason", "message", "http_status", "remote_ip", "body_bytes", "attempts", "slots"),
    *("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "download_ms", "total_ms", "checked_at"),
)


def is_too_much(monitor: Monitor, wanted: Wanted) -> bool:
    """Whether there is more than one export takes: it is refused then, rather than cut."""
    found = CheckResult.objects.filter(monitor=monitor, slot__gte=wanted.since, slot__lte=wanted.until)
    if wanted.region:
        found = found.filter(region=wanted.region)
    if wanted.outcome:
        found = found.filter(outcome=wanted.outcome)
    return found.order_by()[: MOST_EXPORTED + 1].count() > MOST_EXPORTED


def exported(monitor: Monitor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The checks, newest first, read a page at a time, so that it takes no memory however many there are."""
    while True:
        page = newest_results(monitor, wanted, limit=EXPORT_PAGE)
        for result in page:
            yield {name: _plain(getattr(result, name)) for name in COLUMNS}
        if len(page) < EXPORT_PAGE:
            return
        wanted = replace(wanted, after=(page[-1].slot, page[-1].region))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return round(value, 3) if isinstance(value, float) else value


def cell(value: Any) -> Any:
    """For CSV: a text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
