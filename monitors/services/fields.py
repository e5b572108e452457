"""New values put on a monitor: all that is wrong with them is refused at once, field by field."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Team
from monitors import rules, secrets, selectors
from monitors.heartbeat import HeartbeatSpec
from monitors.kinds import HEARTBEAT
from monitors.models import Monitor
from monitors.rules import Policy
from monitors.services.specs import apply_spec, part_name
from probes.contract import InvalidSpec
from probes.sentences import say


class Ground:
    """What of the regions and of its family is asked while a monitor is changed, read once for however many."""

    def __init__(self) -> None:
        self._defaults: dict[UUID, list[str]] = {}
        self._families: dict[UUID, dict[UUID, UUID | None]] = {}
        self._unwritten: dict[UUID, UUID | None] = {}

    @cached_property
    def enabled(self) -> list[str]:
        return selectors.region_codes()

    @cached_property
    def working(self) -> set[str]:
        return selectors.working_regions()

    def default_fallback(self, team: UUID) -> list[str]:
        if team not in self._defaults:
            self._defaults[team] = selectors.default_fallbacks([team]).get(team, [])
        return self._defaults[team]

    def family(self, team: UUID) -> dict[UUID, UUID | None]:
        """Each monitor's parent. A family tree is changed by one person at a time: two at once could close a circle
        that neither sees."""
        if team not in self._families:
            Team.objects.select_for_update(no_key=True).get(pk=team)
            stored = dict(Monitor.objects.filter(team=team).values_list("pk", "parent"))
            self._families[team] = stored | self._unwritten
        return self._families[team]

    def take_in(self, monitor: Monitor) -> None:
        """A new one that is written later. All of them are of one team."""
        for family in (self._unwritten, *self._families.values()):
            family[monitor.pk] = monitor.parent_id


def apply(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> None:
    """Put new values on a monitor and refuse all that is wrong with them at once, field by field."""
    was_passive = monitor.is_passive
    for name in ("name", "kind", "interval", "timeout", "tags"):
        if name in fields:
            setattr(monitor, name, fields[name])
    if "shadow" in fields:
        cast_shadow(monitor, shadow=fields["shadow"])
    monitor.tags = sorted({tag.strip() for tag in monitor.tags})
    problems = _apply_policy(monitor, fields) | _apply_parent(monitor, fields, ground)
    if problem := rules.tag_problem(monitor.tags):
        problems["tags"] = problem
    if monitor.is_passive != was_passive and not monitor._state.adding:
        problems["kind"] = say("a heartbeat cannot become a check, nor a check a heartbeat: make a new monitor")
    else:
        problems |= _apply_schedule(monitor, fields) if monitor.is_passive else _apply_checks(monitor, fields, ground)
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})
    monitor.phase = rules.phase_of(monitor.id, monitor.interval)


def _apply_policy(monitor: Monitor, fields: dict[str, Any]) -> dict[str, str]:
    try:
        policy = Policy.parse(fields.get("policy", monitor.policy))
    except InvalidSpec as error:
        return {"policy": str(error)}
    monitor.policy = policy.as_dict()
    return {}


def _apply_parent(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    wanted = fields.get("parent", monitor.parent_id)
    if wanted is None or wanted == monitor.parent_id:
        monitor.parent_id = wanted
        return {}
    if problem := rules.parent_problem(monitor.pk, wanted, ground.family(monitor.team_id)):
        return {"parent": problem}
    monitor.parent_id = wanted
    return {}


def _apply_checks(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    problems = rules.timing_problems(
        interval=monitor.interval, timeout=monitor.timeout, min_interval=settings.MONITOR_MIN_INTERVAL_SECONDS
    )
    problems |= _apply_regions(monitor, fields, ground) | _apply_fallbacks(monitor, fields, ground)
    return problems | apply_spec(monitor, fields)


def _apply_regions(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    """Judged only when they are chosen: one that was switched off since is no reason to refuse another change."""
    if "regions" not in fields:
        return {}
    monitor.regions = rules.in_turn(fields["regions"], ground.enabled)
    problem = rules.region_problem(fields["regions"], ground.enabled)
    return {"regions": problem} if problem else {}


def _apply_fallbacks(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    """A region that was switched off since stays named, as with the regions themselves."""
    enabled = set(ground.enabled)
    named = "fallback_regions" in fields
    if named:
        monitor.fallback_regions = list(fields["fallback_regions"])
    known = enabled if named else enabled | set(monitor.fallback_regions)
    problem = rules.fallback_problem(monitor.fallback_regions, monitor.regions, known)
    if named or "regions" in fields:
        assigned = [code for code in monitor.regions if code in enabled]
        fallbacks = monitor.fallback_regions or ground.default_fallback(monitor.team_id)
        monitor.stand_ins = rules.stand_ins(assigned, fallbacks, ground.working)
    return {"fallback_regions": problem} if problem else {}


def _apply_schedule(monitor: Monitor, fields: dict[str, Any]) -> dict[str, str]:
    """What of a passive monitor is its own: no region is asked, its interval follows from its spec, one word counts."""
    if fields.get("url"):
        return {"url": say("a heartbeat has no address to check; its job calls ping_url")}
    spec = dict(fields.get("spec", monitor.spec))
    try:
        parsed = HeartbeatSpec.parse(spec)
    except InvalidSpec as error:
        return {part_name(error.field): str(error)}
    monitor.spec, monitor.interval, monitor.regions = spec, parsed.pace_s, [HEARTBEAT]
    monitor.fallback_regions, monitor.stand_ins, monitor.wanted_at = [], {}, None
    monitor.policy = monitor.rules.of_one_word().as_dict()
    monitor.name = monitor.name.strip() or parsed.default_name
    if monitor.ping_key is None:
        give_ping_token(monitor)
    return {}


def give_ping_token(monitor: Monitor) -> None:
    token = secrets.new_token()
    monitor.ping_key, monitor.ping_sealed = secrets.key_of(token), secrets.seal({"token": token})


def cast_shadow(monitor: Monitor, *, shadow: bool) -> None:
    """A monitor that comes out of the shadow leaves a word for the alerts, which know who is to be told."""
    if monitor.shadow and not shadow:
        monitor.shadow_ended_at = timezone.now()
    elif shadow:
        monitor.shadow_ended_at = None
    monitor.shadow = shadow
