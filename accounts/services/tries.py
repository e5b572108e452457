"""Counts tries: one atomic statement each, in PostgreSQL, so that the count holds across processes and restarts."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import Tries


class Count(NamedTuple):
    number: int
    """This try included."""
    wait_s: float
    """Until counting begins again."""


COUNT = """
INSERT INTO accounts_tries AS t (door, who, place, count, until) VALUES (%s, %s, %s, 1, %s)
ON CONFLICT (door, who, place) DO UPDATE SET
    count = CASE WHEN t.until <= %s THEN 1 ELSE t.count + 1 END,
    until = CASE WHEN t.until <= %s THEN excluded.until ELSE t.until END
RETURNING count, until
"""


def count(*, door: str, who: str, span: timedelta, place: str = "") -> Count:
    """Count a try before it is made: of many at once each gets a number of its own."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [door, _digest(who), _digest(place), now + span, now, now])
        number, until = cursor.fetchone()
    return Count(number, (until - now).total_seconds())


def give_back(*, door: str, who: str, place: str = "") -> None:
    """The try was a good one and does not count; the bad ones before it still do."""
    one = Tries.objects.filter(door=door, who=_digest(who), place=_digest(place), count__gt=0)
    one.update(count=F("count") - 1)


def forget(*, door: str, who: str, place: str | None = None) -> None:
    """Start counting from zero, in one place or in all."""
    rows = Tries.objects.filter(door=door, who=_digest(who))
    (rows if place is None else rows.filter(place=_digest(place))).delete()


def forget_old(*, now: datetime) -> None:
    Tries.objects.filter(until__lt=now).delete()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32] if text else ""
