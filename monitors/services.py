"""Changing monitors. Every change that alters what is checked makes a new ``config_version``, so that results of the
old configuration on their way home are not taken for the new one's."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import Team
from monitors import doorbell, quotas, rules, secrets, selectors
from monitors.heartbeat import HeartbeatSpec
from monitors.kinds import HEARTBEAT, PASSIVE, SPECS
from monitors.models import DefaultFallback, Monitor, Region
from monitors.rules import Action, Policy, Status
from probes import guard
from probes.contract import InvalidSpec
from probes.fields import Spec
from probes.kinds import KINDS
from probes.sentences import say

CHECKED_FIELDS = ("kind", "full_spec", "interval", "timeout", "regions", "rules")
"""Fields that change what a check does; the others only change how it is shown."""

WRITTEN = [
    field.name for field in Monitor._meta.concrete_fields if field.name not in {"id", "team", "ping_key", "created_at"}
]
"""Columns that a change of many may change."""


def defaults() -> dict[str, Any]:
    """The configuration of a monitor of which nothing but its address is said."""
    return plain_defaults() | {"regions": selectors.region_codes()}


def plain_defaults() -> dict[str, Any]:
    """The same without the regions, which are the server's at present."""
    return {
        "name": "",
        "kind": "http",
        "spec": {},
        "interval": max(60, settings.MONITOR_MIN_INTERVAL_SECONDS),
        "timeout": 10,
        "fallback_regions": [],
        "tags": [],
        "policy": {},
        "parent": None,
        "shadow": False,
    }


class Making:
    """New monitors of one team: each is judged as it comes, and all of them are written together in the end."""

    def __init__(self, team: Team) -> None:
        self._team, self._ground, self._room = team, Ground(), quotas.Room(team)
        self._made: list[Monitor] = []

    def create(self, *, paused: bool = False, **fields: Any) -> Monitor:
        """Raises ``ValidationError``; then it is as if nobody had asked.

        ``fields``: any of url, name, kind, spec, interval, timeout, regions, fallback_regions, tags, policy,
        parent (an id or None), shadow.
        """
        monitor = Monitor(id=uuid4(), team=self._team, wanted_at=timezone.now())
        _apply(monitor, plain_defaults() | {"regions": self._ground.enabled} | fields, self._ground)
        if paused:
            _pause(monitor)
        self._room.take(monitor)
        self._ground.take_in(monitor)
        self._made.append(monitor)
        return monitor

    def write(self) -> None:
        with audit.at_once():
            for monitor in Monitor.objects.bulk_create(self._made, batch_size=AT_ONCE):
                audit.created(monitor)
        _ring_for(self._made)


@contextmanager
def making(team: Team) -> Iterator[Making]:
    """For making many at once. What was made is there when the block is left without an exception, and not before."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # two at once must not both be the last one
        new = Making(team)
        yield new
        new.write()


def create_monitor(*, team: Team, **fields: Any) -> Monitor:
    """Store a monitor and ask for its first check at once. ``fields`` as of ``Making.create``."""
    with making(team) as new:
        return new.create(**fields)


def clone_monitor(monitor: Monitor, *, name: str) -> Monitor:
    """Another monitor with the same settings, secrets included, that is paused until somebody resumes it."""
    names = ("kind", "interval", "timeout", "regions", "fallback_regions", "tags", "policy", "shadow")
    fields = {field: getattr(monitor, field) for field in names} | {"parent": monitor.parent_id}
    if monitor.is_passive:
        del fields["regions"], fields["fallback_regions"]
    return create_monitor(team=monitor.team, name=name[:200], spec=monitor.full_spec, paused=True, **fields)


@transaction.atomic
def update_monitor(monitor: Monitor, **fields: Any) -> Monitor:
    """Change some fields; what is not named stays."""
    return _change_one(monitor, partial(_update, fields=fields, ground=Ground()))


Act = Callable[[Monitor], str]
"""Changes a monitor in memory, or refuses; gives the word for the audit log, empty when there was nothing to do."""


def _change_one(monitor: Monitor, act: Act) -> Monitor:
    monitor = Monitor.objects.select_for_update().get(pk=monitor.pk)
    before, pace = audit.picture(monitor), quotas.pace_of(monitor)
    if verb := act(monitor):
        if quotas.pace_of(monitor) > pace:
            quotas.Room.held(monitor.team).change(monitor, before=pace)
        monitor.save()
        audit.changed(monitor, before, verb)
        _ring_for([monitor])
    return monitor


def _update(monitor: Monitor, *, fields: dict[str, Any], ground: Ground) -> str:
    before = _checked(monitor)
    _apply(monitor, fields, ground)
    if _checked(monitor) != before:
        monitor.config_version += 1
        monitor.slowed_to, monitor.eager_since = None, timezone.now()
        _want(monitor)
    return "changed"


@transaction.atomic
def pause(monitor: Monitor) -> Monitor:
    return _change_one(monitor, _pause)


def _pause(monitor: Monitor) -> str:
    if monitor.paused:
        return ""
    monitor.paused, monitor.wanted_at = True, None
    _restart(monitor, Status.PAUSED)
    return "paused"


@transaction.atomic
def resume(monitor: Monitor) -> Monitor:
    return _change_one(monitor, _resume)


def _resume(monitor: Monitor) -> str:
    if not monitor.paused:
        return ""
    monitor.paused = False
    _want(monitor)
    _restart(monitor, Status.PENDING)
    return "resumed"


@transaction.atomic
def set_shadow(monitor: Monitor, *, shadow: bool) -> Monitor:
    """Tell nobody of what a monitor finds, or tell people again: then also of an outage that goes on, once."""
    return _change_one(monitor, partial(_set_shadow, shadow=shadow))


def _set_shadow(monitor: Monitor, *, shadow: bool) -> str:
    if monitor.shadow == shadow:
        return ""
    _cast_shadow(monitor, shadow=shadow)
    return "changed"


def _cast_shadow(monitor: Monitor, *, shadow: bool) -> None:
    """A monitor that comes out of the shadow leaves a word for the alerts, which know who is to be told."""
    if monitor.shadow and not shadow:
        monitor.shadow_ended_at = timezone.now()
    elif shadow:
        monitor.shadow_ended_at = None
    monitor.shadow = shadow


def _restart(monitor: Monitor, status: Status) -> None:
    monitor.status, monitor.status_since, monitor.status_reason = status, timezone.now(), ""
    monitor.slowed_to = monitor.judged_by = None
    monitor.config_version += 1


@transaction.atomic
def request_check(monitor: Monitor) -> None:
    """Check now, from every region, and go on as before."""
    request_checks(team=monitor.team, only=monitor)


@transaction.atomic
def request_checks(*, team: Team, only: Monitor | None = None) -> int:
    """Check all of a team's monitors now; says how many. Paused ones stay as they are, passive ones too."""
    chosen = Monitor.objects.for_team(team).active().dialled()
    if only is not None:
        chosen = chosen.filter(pk=only.pk)
    asked = chosen.update(wanted_at=timezone.now(), slowed_to=None, eager_since=timezone.now())
    doorbell.ring()
    return asked


@transaction.atomic
def request_checks_of(monitors: Collection[UUID]) -> int:
    """Check these monitors now, whosever they are; says how many are active."""
    asked = Monitor.objects.active().filter(pk__in=monitors).update(wanted_at=timezone.now())
    doorbell.ring()
    return asked


def slow_down(monitor: UUID) -> None:
    """Check a monitor as seldom as one that has been down for long, until a success or a person takes it back."""
    for found in Monitor.objects.filter(pk=monitor, interval__lte=rules.SLOWEST_S // 2):
        found.slowed_to = found.judged_by = rules.SLOWEST_S // found.interval * found.interval
        found.save(update_fields=["slowed_to", "judged_by"])


@transaction.atomic
def watch_anew(monitors: Collection[UUID]) -> None:
    """Begin the watch of these as on the first day: what was said before decides nothing, and a check runs at once."""
    now = timezone.now()
    Monitor.objects.active().filter(pk__in=monitors).update(
        status=Status.PENDING, status_since=now, status_reason="", wanted_at=now
    )
    doorbell.ring()


@transaction.atomic
def delete_monitor(monitor: Monitor) -> None:
    """Remove a monitor with its incidents and figures. Raw results go with their day (retention).

    Locked first: what a result is adding to it at this moment is there by then, and goes as well.
    """
    Monitor.objects.select_for_update().filter(pk=monitor.pk).first()
    audit.deleted(monitor)
    monitor.delete()


# -- many at once

AT_ONCE = 500
"""So many monitors are changed in one transaction and a few statements: results wait for the rows that it holds."""

MOST_AT_ONCE = 20_000


class Refusal(NamedTuple):
    """A monitor that was left as it is, and why."""

    id: UUID
    name: str
    reason: str


@dataclass
class ManyChanged:
    done: list[UUID]
    refused: list[Refusal]


def change_many(
    *, team: Team, monitors: Collection[UUID], action: Action, tags: Collection[str] = (), **fields: Any
) -> ManyChanged:
    """Do the same to many monitors of a team: what one of them refuses is named, the others are done.

    ``tags``: those to put on or to take off. ``fields``, for an edit: any of interval, timeout, regions, policy;
    a policy's parts that are not named stay. Raises ``ValidationError`` for what no monitor could take.

    Five hundred are one transaction. What breaks off half-way is whole as far as it came, and doing it again does the
    rest, as every action leaves alone what is so already.
    """
    if problems := rules.bulk_problems(action, tags=tags, fields=fields, most=MOST_AT_ONCE, monitors=len(monitors)):
        raise ValidationError({name: [message] for name, message in problems.items()})
    changed, wanted = ManyChanged([], []), sorted(set(monitors))
    for first in range(0, len(wanted), AT_ONCE):
        with transaction.atomic(), audit.at_once():
            some = _locked(team, wanted[first : first + AT_ONCE], changed)
            if action is Action.DELETE:
                _delete_all(some, changed)
            else:
                _change_all(some, _act(action, list(tags), fields), changed, quotas.Room.held(team))
    return changed


def _locked(team: Team, ids: list[UUID], changed: ManyChanged) -> list[Monitor]:
    found = Monitor.objects.for_team(team).filter(pk__in=ids).select_for_update().order_by("pk").in_bulk()
    unknown = [Refusal(pk, "", say("there is no such monitor in your team")) for pk in ids if pk not in found]
    changed.refused.extend(unknown)
    return list(found.values())


def _change_all(monitors: list[Monitor], act: Act, changed: ManyChanged, room: quotas.Room) -> None:
    """Nothing is written of a monitor that refuses."""
    written = []
    for monitor in monitors:
        name, before, pace = monitor.name, audit.picture(monitor), quotas.pace_of(monitor)
        try:
            verb = act(monitor)
            room.change(monitor, before=pace)
        except ValidationError as error:
            reasons = [f"{field}: {' '.join(words)}" for field, words in error.message_dict.items()]
            changed.refused.append(Refusal(monitor.pk, name, "; ".join(reasons)))
            continue
        if verb:
            written.append(monitor)
            audit.changed(monitor, before, verb)
        changed.done.append(monitor.pk)
    # The rows are there and locked, so that each is a conflict: one plain statement instead of an UPDATE full of CASEs.
    Monitor.objects.bulk_create(written, update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN)
    _ring_for(written)


def _delete_all(monitors: list[Monitor], changed: ManyChanged) -> None:
    for monitor in monitors:
        audit.deleted(monitor)
    ids = [monitor.pk for monitor in monitors]
    Monitor.objects.filter(pk__in=ids).delete()
    changed.done.extend(ids)


def _act(action: Action, tags: list[str], fields: dict[str, Any]) -> Act:
    match action:
        case Action.PAUSE:
            return _pause
        case Action.RESUME:
            return _resume
        case Action.SHADOW | Action.ALERT:
            return partial(_set_shadow, shadow=action is Action.SHADOW)
        case Action.TAG:
            return lambda monitor: _tag(monitor, {*monitor.tags, *tags})
        case Action.UNTAG:
            return lambda monitor: _tag(monitor, set(monitor.tags) - set(tags))
        case Action.EDIT:
            return partial(_edit, fields=fields, ground=Ground())
    raise ValueError(action)


def _tag(monitor: Monitor, tags: set[str]) -> str:
    if problem := rules.tag_problem(tags):
        raise ValidationError({"tags": [problem]})
    if tags == set(monitor.tags):
        return ""
    monitor.tags = sorted(tags)
    return "changed"


def _edit(monitor: Monitor, *, fields: dict[str, Any], ground: Ground) -> str:
    if monitor.is_passive and (foreign := sorted(set(fields) - {"policy"})):
        words = say("a heartbeat has none of its own: its job reports when it is due")
        raise ValidationError({name: [words] for name in foreign})
    policy = monitor.rules.as_dict() | fields.get("policy", {})
    return _update(monitor, fields=fields | ({"policy": policy} if "policy" in fields else {}), ground=ground)


@transaction.atomic
def sync_regions(codes: list[str]) -> None:
    """Make the table of regions match the setting: new ones appear, missing ones are disabled, none is forgotten.

    What an operator has switched on or off by hand stays so.
    """
    for ordinal, code in enumerate(codes):
        Region.objects.update_or_create(
            code=code, defaults={"ordinal": ordinal}, create_defaults={"ordinal": ordinal, "name": _region_name(code)}
        )
    as_set = Region.objects.filter(by_hand=False)
    as_set.filter(code__in=codes, enabled=False).update(enabled=True)
    as_set.exclude(code__in=codes).update(enabled=False)
    rearrange()


@transaction.atomic
def add_region(code: str, *, name: str = "") -> Region:
    """A region of the operator's own, beside those of the setting."""
    if problem := rules.region_code_problem(code):
        raise ValidationError({"code": [problem]})
    if Region.objects.filter(pk=code).exists():
        raise ValidationError(
            {"code": [say("there is a region {code} already; enable it if it is disabled", code=repr(code))]}
        )
    last = Region.objects.aggregate(last=Max("ordinal"))["last"]
    region = Region.objects.create(
        code=code,
        name=name.strip()[:80] or _region_name(code),
        ordinal=0 if last is None else last + 1,
        by_hand=code not in settings.REGIONS,
    )
    audit.operated(region, "added")
    return region


def _region_name(code: str) -> str:
    return code.upper() if len(code) < 4 else code.title()


def enable_region(code: str) -> Region:
    """Give a region its checks (again)."""
    return _set_region(code, enabled=True, draining=False)


def disable_region(code: str) -> Region:
    """Take a region out: it owes nothing, and monitors are judged by their other regions alone."""
    return _set_region(code, enabled=False, draining=False)


@transaction.atomic
def drain_region(code: str) -> Region:
    """Send a region nothing new. What is out comes home, and nothing is owed for the time until it is enabled."""
    if not _region(code).enabled:
        raise ValidationError({"code": [say("region {code} is disabled: there is nothing to drain", code=repr(code))]})
    return _set_region(code, enabled=True, draining=True)


@transaction.atomic
def _set_region(code: str, *, enabled: bool, draining: bool) -> Region:
    """Whoever watches the life signs begins anew with the change."""
    region = _region(code)
    if (region.enabled, region.draining) == (enabled, draining):
        return region
    region.enabled, region.draining, region.offline_since = enabled, draining, None
    region.watched_since = timezone.now()
    if not enabled:
        region.missed_since = None
    region.by_hand = enabled != (code in settings.REGIONS)
    region.save()
    audit.operated(region, "drained" if draining else "enabled" if enabled else "disabled")
    rearrange()
    return region


@transaction.atomic
def choose_default_fallback(team: Team, code: str | None) -> None:
    """Name the region that stands in for a team's monitors that name none of their own; None: no region does."""
    if code is None:
        DefaultFallback.objects.filter(team=team).delete()
    elif problem := rules.region_problem([code], selectors.region_codes()):
        raise ValidationError({"region": [problem]})
    else:
        DefaultFallback.objects.update_or_create(team=team, defaults={"region_id": code})
    audit.done(team, "default fallback chosen", region=code)
    rearrange(Monitor.objects.for_team(team))


@transaction.atomic
def rearrange(among: QuerySet[Monitor] | None = None) -> int:
    """Let fallbacks take over for regions that do not work, and give back what works again; says how many changed.

    Whoever has newly taken over, or got back, looks at once: there is no word of theirs yet.
    """
    monitors = Monitor.objects.all() if among is None else among
    concerned = monitors.filter(
        ~Q(fallback_regions=[]) | ~Q(stand_ins={}) | Q(team__in=DefaultFallback.objects.values("team"))
    ).order_by("pk")
    teams = selectors.default_fallbacks(set(concerned.order_by().values_list("team", flat=True).distinct()))
    working, enabled = selectors.working_regions(), set(selectors.region_codes())
    changed: dict[str, list[UUID]] = defaultdict(list)
    locked = concerned.select_for_update(of=("self",), no_key=True)
    for monitor in locked.only("team_id", "regions", "fallback_regions", "stand_ins"):
        fallbacks = monitor.fallback_regions or teams.get(monitor.team_id, [])
        wanted = rules.stand_ins([code for code in monitor.regions if code in enabled], fallbacks, working)
        if wanted != monitor.stand_ins:
            changed[json.dumps(wanted)].append(monitor.pk)
    for stand_ins, ids in changed.items():
        Monitor.objects.filter(pk__in=ids).update(stand_ins=json.loads(stand_ins))
    return request_checks_of([pk for ids in changed.values() for pk in ids]) if changed else 0


def _region(code: str) -> Region:
    if not code and (problem := rules.region_code_problem(code)):
        raise ValidationError({"code": [problem]})
    region = Region.objects.select_for_update().filter(pk=code).first()
    if region is None:
        known = ", ".join(Region.objects.values_list("code", flat=True)) or say("none yet")
        raise ValidationError(
            {"code": [say("there is no region {code}; there are: {known}", code=repr(code), known=known)]}
        )
    return region


def _checked(monitor: Monitor) -> list[Any]:
    return [getattr(monitor, name) for name in CHECKED_FIELDS]


def _want(monitor: Monitor) -> None:
    if not monitor.paused and not monitor.is_passive:
        monitor.wanted_at = timezone.now()


def _ring_for(monitors: Collection[Monitor]) -> None:
    """Once, however many are waited for."""
    if any(monitor.wanted_at for monitor in monitors):
        doorbell.ring()


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


def _apply(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> None:
    """Put new values on a monitor and refuse all that is wrong with them at once, field by field."""
    was_passive = monitor.is_passive
    for name in ("name", "kind", "interval", "timeout", "tags"):
        if name in fields:
            setattr(monitor, name, fields[name])
    if "shadow" in fields:
        _cast_shadow(monitor, shadow=fields["shadow"])
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


def _apply_checks(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    problems = rules.timing_problems(
        interval=monitor.interval, timeout=monitor.timeout, min_interval=settings.MONITOR_MIN_INTERVAL_SECONDS
    )
    problems |= _apply_regions(monitor, fields, ground) | _apply_fallbacks(monitor, fields, ground)
    return problems | _apply_spec(monitor, fields)


def _apply_schedule(monitor: Monitor, fields: dict[str, Any]) -> dict[str, str]:
    """What of a passive monitor is its own: no region is asked, its interval follows from its spec, one word counts."""
    if fields.get("url"):
        return {"url": say("a heartbeat has no address to check; its job calls ping_url")}
    spec = dict(fields.get("spec", monitor.spec))
    try:
        parsed = HeartbeatSpec.parse(spec)
    except InvalidSpec as error:
        return {"spec": str(error)}
    monitor.spec, monitor.interval, monitor.regions = spec, parsed.pace_s, [HEARTBEAT]
    monitor.fallback_regions, monitor.stand_ins, monitor.wanted_at = [], {}, None
    monitor.policy = monitor.rules.of_one_word().as_dict()
    monitor.name = monitor.name.strip() or parsed.default_name
    if monitor.ping_key is None:
        _give_ping_token(monitor)
    return {}


def _give_ping_token(monitor: Monitor) -> None:
    token = secrets.new_token()
    monitor.ping_key, monitor.ping_sealed = secrets.key_of(token), secrets.seal({"token": token})


@transaction.atomic
def renew_ping_url(monitor: Monitor) -> Monitor:
    """Give the job of a passive monitor another address to report to; the old one is forgotten at once."""
    monitor = Monitor.objects.select_for_update().get(pk=monitor.pk)
    if not monitor.is_passive:
        raise ValidationError({"kind": [say("only a heartbeat has an address to report to")]})
    _give_ping_token(monitor)
    monitor.save(update_fields=["ping_key", "ping_sealed", "updated_at"])
    audit.done(monitor, "ping address renewed")
    return monitor


def _apply_regions(monitor: Monitor, fields: dict[str, Any], ground: Ground) -> dict[str, str]:
    """Judged only when they are chosen: one that was switched off since is no reason to refuse another change."""
    if "regions" not in fields:
        return {}
    monitor.regions = _in_turn(fields["regions"], ground.enabled)
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


def _in_turn(chosen: Collection[str], enabled: list[str]) -> list[str]:
    """Regions in the order in which they take their turns."""
    return [code for code in enabled if code in chosen]


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


def _apply_spec(monitor: Monitor, fields: dict[str, Any]) -> dict[str, str]:
    """Read the spec with the kind's own parser; ``url`` is shorthand for the spec's address."""
    spec = dict(fields.get("spec", monitor.spec))
    if "url" in fields:
        spec["url"] = fields["url"]
    if monitor.kind not in KINDS:
        return {"kind": say("must be one of {names}", names=", ".join(sorted(SPECS)))}
    kept = secrets.unseal(monitor.sealed)
    shown, hidden = secrets.split(monitor.kind, spec, kept=kept)
    parsed, problems = _read_spec(monitor.kind, shown | hidden)
    if parsed is None:
        return problems
    if _goes_elsewhere(monitor, parsed):
        # Or an editor could have the secrets of one site sent to another and read them there.
        shown, hidden = secrets.split(monitor.kind, spec, kept={})
    if lost := secrets.lost(hidden):
        return {
            "spec": say(
                "{lost} holds only a mask: give its secret values again, as the site they are for changed", lost=lost[0]
            )
        }
    monitor.spec = shown
    monitor.sealed = monitor.sealed if hidden == kept else secrets.seal(hidden)
    monitor.name = monitor.name.strip() or parsed.default_name
    return {}


def _goes_elsewhere(monitor: Monitor, parsed: Spec) -> bool:
    """Whether the checks would go to another site than so far."""
    if not monitor.sealed:
        return False
    before, _ = _read_spec(monitor.kind, monitor.full_spec)
    return before is None or _origin(before) != _origin(parsed)


def _origin(spec: Spec) -> tuple[str, int]:
    return (spec.dialled_host.lower(), spec.dialled_port)


def _read_spec(kind: str, spec: dict[str, Any]) -> tuple[Spec | None, dict[str, str]]:
    if kind not in KINDS:
        return None, {"kind": say("must be one of {names}", names=", ".join(sorted(KINDS)))}
    try:
        parsed = KINDS[kind].spec.parse(spec)
    except InvalidSpec as error:
        return None, {"url" if error.field == "url" else "spec": str(error)}
    if refusal := guard.refusal_for_host(parsed.dialled_host, settings.PROBE_POLICY):
        return None, {"url" if "url" in spec else "spec": refusal}
    return parsed, {}


def check_spec(kind: str, spec: dict[str, Any]) -> None:
    """Refuse a check that could not be run, naming the field."""
    if kind in PASSIVE:
        raise ValidationError({"kind": [say("there is nothing to run for a {kind}: its job reports", kind=kind)]})
    _, problems = _read_spec(kind, spec)
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})


def check_regions(chosen: list[str] | None) -> list[str]:
    """The regions asked for, or all; refuses what is not there."""
    enabled = selectors.region_codes()
    if chosen is None:
        return enabled
    if problem := rules.region_problem(chosen, enabled):
        raise ValidationError({"regions": [problem]})
    return _in_turn(chosen, enabled)
