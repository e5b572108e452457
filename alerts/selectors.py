"""Reading channels, rules and deliveries; for planning, for the API and for the pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Prefetch, Q, QuerySet

from accounts.models import Team, User
from accounts.rules import Role
from alerts import rules
from alerts.models import Attempt, Channel, Delivery, DeliveryQuerySet, Rule, Step
from alerts.notifiers import NOTIFIERS
from alerts.rules import Kind, State
from common.languages import Reader
from common.paging import read_id
from incidents.models import IncidentEvent, RegionState
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import Outcome
from probes.fields import Field
from probes.sentences import say

MOST_ANCESTORS = 10
"""How far up a chain of parents is looked; a circle ends there as well."""

LONGEST_GRACE = timedelta(minutes=10)


# -- what people have chosen


def channels_of(team: Team) -> QuerySet[Channel]:
    """The team's channels with their health; ``dead`` are the messages that never arrived."""
    dead = Count("deliveries", filter=Q(deliveries__state=State.DEAD))
    return Channel.objects.for_team(team).annotate(dead=dead).order_by("created_at", "id")


def rules_of(team: Team) -> QuerySet[Rule]:
    """With monitors, steps and their channels, as ``Rule.as_rule`` and the serializers want them."""
    steps = Prefetch("steps", Step.objects.select_related("channel"))
    return Rule.objects.for_team(team).prefetch_related(Prefetch("monitors", Monitor.objects.only("id")), steps)


def enabled_rules(team: Team) -> list[Rule]:
    return list(rules_of(team).filter(enabled=True))


def kinds() -> list[dict[str, Any]]:
    """The kinds of channel, with what each wants to be told: for the API and for forms."""
    return [
        {"kind": kind, "title": notifier.title, "settings": [_told(field) for field in notifier.settings.describe()]}
        for kind, notifier in NOTIFIERS.items()
    ]


def _told(field: Field) -> dict[str, Any]:
    default = None if field.default in (None, (), "") else str(field.default)
    return {
        "name": field.name,
        "type": field.type,
        "help": field.help,
        "required": field.required,
        "default": default,
        "choices": list(field.choices),
        "secret": field.secret,
    }


def owner_of(team: Team) -> User | None:
    """Who is told by default."""
    membership = team.memberships.filter(role=Role.OWNER, user__is_active=True).select_related("user").first()
    return membership.user if membership else None


def reader_of(channel: Channel) -> Reader | None:
    """Whose language a channel's messages have: its own, else that of the one member who is known to read it."""
    if channel.language:
        return channel
    if channel.kind != "email":
        return None
    members = User.objects.filter(memberships__team=channel.team_id, is_active=True)
    return members.filter(email__iexact=channel.settings.get("to", "")).first()


def is_members(team: Team, address: str) -> bool:
    """Whether mail to an address goes to somebody who works in the team."""
    return team.memberships.filter(user__email__iexact=address, user__is_active=True).exists()


def is_operators(team: Team) -> bool:
    """Whether an operator is a member: such teams may be told of regions."""
    return team.memberships.filter(user__is_staff=True, user__is_active=True).exists()


def operator_teams() -> list[Team]:
    return list(Team.objects.filter(memberships__user__is_staff=True, memberships__user__is_active=True).distinct())


# -- planning


def announced_on(thread: str) -> list[Delivery]:
    """The troubles of a thread that no end has answered yet, the oldest first, locked."""
    found = Delivery.objects.filter(thread=thread, closed_by__isnull=True)
    troubles = found.exclude(kind__in=[*rules.ENDS.values(), Kind.ACKNOWLEDGED])
    ordered = troubles.select_related("channel", "team").order_by("created_at", "step", "id")
    return list(ordered.select_for_update(of=("self",)))


def recently(channel: UUID, kind: Kind, step: int, *, now: datetime) -> int:
    """How many messages of a kind a channel was given in the last minute, sent or to be sent."""
    found = Delivery.objects.filter(channel=channel, kind=kind, step=step, created_at__gt=now - rules.MASS_WINDOW)
    return found.exclude(state=State.CANCELLED).count()


def open_group(channel: UUID, kind: Kind, step: int, *, due_before: datetime) -> Delivery | None:
    """The leader of the group that still collects, locked."""
    found = Delivery.objects.filter(
        channel=channel,
        kind=kind,
        step=step,
        state=State.HELD,
        held_for="group",
        group__isnull=True,
        next_at__lte=due_before,
    )
    return found.order_by("created_at").select_for_update(of=("self",)).first()


def known_keys(events: Collection[int]) -> set[tuple[int, UUID, int]]:
    """(event, channel, step) of the deliveries that these events have already."""
    return set(Delivery.objects.filter(event__in=events).values_list("event", "channel", "step"))


def still_calls(incident: UUID) -> bool:
    """Whether an incident is open and nobody has acknowledged it: reminders and escalation go on."""
    begun = {"opened", "reopened", "shadow_ended"}
    decisive = [*begun, "acknowledged", "resolved"]
    last = IncidentEvent.objects.filter(incident=incident, kind__in=decisive).order_by("-id").first()
    return last is not None and last.kind in begun


def parents_of(monitors: Iterable[Monitor]) -> dict[UUID, list[rules.Parent]]:
    """What each monitor depends on, the nearest first; those that depend on nothing are left out."""
    chains = _chains({monitor.pk: monitor.parent_id for monitor in monitors if monitor.parent_id})
    everybody = {pk for chain in chains.values() for pk in chain}
    facts = {monitor.pk: monitor for monitor in Monitor.objects.filter(pk__in=everybody)}
    shaky = set(
        RegionState.objects.filter(monitor__in=everybody, outcome=Outcome.DOWN).values_list("monitor", flat=True)
    )
    return {pk: [_parent(facts[one], one in shaky) for one in chain if one in facts] for pk, chain in chains.items()}


def _chains(parents: dict[UUID, UUID | None]) -> dict[UUID, list[UUID]]:
    above = dict(parents)
    for _ in range(MOST_ANCESTORS):
        unknown = {parent for parent in above.values() if parent is not None and parent not in above}
        if not unknown:
            break
        above |= dict(Monitor.objects.filter(pk__in=unknown).values_list("pk", "parent_id"))
    chains = {}
    for pk in parents:
        chain: list[UUID] = []
        parent = above.get(pk)
        while parent is not None and parent not in chain and parent != pk and len(chain) < MOST_ANCESTORS:
            chain.append(parent)
            parent = above.get(parent)
        chains[pk] = chain
    return chains


def _parent(monitor: Monitor, shaky: bool) -> rules.Parent:
    down = monitor.status == Status.DOWN
    well = monitor.status in {Status.UP, Status.DEGRADED}
    well_since = monitor.status_since if well else None
    return rules.Parent(down=down, shaky=shaky and not monitor.paused, well_since=well_since)


def grace_of(monitor: Monitor) -> timedelta:
    """How long a child has, after its parent is well again, to be found well itself."""
    return min(timedelta(seconds=monitor.effective_interval + monitor.timeout + 30), LONGEST_GRACE)


# -- deliveries as people see them


def deliveries_of(team: Team) -> DeliveryQuerySet:
    return Delivery.objects.for_team(team).select_related("channel", "event__monitor", "event__incident")


def find_deliveries(
    team: Team, *, state: str = "", channel: str = "", monitor: str = "", incident: str = "", kind: str = ""
) -> DeliveryQuerySet:
    """A team's messages, newest first."""
    found = deliveries_of(team).order_by("-created_at", "-id")
    if state:
        found = found.filter(state=_one_of(state, State, "state"))
    if kind:
        found = found.filter(kind=_one_of(kind, Kind, "kind"))
    if channel:
        found = found.filter(channel=read_id(channel, "channel"))
    if monitor:
        found = found.filter(event__monitor=read_id(monitor, "monitor"))
    if incident:
        found = found.filter(event__incident=read_id(incident, "incident"))
    return found


def attempts_of(delivery: Delivery) -> list[Attempt]:
    """Every try of the message: its own, or those of the message that told of it with others."""
    return list(Attempt.objects.filter(delivery=delivery.group_id or delivery.pk).order_by("number"))


def _one_of(text: str, words: type[State | Kind], field: str) -> str:
    if text not in set(words):
        raise ValidationError({field: [say("must be one of {names}", names=", ".join(words))]})
    return text
