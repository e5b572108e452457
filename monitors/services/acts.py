"""What can be done to a monitor, in memory. Who reads and writes it is in ``changing`` and ``many``.

Every act that alters what is checked makes a new ``config_version``, so that results of the old configuration on their
way home are not taken for the new one's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from monitors import rules
from monitors.models import Monitor
from monitors.rules import Status
from monitors.services.asking import want
from monitors.services.fields import Ground, apply, cast_shadow
from probes.sentences import say

AT_ONCE = 500
"""So many monitors are changed in one transaction and a few statements: results wait for the rows that it holds."""

CHECKED_FIELDS = ("kind", "full_spec", "interval", "timeout", "regions", "rules")
"""Fields that change what a check does; the others only change how it is shown."""

Act = Callable[[Monitor], str]
"""Changes a monitor in memory, or refuses; gives the word for the audit log, empty when there was nothing to do."""


def update(monitor: Monitor, *, fields: dict[str, Any], ground: Ground) -> str:
    before = _checked(monitor)
    apply(monitor, fields, ground)
    if _checked(monitor) != before:
        monitor.config_version += 1
        monitor.slowed_to, monitor.eager_since = None, timezone.now()
        want(monitor)
    return "changed"


def edit(monitor: Monitor, *, fields: dict[str, Any], ground: Ground) -> str:
    if monitor.is_passive and (foreign := sorted(set(fields) - {"policy"})):
        words = say("a heartbeat has none of its own: its job reports when it is due")
        raise ValidationError({name: [words] for name in foreign})
    policy = monitor.rules.as_dict() | fields.get("policy", {})
    return update(monitor, fields=fields | ({"policy": policy} if "policy" in fields else {}), ground=ground)


def _checked(monitor: Monitor) -> list[Any]:
    return [getattr(monitor, name) for name in CHECKED_FIELDS]


def pause(monitor: Monitor) -> str:
    if monitor.paused:
        return ""
    monitor.paused, monitor.wanted_at = True, None
    _restart(monitor, Status.PAUSED)
    return "paused"


def resume(monitor: Monitor) -> str:
    if not monitor.paused:
        return ""
    monitor.paused = False
    want(monitor)
    _restart(monitor, Status.PENDING)
    return "resumed"


def _restart(monitor: Monitor, status: Status) -> None:
    monitor.status, monitor.status_since, monitor.status_reason = status, timezone.now(), ""
    monitor.slowed_to = monitor.judged_by = None
    monitor.config_version += 1


def set_shadow(monitor: Monitor, *, shadow: bool) -> str:
    if monitor.shadow == shadow:
        return ""
    cast_shadow(monitor, shadow=shadow)
    return "changed"


def tag(monitor: Monitor, tags: set[str]) -> str:
    if problem := rules.tag_problem(tags):
        raise ValidationError({"tags": [problem]})
    if tags == set(monitor.tags):
        return ""
    monitor.tags = sorted(tags)
    return "changed"
