"""The past of a monitor under another policy: stored results go through the rules again, twice side by side.

Nothing is written. The work is bounded: results are read six hours at a time, each is looked at once, and after
``TIME_LIMIT_S`` the answer is a request for fewer days.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from checks.models import CheckResult
from common.clock import database_now
from drills.comparison import Difference, Effect, Outage, Recorded, compare, differences
from incidents.models import Incident, IncidentEvent, RegionTrouble, StatusChange
from incidents.rules import REGION_OFFLINE, Observation
from incidents.rules.replay import Absence, Arrival, Replay, Telling, Work
from incidents.selectors import opening_of
from monitors.models import Monitor, RegionEvent
from monitors.rules import Policy, Status
from monitors.selectors import region_codes
from probes.contract import InvalidSpec, Outcome, Reason
from probes.findings import outcome_of
from probes.sentences import say

PAGE = timedelta(hours=6)
LEAD = timedelta(hours=1)
"""So long before the span, at least, the story begins, so that the votes at its beginning are known."""

OUT_OF_ORDER = timedelta(minutes=2)
"""How far ahead of its slot a check may come home. Later than its slot it may be as late as it likes."""

TIME_LIMIT_S = 15.0
LOOK_AT_CLOCK_EVERY = 5_000

LIMITS = (
    say("Retries happen inside a check, so another number of them cannot be replayed."),
    say(
        "More confirmations would have been asked for at once; here they come with the stored checks, so "
        "they seem slower."
    ),
    say("Regions and interval are taken as they are now; when a region was out and when work was planned is known."),
)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of it. ``present`` is the replay of the policy in force, which the proposed one is compared with."""

    since: datetime
    until: datetime
    results: int
    first_result_at: datetime | None
    recorded: list[Outage]
    present: list[Outage]
    proposed: list[Outage]
    differences: list[Difference]
    effects: list[Effect]


def run(monitor: Monitor, *, policy: dict[str, Any], days: int) -> Backtest:
    """Replay the last days under the present and a proposed policy; raises ``ValidationError`` with the field."""
    if monitor.is_passive:
        raise ValidationError(
            {"monitor": [say("a heartbeat is judged by what its job says, not by regions that agree")]}
        )
    if not 1 <= days <= settings.RETENTION_DAYS:
        raise ValidationError(
            {
                "days": [
                    say(
                        "must be from 1 to {most}, as results are kept so long",
                        most=settings.RETENTION_DAYS,
                    )
                ]
            }
        )
    try:
        proposed = Policy.parse(policy)
    except InvalidSpec as error:
        raise ValidationError({"policy": [str(error)]}) from error
    until = database_now()
    since = max(until - timedelta(days=days), monitor.created_at)
    past = _Past(monitor, since=since, until=until)
    return past.compare(monitor.rules, proposed)


class _Past:
    """A monitor's stored past in a span, and what was recorded then."""

    def __init__(self, monitor: Monitor, *, since: datetime, until: datetime) -> None:
        self.monitor, self.since, self.until = monitor, since, until
        self.incidents = _incidents(monitor, since=since, until=until)
        starts = [incident.started_at for incident in self.incidents]
        lead = max(LEAD, 2 * monitor.stale_after, timedelta(seconds=monitor.rules.flapping_s))
        self.began = max(min([since, *starts]) - lead, monitor.created_at)
        self.results = 0
        self.first_result_at: datetime | None = None

    def compare(self, present: Policy, proposed: Policy) -> Backtest:
        tellings = [self._telling(policy) for policy in (present, proposed)]
        deadline = time.monotonic() + TIME_LIMIT_S
        for arrival in in_order(self._arrivals()):
            if self.results % LOOK_AT_CLOCK_EVERY == 0 and time.monotonic() > deadline:
                raise ValidationError(
                    {
                        "days": [
                            say(
                                "are too many to replay in {most} s: ask for fewer",
                                most=f"{TIME_LIMIT_S:.0f}",
                            )
                        ]
                    }
                )
            for telling in tellings:
                telling.hear(arrival)
        for telling in tellings:
            telling.wait(until=self.until)
        replayed, other = (
            self._in_span(Outage.of(raised, policy) for raised in telling.story.incidents)
            for telling, policy in zip(tellings, (present, proposed), strict=True)
        )
        recorded = [_recorded(incident, present, self.first_result_at) for incident in self.incidents]
        return Backtest(
            since=self.since,
            until=self.until,
            results=self.results,
            first_result_at=self.first_result_at,
            recorded=[each.outage for each in recorded],
            present=replayed,
            proposed=other,
            differences=differences(recorded, replayed),
            effects=compare(replayed, other),
        )

    def _telling(self, policy: Policy) -> Telling:
        monitor = self.monitor
        freshness = timedelta(seconds=(policy.freshness - monitor.rules.freshness) * monitor.interval)
        story = Replay(
            policy,
            monitor.assigned(region_codes()),
            monitor.stale_after + freshness,
            self.began,
            absences=_absences(monitor, since=self.began),
            works=_works(monitor, since=self.began),
        )
        return Telling(story)

    def _in_span(self, outages: Iterable[Outage]) -> list[Outage]:
        return [each for each in outages if each.resolved_at is None or each.resolved_at >= self.since]

    def _arrivals(self) -> Iterator[tuple[datetime, Arrival]]:
        """Slots and what came of them, in the order of the slots."""
        start = self.began
        while start < self.until:
            end = min(start + PAGE, self.until)
            page = CheckResult.objects.filter(monitor=self.monitor, slot__gte=start, slot__lt=end)
            # What nobody checked was written down later, and was no word on anything.
            page = page.exclude(reason=Reason.SCHEDULER_GAP.value).order_by("slot", "region")
            rows = page.values_list("region", "slot", "late_ms", "total_ms", "outcome", "reason", "message")
            for region, slot, late_ms, total_ms, outcome, reason, message in rows:
                self.results += 1
                self.first_result_at = self.first_result_at or slot
                at = slot + timedelta(milliseconds=late_ms + (total_ms or 0))
                why = Reason(reason) if reason else None
                yield slot, Arrival(at, Observation(region, slot, _outcome(outcome, why), why, message))
            start = end


def _outcome(stored: str, reason: Reason | None) -> Outcome:
    """What was found; during planned work the row's reason alone says it."""
    if stored != Status.MAINTENANCE:
        return Outcome(stored)
    return outcome_of(reason) if reason else Outcome.UP


def in_order(arrivals: Iterable[tuple[datetime, Arrival]]) -> Iterator[Arrival]:
    """By the time at which they came home, from slots in order, holding only what may still be overtaken."""
    waiting: list[tuple[datetime, int, Arrival]] = []
    for number, (slot, arrival) in enumerate(arrivals):
        while waiting and waiting[0][0] < slot - OUT_OF_ORDER:
            yield heappop(waiting)[2]
        heappush(waiting, (arrival.at, number, arrival))
    while waiting:
        yield heappop(waiting)[2]


def _incidents(monitor: Monitor, *, since: datetime, until: datetime) -> list[Incident]:
    found = Incident.objects.filter(monitor=monitor, confirmed_at__lte=until).exclude(resolved_at__lt=since)
    return list(found.order_by("confirmed_at"))


def _recorded(incident: Incident, present: Policy, first_result_at: datetime | None) -> Recorded:
    """An incident with what may part it from its replay."""
    opening = opening_of(incident)
    closing = incident.events.filter(kind=IncidentEvent.Kind.RESOLVED).order_by("-id").first()
    policy = _policy_of(opening)
    votes: Sequence[dict[str, Any]] = opening.votes if opening else ()
    return Recorded(
        Outage.seen(
            incident.started_at,
            incident.confirmed_at,
            incident.resolved_at,
            policy or present,
            flapping=incident.flapping,
        ),
        ended_why=str(closing.data.get("why", "")) if closing else "",
        same_policy=policy == present,
        results_kept=first_result_at is not None and first_result_at <= incident.started_at,
        excluded=tuple(sorted({str(vote["excluded"]) for vote in votes if vote.get("excluded")})),
    )


def _policy_of(opening: StatusChange | None) -> Policy | None:
    """The policy of that time; None where it is not known, or cannot be read any more."""
    try:
        return Policy.parse(opening.policy) if opening else None
    except InvalidSpec:
        return None


def _absences(monitor: Monitor, *, since: datetime) -> list[Absence]:
    """When the monitor's regions were out, or in trouble of their own."""
    suspect = RegionTrouble.objects.filter(region__in=monitor.regions).exclude(well_at__lt=since)
    found = [Absence(each.region, Reason.REGION_SUSPECT, each.began_at, each.well_at) for each in suspect]
    gone: dict[str, datetime] = {}
    events = RegionEvent.objects.filter(region__in=monitor.regions, happened_at__gt=since - timedelta(days=1))
    for event in events.order_by("happened_at", "id"):
        if event.kind == RegionEvent.Kind.OFFLINE:
            gone.setdefault(event.region, event.happened_at)
        elif (left := gone.pop(event.region, None)) is not None:
            found.append(Absence(event.region, REGION_OFFLINE, left, event.happened_at))
    return found + [Absence(region, REGION_OFFLINE, left) for region, left in gone.items()]


def _works(monitor: Monitor, *, since: datetime) -> list[Work]:
    """When planned work was going on, as the status tells it."""
    changes = StatusChange.objects.filter(monitor=monitor, happened_at__gt=since).order_by("happened_at", "id")
    found: list[Work] = []
    began: datetime | None = None
    for change in changes:
        if began is not None:
            found.append(Work(began, change.happened_at))
            began = None
        elif change.before == Status.MAINTENANCE:
            found.append(Work(since, change.happened_at))
        if change.after == Status.MAINTENANCE:
            began = change.happened_at
    if not changes and monitor.status == Status.MAINTENANCE:
        return [Work(since)]
    return [*found, Work(began)] if began is not None else found
