"""The same done to many monitors of a team."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.models import Team
from monitors import rules
from monitors.models import Monitor
from monitors.rules import Action
from monitors.services import acts, quotas
from monitors.services.acts import AT_ONCE, Act
from monitors.services.asking import ring_for
from monitors.services.fields import Ground
from probes.sentences import say

MOST_AT_ONCE = 20_000

WRITTEN = [
    field.name for field in Monitor._meta.concrete_fields if field.name not in {"id", "team", "ping_key", "created_at"}
]
"""Columns that a change of many may change."""


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


def _act(action: Action, tags: list[str], fields: dict[str, Any]) -> Act:
    match action:
        case Action.PAUSE:
            return acts.pause
        case Action.RESUME:
            return acts.resume
        case Action.SHADOW | Action.ALERT:
            return partial(acts.set_shadow, shadow=action is Action.SHADOW)
        case Action.TAG:
            return lambda monitor: acts.tag(monitor, {*monitor.tags, *tags})
        case Action.UNTAG:
            return lambda monitor: acts.tag(monitor, set(monitor.tags) - set(tags))
        case Action.EDIT:
            return partial(acts.edit, fields=fields, ground=Ground())
    raise ValueError(action)


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
    ring_for(written)


def _delete_all(monitors: list[Monitor], changed: ManyChanged) -> None:
    for monitor in monitors:
        audit.deleted(monitor)
    ids = [monitor.pk for monitor in monitors]
    Monitor.objects.filter(pk__in=ids).delete()
    changed.done.extend(ids)
