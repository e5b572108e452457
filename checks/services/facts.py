"""Noticing that a fact of a site has changed, at next to no cost for all the results that tell the same as ever."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from checks import facts
from checks.models import Fact

KEPT = 50
"""Changes of one kind, of one monitor in one region; older ones are forgotten."""

MOST_KNOWN = 100_000
"""Marks that a process remembers, in about 11 MB. One that has forgotten asks the database once."""

ODD = (TypeError, ValueError, AttributeError, KeyError, OverflowError)

logger = logging.getLogger(__name__)
_known: dict[int, int] = {}
"""By monitor and region, of which the hash is kept alone: two texts for each would take more than all the rest."""


class Told(NamedTuple):
    """What a new result says. ``item`` is the result as it came."""

    monitor: str
    slot: float
    """Seconds since the epoch."""
    item: Mapping[str, Any]


def notice(results: Iterable[Told], *, region: str) -> None:
    """Write down what differs from before. In the transaction that holds the monitors; nothing odd stops it."""
    marks: dict[str, int] = {}
    strange: list[Told] = []
    for told in results:
        try:
            mark = facts.mark_of(told.item)
        except ODD as error:
            logger.warning("Set odd facts of region %s aside: %r", region, error)
            continue
        if mark is not None and _known.get(_key(told.monitor, region)) != mark:
            strange.append(told)
            marks[told.monitor] = mark
    if strange:
        waiting = _write(strange, region)
        settled = {_key(monitor, region): mark for monitor, mark in marks.items() if monitor not in waiting}
        transaction.on_commit(lambda: _remember(settled))


def _key(monitor: str, region: str) -> int:
    return hash((monitor, region)) & facts.SHORT


def _remember(marks: Mapping[int, int]) -> None:
    if len(_known) + len(marks) > MOST_KNOWN:
        _known.clear()
    _known.update(marks)


def _write(strange: list[Told], region: str) -> set[str]:
    """Gives the monitors of which something is to be looked at again, as it has only just changed."""
    newest = Fact.objects.filter(monitor__in=[told.monitor for told in strange], region=region)
    present = {
        (str(fact.monitor_id), fact.kind): fact
        for fact in newest.order_by("monitor_id", "kind", "-since").distinct("monitor_id", "kind")
    }
    rows: list[Fact] = []
    waiting: set[str] = set()
    for told in strange:
        slot = datetime.fromtimestamp(told.slot, UTC)
        for kind, seen in _facts(told, region).items():
            known = present.get((told.monitor, kind))
            value = facts.news(kind, known.value if known else None, seen)
            if value is None:
                continue
            if not facts.may_write(known.since if known else None, slot):
                waiting.add(told.monitor)
                continue
            row = Fact(monitor_id=UUID(told.monitor), region=region, kind=kind, since=slot, value=value)
            present[told.monitor, kind] = row
            rows.append(row)
    if rows:
        Fact.objects.bulk_create(rows, ignore_conflicts=True)
        _forget_old({row.monitor_id for row in rows}, region)
    return waiting


def _facts(told: Told, region: str) -> facts.Facts:
    try:
        return facts.read(told.item)
    except ODD as error:
        logger.warning("Set odd facts of region %s aside: %r", region, error)
        return {}


FORGET = """
DELETE FROM checks_fact WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY monitor_id, kind ORDER BY since DESC) AS place
        FROM checks_fact WHERE monitor_id = ANY (%s) AND region = %s
    ) AS counted WHERE place > %s
)
"""


def _forget_old(monitors: set[UUID], region: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [list(monitors), region, KEPT])
        # What is remembered here must not be lost there, as the results beside it may be for half a second.
        cursor.execute("SET LOCAL synchronous_commit = on")
