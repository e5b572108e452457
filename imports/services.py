"""From a file to monitors. A preview is an import that is rolled back, so that what it shows is what will happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Team, User
from imports import rules, selectors
from imports.models import WAITS, ImportDraft, ImportedObject
from imports.plain import Export, Found, LeftOut, Unreadable
from imports.rules import Action, Parity, Span
from imports.sources import SOURCES, Source
from monitors import secrets
from monitors import services as monitors
from monitors.kinds import PASSIVE
from monitors.models import Monitor
from monitors.rules import Action as ManyAction
from monitors.services import Making
from probes.sentences import say

LONGEST_ID = 500
CLOCKS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes of one thing of the file. ``changes``: ``{field: [before, after]}``, secrets masked."""

    action: Action
    foreign_id: str
    name: str
    monitor: UUID | None = None
    kind: str = ""
    reason: str = ""
    changes: dict[str, list[Any]] = field(default_factory=dict)
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does, or would do. ``channels``: whom the other tool told; none of them is taken over."""

    items: tuple[Item, ...]
    losses: tuple[str, ...]
    channels: tuple[str, ...]
    applied: bool

    def number(self, action: Action) -> int:
        return sum(item.action is action for item in self.items)

    @property
    def counts(self) -> dict[str, int]:
        return {action.value: self.number(action) for action in Action}

    @property
    def changes_something(self) -> bool:
        return bool(self.number(Action.CREATE) or self.number(Action.UPDATE))


# --- reading ---


def source_of(name: str) -> Source:
    if name not in SOURCES:
        raise ValidationError({"source": [say("must be one of {names}", names=", ".join(SOURCES))]})
    return SOURCES[name]


def read(source: str, data: bytes) -> Export:
    """Raises ``ValidationError`` at ``source`` or ``file``, with a sentence that says what to do."""
    tool = source_of(source)
    _check_size(data)
    try:
        export = tool.read(data)
    except Unreadable as error:
        raise ValidationError({"file": [str(error)]}) from None
    number, most = len(export.monitors) + len(export.left_out), settings.IMPORT_MAX_MONITORS
    if number > most:
        raise ValidationError(
            {
                "file": [
                    say(
                        "it has {number} monitors, more than the {most} of IMPORT_MAX_MONITORS: import it in parts",
                        number=number,
                        most=most,
                    )
                ]
            }
        )
    if not number:
        raise ValidationError({"file": [say("there is nothing in it to import from {title}", title=tool.title)]})
    return export


def _check_size(data: bytes) -> None:
    if not data:
        raise ValidationError({"file": [say("it is empty")]})
    if len(data) > settings.IMPORT_MAX_MB * 1_048_576:
        raise ValidationError(
            {
                "file": [
                    say(
                        "it is larger than the {most} MB of IMPORT_MAX_MB",
                        most=settings.IMPORT_MAX_MB,
                    )
                ]
            }
        )


# --- taking over ---


def preview(*, team: Team, source: str, export: Export, origin: str = "", shadow: bool = True) -> Plan:
    """What ``apply`` would do: it is done, looked at, and undone."""
    with transaction.atomic():
        plan = _carry_out(team, source, export, origin, shadow=shadow, applied=False)
        transaction.set_rollback(True)
    return plan


@transaction.atomic
def apply(*, team: Team, source: str, export: Export, origin: str = "", shadow: bool = True) -> Plan:
    """Make the monitors that are new and change those that were imported before; all of it or nothing.

    What a monitor refuses (a private address, a bad expression) is named and left out; the others are done.
    ``shadow``: new ones tell nobody until that is switched on.
    """
    plan = _carry_out(team, source, export, origin, shadow=shadow, applied=True)
    facts: dict[str, Any] = {name: number for name, number in plan.counts.items() if number}
    audit.done(team, "imported", source=source, origin=origin, **facts)
    return plan


def _carry_out(team: Team, source: str, export: Export, origin: str, *, shadow: bool, applied: bool) -> Plan:
    source_of(source)
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # one import at a time
    known, seen = selectors.known(team, source, origin), set[str]()
    items = []
    with monitors.making(team) as new:
        for found in export.monitors:
            if problem := _id_problem(found.foreign_id, seen):
                items.append(Item(Action.SKIP, found.foreign_id[:80], found.name, kind=found.kind, reason=problem))
                continue
            seen.add(found.foreign_id)
            items.append(_take_over(found, known.get(found.foreign_id), new, shadow=shadow))
    _remember(team, source, origin, items)
    items += [_skipped(one) for one in export.left_out]
    return Plan(tuple(items), export.losses, export.channels, applied)


def _id_problem(foreign_id: str, seen: set[str]) -> str:
    if not foreign_id.strip() or len(foreign_id) > LONGEST_ID:
        return say("it has no id that it could be known by again")
    return say("the file has it twice; the first one counts") if foreign_id in seen else ""


def _skipped(one: LeftOut) -> Item:
    return Item(Action.SKIP, one.foreign_id[:80], one.name, reason=one.why)


def _remember(team: Team, source: str, origin: str, items: Sequence[Item]) -> None:
    """By which id each new monitor is known there."""
    now = timezone.now()
    ImportedObject.objects.bulk_create(
        ImportedObject(
            team=team,
            source=source,
            origin=origin,
            foreign_id=item.foreign_id,
            monitor_id=item.monitor,
            imported_at=now,
        )
        for item in items
        if item.action is Action.CREATE and item.monitor
    )


def _take_over(found: Found, present: Monitor | None, new: Making, *, shadow: bool) -> Item:
    fields, words = _fields(found)
    losses = (*found.losses, *words)
    try:
        if present is not None:
            return _update(present, found, fields, losses)
        monitor = new.create(policy=dict(found.policy), shadow=shadow, paused=found.paused, **fields)
    except ValidationError as error:
        present_id = present.pk if present else None
        return Item(Action.SKIP, found.foreign_id, found.name, present_id, found.kind, _in_words(error))
    return Item(Action.CREATE, found.foreign_id, monitor.name, monitor.pk, monitor.kind, losses=losses)


def _fields(found: Found) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {
        "name": found.name,
        "kind": found.kind,
        "spec": dict(found.spec),
        "tags": list(found.tags),
    }
    if found.kind in PASSIVE:
        return fields, []
    times, words = rules.fit_times(found.interval, found.timeout, least_s=settings.MONITOR_MIN_INTERVAL_SECONDS)
    return fields | times, words


def _update(present: Monitor, found: Found, fields: dict[str, Any], losses: tuple[str, ...]) -> Item:
    """What the file says wins; what it does not speak of (regions, the rest of the policy, pauses) stays."""
    before = audit.picture(present)
    if found.policy:
        fields["policy"] = present.rules.as_dict() | dict(found.policy)
    with transaction.atomic():
        monitor = monitors.update_monitor(present, **fields)
        changes = audit.difference(before, audit.picture(monitor))
        if not changes:
            transaction.set_rollback(True)  # not even the time of the last change
    if "sealed" in changes:
        changes["secrets"] = changes.pop("sealed")
    action = Action.UPDATE if changes else Action.UNCHANGED
    return Item(action, found.foreign_id, monitor.name, monitor.pk, monitor.kind, changes=changes, losses=losses)


def _in_words(error: ValidationError) -> str:
    return "; ".join(f"{name}: {' '.join(words)}" for name, words in error.message_dict.items())[:500]


@transaction.atomic
def end_shadow(team: Team) -> int:
    """Tell people, from now on, of all monitors that were imported; says how many came out of the shadow."""
    waiting = selectors.in_shadow(team)
    return len(monitors.change_many(team=team, monitors=waiting, action=ManyAction.ALERT).done) if waiting else 0


# --- drafts: between the preview and the yes ---


def keep_draft(*, team: Team, user: User, source: str, export: Export, origin: str, shadow: bool) -> ImportDraft:
    """One a person; those that nobody answered in time go."""
    now = timezone.now()
    ImportDraft.objects.filter(created_at__lt=now - WAITS).delete()
    ImportDraft.objects.filter(team=team, user=user).delete()
    return ImportDraft.objects.create(
        team=team,
        user=user,
        source=source,
        origin=origin,
        shadow=shadow,
        sealed=secrets.seal(export.as_dict()),
        created_at=now,
    )


@transaction.atomic
def apply_draft(draft: ImportDraft) -> Plan | None:
    """None where it waited too long."""
    export = draft.export if timezone.now() - draft.created_at < WAITS else None
    draft.delete()
    if export is None:
        return None
    return apply(team=draft.team, source=draft.source, export=export, origin=draft.origin, shadow=draft.shadow)


# --- parity ---


@dataclass(frozen=True, slots=True)
class Compared:
    """One monitor in the parity report."""

    monitor: Monitor
    foreign_id: str
    parity: Parity

    def as_dict(self) -> dict[str, Any]:
        told = asdict(self.parity) | {"agreement": self.parity.agreement}
        return {"monitor": str(self.monitor.pk), "name": self.monitor.name, "foreign_id": self.foreign_id} | told


def compare(*, team: Team, source: str, data: bytes, origin: str = "", now: datetime | None = None) -> list[Compared]:
    """What the other tool said of the imported monitors beside what we said, over the time of which both speak."""
    now, tool = now or timezone.now(), source_of(source)
    _check_size(data)
    known = selectors.known(team, source, origin)
    if not known:
        raise ValidationError(
            {"source": [say("nothing was imported from {title} yet, so there is nothing to compare", title=tool.title)]}
        )
    try:
        said = tool.history(data)
    except Unreadable as error:
        raise ValidationError({"file": [str(error)]}) from None
    theirs: dict[str, list[Span]] = {}
    for one in sorted(said, key=lambda one: one.begins):
        theirs.setdefault(one.foreign_id, []).append(Span(one.begins, min(one.ends, now), one.up, one.reason))
    ours = selectors.verdicts(list(known.values()), now=now)
    found = [
        Compared(
            monitor, pk, rules.compare(ours[monitor.pk], _in_turn(theirs.get(pk, [])), tolerance=_tolerance(monitor))
        )
        for pk, monitor in known.items()
    ]
    return sorted(found, key=_worst_first)


def _in_turn(spans: Sequence[Span]) -> list[Span]:
    """Each ends where the next one begins, at the latest."""
    nexts = [span.begins for span in spans[1:]] + [spans[-1].ends] if spans else []
    return [Span(span.begins, min(span.ends, end), span.up, span.why) for span, end in zip(spans, nexts, strict=True)]


def _tolerance(monitor: Monitor) -> timedelta:
    """Two tools that look in turns see the same outage begin and end up to so long apart."""
    return timedelta(seconds=2 * monitor.interval) + CLOCKS


def _worst_first(one: Compared) -> tuple[bool, float, str]:
    agreement = one.parity.agreement
    return (agreement is None, agreement or 0.0, one.monitor.name)
