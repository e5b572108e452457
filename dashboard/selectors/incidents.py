"""The list of incidents, and the page of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, Q

from accounts.models import Team
from alerts.models import Delivery
from alerts.rules import State
from alerts.selectors import find_deliveries
from checks.models import CheckEvidence, CheckResult
from checks.services.corrections import WINDOWS, uptimes
from dashboard import timeline, words
from dashboard.selectors.evidence import Evidence, evidence_from
from dashboard.selectors.periods import name_of
from dashboard.timeline import Line, Told
from incidents.models import Correction, Incident
from incidents.rules import Vote
from incidents.rules.corrections import Span, Verdict
from incidents.rules.words import EXCLUDED, read_votes
from incidents.selectors import corrected_spans, explain, find_incidents
from monitors.models import Monitor
from probes.sentences import say

PAGE_SIZE = 50
MOST_EVENTS = 500
MOST_MESSAGES = 500


def incident_list(
    team: Team, *, only_open: bool = False, monitor: Monitor | None = None, page: str = "1"
) -> Page[Incident]:
    """A page of the team's incidents: open ones, then the newest."""
    found = find_incidents(team, monitor=str(monitor.pk) if monitor else "", only_open=only_open)
    ordered = found.order_by(F("resolved_at").desc(nulls_first=True), "-started_at", "-id")
    return Paginator(ordered, PAGE_SIZE).get_page(page)


# --- one incident ---


@dataclass(frozen=True, slots=True)
class VoteView:
    """What one region said when it was decided, and whether that counted."""

    vote: Vote
    said: str

    @property
    def mark(self) -> str:
        return self.vote.outcome or "unknown"

    @property
    def counted(self) -> str:
        """Yes, or why it had no vote."""
        if self.vote.excluded is None:
            return ""
        known = EXCLUDED.get(self.vote.excluded)
        return say("it {why}", why=known) if known else words.reason_in_words(self.vote.excluded)


@dataclass(frozen=True)
class IncidentPage:
    incident: Incident
    explained: dict[str, Any] | None
    votes: list[VoteView]
    timeline: list[Line]
    evidence: list[Evidence]
    corrections: list[Correction]

    def facts(self) -> tuple[object, ...]:
        """What the page shows of it, whatever time it is."""
        incident = self.incident
        return (
            *(incident.resolved_at, incident.recovered_at, incident.flapping, incident.acknowledged_at),
            *(incident.monitor.name, self.votes, self.timeline, [item.result is not None for item in self.evidence]),
            [
                (correction.pk, correction.why, getattr(correction, "withdrawn_by", None) is not None)
                for correction in self.corrections
            ],
        )

    @property
    def can_reopen(self) -> bool:
        """Closed by hand while the trouble goes on."""
        return self.incident.resolved_at is not None and self.incident.recovered_at is None


def incident_page(incident: Incident) -> IncidentPage:
    explained = explain(incident)
    corrections = incident.corrections.select_related("actor", "withdrawn_by__actor").order_by("created_at")
    return IncidentPage(
        incident=incident,
        explained=explained,
        votes=[_vote(vote) for vote in read_votes(explained["recorded_votes"])] if explained else [],
        timeline=_timeline(incident),
        evidence=_evidence(incident),
        corrections=list(corrections.exclude(kind=Correction.Kind.WITHDRAWAL)),
    )


def _vote(vote: Vote) -> VoteView:
    said = vote.message or words.reason_in_words(vote.reason) if vote.failing or vote.reason else ""
    return VoteView(vote, said)


def _timeline(incident: Incident) -> list[Line]:
    events = incident.events.select_related("actor").order_by("happened_at", "id")[:MOST_EVENTS]
    told = find_deliveries(incident.monitor.team, incident=str(incident.pk)).order_by("created_at")[:MOST_MESSAGES]
    regions = {*incident.monitor.regions, *incident.cause}
    lines = [
        timeline.of_event(event, actor=event.actor.email if event.actor else "", regions=regions) for event in events
    ]
    return timeline.in_order(lines, [timeline.of_message(_told(delivery)) for delivery in told])


def _told(delivery: Delivery) -> Told:
    waits = delivery.state in {State.WAITING, State.HELD}
    at = delivery.settled_at or (delivery.next_at if waits else delivery.created_at)
    return Told(delivery.pk, delivery.kind, delivery.state, at, delivery.channel.name, delivery.reason)


# --- evidence ---


def _evidence(incident: Incident) -> list[Evidence]:
    """By region, from the keys that the cause gives; what retention has dropped is left out."""
    causes = {region: cause for region, cause in sorted(incident.cause.items()) if isinstance(cause, dict)}
    first = {region: _moment(cause.get("first_slot")) for region, cause in causes.items()}
    good = {region: _moment(cause.get("good_slot")) for region, cause in causes.items()}
    keys = {(region, slot) for slots in (first, good) for region, slot in slots.items() if slot}
    results: dict[tuple[str, datetime | None], CheckResult] = {}
    seen: dict[tuple[str, datetime | None], dict[str, Any]] = {}
    if keys:
        results = {(row.region, row.slot): row for row in CheckResult.objects.filter(_keys(incident, keys))}
        seen = {(row.region, row.slot): row.seen for row in CheckEvidence.objects.filter(_keys(incident, keys))}
    return [
        evidence_from(
            region=region,
            reason=cause.get("reason"),
            message=str(cause.get("message") or ""),
            at=first[region],
            result=results.get((region, first[region])),
            good=results.get((region, good[region])),
            kept=seen.get((region, first[region])),
        )
        for region, cause in causes.items()
    ]


def _keys(incident: Incident, keys: set[tuple[str, datetime]]) -> Q:
    slots = [slot for _, slot in keys]
    return Q(monitor=incident.monitor_id, region__in=[region for region, _ in keys], slot__in=slots)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


# --- corrections ---


@dataclass(frozen=True, slots=True)
class Figures:
    """Uptime over a span as it is, and as each correction would make it."""

    label: str
    now: float | None
    false_alarm: float | None
    maintenance: float | None


def what_if(incident: Incident, *, now: datetime) -> list[Figures]:
    """What correcting an incident would do to the uptime."""
    monitor = incident.monitor_id
    spans = corrected_spans([monitor], since=now - WINDOWS["90d"]).get(monitor, [])
    ends_at = incident.resolved_at or now
    present = uptimes(monitor, spans, now=now)
    false_alarm, maintenance = (
        uptimes(monitor, [*spans, Span(verdict, incident.started_at, ends_at)], now=now)
        for verdict in (Verdict.FALSE_ALARM, Verdict.MAINTENANCE)
    )
    return [Figures(name_of(name), present[name], false_alarm[name], maintenance[name]) for name in WINDOWS]
