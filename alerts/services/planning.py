"""From events to deliveries. An event is planned once: its deliveries and ``planned_at`` are one transaction.

One planner works at a time, in the order of the events, so that the end of a trouble always finds what was announced.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Team
from alerts import rules, selectors, words
from alerts.models import Channel, Delivery
from alerts.notifiers import NOTIFIERS
from alerts.rules import Announced, Kind, State, Trouble
from alerts.services import channels
from incidents.models import Incident, IncidentEvent
from incidents.selectors import unheard_outage
from incidents.services import tell_unheard
from meters import services as meters
from meters.names import DELIVERIES
from monitors.models import Monitor
from probes.sentences import say

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 200
PLANNERS_LOCK = 7_204_301
"""The number of the advisory lock that the one planner holds."""

POISONED_AFTER = timedelta(hours=1)
"""An event that could not be planned for so long is tried no more; the log has why."""

WAITS_FOR_TROUBLE = say("waits until its trouble is told")
SECOND_END = 1
"""The step of the message that tells the end of a lesser trouble together with an outage's."""


@dataclass(slots=True)
class _Batch:
    """Drafts that are not written yet, what they answer, and what they are made from."""

    now: datetime
    drafts: list[Delivery] = field(default_factory=list)
    answers: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    """By the id of an end's draft: the deliveries whose end it tells."""
    channels: dict[UUID, Channel] = field(default_factory=dict)
    _rules: dict[UUID, list[rules.Rule]] = field(default_factory=dict)

    def rules_of(self, team: Team) -> list[rules.Rule]:
        if team.pk not in self._rules:
            channels.ensure_defaults(team)
            found = selectors.enabled_rules(team)
            self.channels |= {step.channel_id: step.channel for rule in found for step in rule.steps.all()}
            self._rules[team.pk] = [rule.as_rule() for rule in found]
        return self._rules[team.pk]


@transaction.atomic
def plan(*, now: datetime) -> int:
    """Decide whom to tell of what happened; says how many events were planned. Nobody else plans meanwhile."""
    if not _am_the_planner():
        return 0
    _tell_what_came_out_of_shadow(now)
    events = list(
        IncidentEvent.objects.unplanned()
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("incident__monitor__team", "monitor__team", "team")[:EVENTS_AT_ONCE]
    )
    batch, planned = _Batch(now), []
    for event in events:
        try:
            with transaction.atomic():
                _plan_one(event, batch)
        except Exception:
            logger.exception("Event %s (%s) could not be planned", event.pk, event.kind)
            if now - event.happened_at < POISONED_AFTER:
                continue
        planned.append(event.pk)
    _write(batch)
    return IncidentEvent.objects.filter(pk__in=planned).update(planned_at=now) if planned else 0


def _am_the_planner() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PLANNERS_LOCK])
        return bool(cursor.fetchone()[0])


def _tell_what_came_out_of_shadow(now: datetime) -> None:
    """Monitors that people are told of from now on: an outage that began unheard is an event like any other."""
    ended = Monitor.objects.filter(shadow_ended_at__isnull=False).order_by("pk")
    for monitor in ended.select_for_update(skip_locked=True, no_key=True)[:EVENTS_AT_ONCE]:
        incident = unheard_outage(monitor)
        if incident is not None and not _was_told(incident):
            tell_unheard(incident, now=now)
        Monitor.objects.filter(pk=monitor.pk).update(shadow_ended_at=None)


def _was_told(incident: Incident) -> bool:
    """Before the shadow fell on it: its messages went out, and so will its end."""
    told = Delivery.objects.filter(thread=rules.thread_of("opened", incident=incident.pk, monitor=None, region=""))
    return told.exclude(state=State.CANCELLED).exists()


def _plan_one(event: IncidentEvent, batch: _Batch) -> None:
    monitor = monitor_of(event)
    if any(draft.event.monitor_id == event.monitor_id or monitor_of(draft.event) == monitor for draft in batch.drafts):
        _write(batch)  # what follows looks at what was announced
    if event.kind in rules.BEGINS:
        if monitor is not None and monitor.shadow:
            return  # it is checked and judged, and nobody is told; of what was told before, the end goes out
        if batch.now - event.happened_at < settings.MESSAGE_MAX_AGE:
            _begin(event, rules.BEGINS[event.kind], batch)
    elif event.kind in rules.ENDS:
        _end(event, rules.ENDS[event.kind], batch)
    elif event.kind == IncidentEvent.Kind.ACKNOWLEDGED:
        _acknowledge(event, batch)


def monitor_of(event: IncidentEvent) -> Monitor | None:
    return event.monitor or (event.incident.monitor if event.incident else None)


def thread_of(event: IncidentEvent) -> str:
    monitor = monitor_of(event)
    pk = monitor.pk if monitor else None
    return rules.thread_of(event.kind, incident=event.incident_id, monitor=pk, region=event.region)


def _teams(event: IncidentEvent) -> list[Team]:
    """Whom an event concerns: the monitor's team, or all that operators are members of."""
    monitor = monitor_of(event)
    if monitor is not None or event.team is not None:
        return [monitor.team if monitor is not None else event.team]  # type: ignore[list-item]
    return selectors.operator_teams()


def _draft(
    event: IncidentEvent, team: Team, channel: Channel, kind: Kind, *, at: datetime, now: datetime, step: int = 0
) -> Delivery:
    monitor = monitor_of(event)
    return Delivery(
        team=team,
        event=event,
        channel=channel,
        kind=kind,
        step=step,
        thread=thread_of(event),
        subject=words.title(kind, monitor.name if monitor else event.region, why=event.data.get("why", "")),
        created_at=now,
        due_at=at,
        next_at=at,
        expires_at=max(at, now) + settings.MESSAGE_MAX_AGE,
    )


# -- a trouble begins


def _begin(event: IncidentEvent, kind: Kind, batch: _Batch) -> None:
    monitor = monitor_of(event)
    trouble = Trouble(
        kind=kind,
        happened_at=event.happened_at,
        monitor=monitor.pk if monitor else None,
        tags=frozenset(monitor.tags) if monitor else frozenset(),
    )
    drafts = []
    for team in _teams(event):
        for item in rules.plan(batch.rules_of(team), trouble):
            channel = batch.channels[item.channel]
            draft = _draft(event, team, channel, kind, at=item.at, now=batch.now, step=item.step)
            draft.rule_id = item.rule
            if item.quiet:
                _hold_while_quiet(draft)
            drafts.append(draft)
    batch.drafts += drafts


def _hold_while_quiet(draft: Delivery) -> None:
    draft.state, draft.held_for, draft.reason = State.HELD, "quiet", say("waits for the end of the quiet hours")


def _write(batch: _Batch) -> None:
    """Store the drafts, those of a mass failure in groups. What is there already stays as it is."""
    known = selectors.known_keys({draft.event_id for draft in batch.drafts})
    drafts = [draft for draft in batch.drafts if (draft.event_id, draft.channel_id, draft.step) not in known]
    answers, batch.drafts, batch.answers = batch.answers, [], {}
    by_place: dict[tuple[UUID, str, int], list[Delivery]] = defaultdict(list)
    for draft in filter(_may_be_grouped, drafts):
        by_place[draft.channel_id, draft.kind, draft.step].append(draft)
    for _place, some in sorted(by_place.items(), key=str):
        _group(some, now=batch.now)
    drafts.sort(key=lambda draft: draft.group_id is not None)  # leaders first: the others point at them
    Delivery.objects.bulk_create(drafts)
    for draft in drafts:
        if draft.pk in answers:
            Delivery.objects.filter(pk__in=answers[draft.pk]).update(closed_by=draft)


def _may_be_grouped(draft: Delivery) -> bool:
    """Services that keep cases want one message a case; an end that cannot go at once must not hold up others."""
    waits = draft.state != State.WAITING or draft.reason == WAITS_FOR_TROUBLE
    return not waits and not keeps_cases(draft.channel)


def keeps_cases(channel: Channel) -> bool:
    return channel.kind in NOTIFIERS and NOTIFIERS[channel.kind].threads


def _group(new: Sequence[Delivery], *, now: datetime) -> None:
    """Let those that are too many at once wait for each other and become one message with a list."""
    channel, kind, step = new[0].channel_id, Kind(new[0].kind), new[0].step
    recent = selectors.recently(channel, kind, step, now=now)
    together = new[rules.alone(recent=recent, new=len(new), over=settings.ALERT_GROUP_OVER) :]
    if not together:
        return
    wait = max(timedelta(0), together[0].due_at - now)  # that of the rule, or of the escalation
    leader = selectors.open_group(channel, kind, step, due_before=now + wait + rules.COLLECT_LONGEST)
    began = leader.created_at if leader else now
    due = rules.group_due(began=began + wait, joined=now + wait)
    if leader is not None:
        leader.next_at = leader.due_at = due
        leader.save(update_fields=["next_at", "due_at"])
    for draft in together:
        draft.state, draft.held_for, draft.reason = State.HELD, "group", say("is told together with others")
        draft.next_at = draft.due_at = due
        draft.group = leader
        leader = leader or draft


# -- a trouble ends


def _end(event: IncidentEvent, kind: Kind, batch: _Batch) -> None:
    """Answer what was announced of a trouble. The end of an outage is the end of what led to it as well."""
    told = _answer(event, kind, thread_of(event), batch)
    monitor = monitor_of(event)
    if kind is Kind.UP and monitor is not None:
        lesser = rules.thread_of("recovered", incident=None, monitor=monitor.pk, region="")
        _answer(event, Kind.RECOVERED, lesser, batch, already_told=told)


def _answer(
    event: IncidentEvent, kind: Kind, thread: str, batch: _Batch, *, already_told: Mapping[UUID, Delivery] | None = None
) -> dict[UUID, Delivery]:
    """One message a channel; none where ``already_told`` has one that will do. Gives them by channel."""
    announced = selectors.announced_on(thread)
    facts = [Announced(one.pk, one.channel_id, State(one.state), one.tries, one.due_at) for one in announced]
    ending = rules.ending(facts, ended_at=event.happened_at)
    by_id = {one.pk: one for one in announced}
    cancel([by_id[pk] for pk in ending.cancel], say("it was over before it was told"), now=batch.now)
    drafts = {}
    for channel, answered in ending.answer.items():
        begun = [by_id[pk] for pk in answered]
        known = (already_told or {}).get(channel)
        if not begun[0].channel.enabled:
            continue
        if known is None or keeps_cases(begun[0].channel):
            known = drafts[channel] = _follow(event, kind, begun[0], now=batch.now)
            known.thread, known.step = thread, 0 if already_told is None else SECOND_END
            if until := _quiet_until(known, batch):
                _hold_while_quiet(known)
                known.due_at = known.next_at = until
            batch.drafts.append(known)
        if any(one.state != State.SENT for one in begun):
            known.reason = WAITS_FOR_TROUBLE
        batch.answers[known.pk] = (*batch.answers.get(known.pk, ()), *answered)
    return drafts


def _follow(event: IncidentEvent, kind: Kind, told: Delivery, *, now: datetime) -> Delivery:
    """A message that goes, at once, where an earlier one went."""
    draft = _draft(event, told.team, told.channel, kind, at=now, now=now)
    draft.rule_id = told.rule_id
    return draft


def _quiet_until(end: Delivery, batch: _Batch) -> datetime | None:
    """An end is as grave as its trouble, and keeps to the hours of the rule that had the trouble told."""
    rule = next((rule for rule in batch.rules_of(end.team) if rule.id == end.rule_id), None)
    return rules.held_until(Kind(end.kind), rule.quiet, end.due_at) if rule else None


def cancel(deliveries: Iterable[Delivery], why: str, *, now: datetime) -> None:
    """Tell nobody any more."""
    for one in deliveries:
        leave_group(one)
        one.state, one.held_for, one.reason, one.settled_at = State.CANCELLED, "", why, now
        meters.add(DELIVERIES, one.channel.kind, one.kind, State.CANCELLED)
        one.save(update_fields=["state", "held_for", "reason", "settled_at", "group"])


def leave_group(one: Delivery) -> None:
    """A delivery goes its own way. One that led others leaves them to the next."""
    one.group = None
    promote(one)


def promote(gone: Delivery) -> None:
    """Let the first of those that waited for a delivery lead the others in its place."""
    members = Delivery.objects.filter(group=gone, state=State.HELD).order_by("created_at", "id")
    heir = members.select_for_update(of=("self",)).first()
    if heir is None:
        return
    heir.group, heir.next_at, heir.due_at = None, gone.next_at, gone.due_at
    heir.save(update_fields=["group", "next_at", "due_at"])
    members.exclude(pk=heir.pk).update(group=heir)


# -- somebody takes care


def _acknowledge(event: IncidentEvent, batch: _Batch) -> None:
    """Reminders and further steps stop; services that keep cases hear of it where they were told of the trouble."""
    announced = selectors.announced_on(thread_of(event))
    waits = [one for one in announced if one.step and not one.tries and one.state in {State.WAITING, State.HELD}]
    cancel(waits, say("somebody has acknowledged it"), now=batch.now)
    told = {one.channel_id: one for one in announced if one.state in {State.SENT, State.SENDING, State.WAITING}}
    for one in told.values():
        if one.channel.enabled and keeps_cases(one.channel):
            batch.drafts.append(_follow(event, Kind.ACKNOWLEDGED, one, now=batch.now))


def reminder_of(told: Delivery, *, step: int, at: datetime, now: datetime) -> Delivery:
    """The message that says again what an earlier one said."""
    reminder = _draft(told.event, told.team, told.channel, Kind.REMINDER, at=at, now=now, step=step)
    reminder.rule_id = told.rule_id
    return reminder
