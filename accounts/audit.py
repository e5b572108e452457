"""The audit log: who did what to which thing. Called by services, inside the transaction of the change.

``created``, ``changed``, ``deleted`` and ``done`` are all that an app needs. What of a thing is compared is said by its
model: ``AUDITED`` names attributes, and ``team`` (or ``team_id``) says whose log it is. ``operated`` is for what
belongs to no team; operators read it in the admin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model
from structlog.contextvars import get_contextvars

from accounts.acting import request_at_hand
from accounts.models import ApiKey, AuditEntry, Team, User
from accounts.rules import one_line
from common.addresses import plain_address
from probes.fields import MASK

Picture = dict[str, Any]
"""A thing's audited fields as plain values, nested ones by dotted name."""

INSTALLATION = UUID(int=0)
"""Stands in the place of a team for what belongs to none."""

SECRET = re.compile(r"password|secret|token|sealed|authorization|credential|private", re.IGNORECASE)
LONGEST = 300
_waiting: ContextVar[list[AuditEntry] | None] = ContextVar("audit entries that wait", default=None)
MOST_FIELDS = 60


def created(thing: Model) -> None:
    record(thing, "created", after=picture(thing))


def deleted(thing: Model) -> None:
    """Before it is deleted, while it still has its id and its relations."""
    record(thing, "deleted", before=picture(thing))


def changed(thing: Model, before: Picture, verb: str = "changed") -> None:
    """Writes nothing where nothing differs; ``before`` is the ``picture`` from before the change."""
    after = picture(thing)
    if after != before:
        record(thing, verb, before=before, after=after)


def done(thing: Model, verb: str, *, by: User | None = None, **facts: Any) -> None:
    """Something that changes no field, or of which the word says enough: paused, acknowledged, revoked."""
    record(thing, verb, after=flat(facts), by=by)


def operated(thing: Model, verb: str, **facts: Any) -> None:
    """What operators do to a thing that belongs to no team: a region, a batch."""
    record(thing, verb, after=flat(facts), team_id=INSTALLATION)


def account(user: User, verb: str, *, by: User | None = None, before: Picture | None = None, **facts: Any) -> None:
    """What happened to a person's account (a new password, a second factor): the owners of every team of theirs read
    it. ``before`` is what some of the facts were."""
    for team_id in list(user.memberships.values_list("team_id", flat=True)):
        record(user, verb, before=before, after=flat(facts), by=by, team_id=team_id)


def picture(thing: Model) -> Picture:
    fields: tuple[str, ...] = getattr(thing, "AUDITED", ())
    return flat({name: getattr(thing, name) for name in fields})


def record(
    thing: Model,
    verb: str,
    *,
    before: Picture | None = None,
    after: Picture | None = None,
    by: User | None = None,
    team_id: UUID | None = None,
) -> None:
    """Add one entry. Who acts is known from the request at hand; ``by`` says it where nobody is signed in yet."""
    entry = AuditEntry(
        team_id=team_id or _team_of(thing),
        verb=verb,
        kind=thing._meta.model_name or "",
        object_id=str(thing.pk)[:64],
        name=str(thing)[:200],
        changes=difference(before or {}, after or {}),
        **_actor(by),
    )
    waiting = _waiting.get()
    if waiting is None:
        entry.save(force_insert=True)
    else:
        waiting.append(entry)


@contextmanager
def at_once() -> Iterator[None]:
    """What is told inside is written at the end, in few statements: for changes of many things in one transaction."""
    entries: list[AuditEntry] = []
    token = _waiting.set(entries)
    try:
        yield
    finally:
        _waiting.reset(token)
    AuditEntry.objects.bulk_create(entries, batch_size=500)


def difference(before: Picture, after: Picture) -> dict[str, list[Any]]:
    """``{field: [before, after]}`` of what differs; a secret shows that it changed, not what it was."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: [_shown(name, side.get(name)) for side in (before, after)] for name in names[:MOST_FIELDS]}


def _shown(name: str, value: Any) -> Any:
    if SECRET.search(name):
        return MASK if value else None
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "…"
    return value


def flat(values: Mapping[str, Any], above: str = "") -> Picture:
    """Nested values under dotted names, each as JSON keeps it."""
    found: Picture = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """As JSON keeps it, so that what is compared is what is shown."""
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():  # inside a list; PostgreSQL gives names back in an order of its own
            return json.dumps(value, sort_keys=True, default=str)
        case list() | tuple():
            return ", ".join(str(_plain(item)) for item in value)
        case _:
            return str(value)


def _team_of(thing: Model) -> UUID:
    return thing.pk if isinstance(thing, Team) else thing.team_id  # type: ignore[attr-defined]


def _actor(by: User | None) -> dict[str, Any]:
    request = request_at_hand()
    if request is None:
        return _words(by) if by else {"by": AuditEntry.By.SYSTEM, "actor": ""}
    key = getattr(request, "auth", None)
    user = by or getattr(request, "user", None)
    if isinstance(key, ApiKey):
        owner = f" of {key.user.email}" if key.user else ""
        who = {"by": AuditEntry.By.KEY, "actor_id": key.pk, "actor": f"{key.name[:80]}{owner}"[:254]}
    elif isinstance(user, User):
        who = _words(user)
    else:
        who = {"by": AuditEntry.By.SYSTEM, "actor": ""}
    return who | {
        "address": plain_address(request),
        "user_agent": one_line(request.headers.get("User-Agent", "")[:1_000])[:120],
        "request_id": str(get_contextvars().get("request_id", ""))[:64],
    }


def _words(user: User) -> dict[str, Any]:
    return {"by": AuditEntry.By.USER, "actor_id": user.pk, "actor": user.email}


# --- retention ---


def forget_old(*, now: datetime, retention_days: int) -> int:
    """Remove entries past the retention; says how many went. The database refuses younger ones than 30 days."""
    deleted, _ = AuditEntry.objects.filter(at__lt=now - timedelta(days=retention_days)).delete()
    return deleted
