"""The time that everybody agrees on, and times as people and programs write them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from django.db import connection

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)


def database_now() -> datetime:
    """The database's clock, which all schedulers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def iso(moment: datetime, timespec: str = "auto") -> str:
    """A time in ISO 8601 as programs are told it: UTC, with a Z."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def read_moment(text: str, *, zone: tzinfo | None = None) -> datetime | None:
    """A time in ISO 8601 as UTC; None for what is none.

    ``zone``: that of a time which names none; without it such a time is none either. Nothing was checked before 2000,
    nor will be after 2199: what lies further off is moved to there, so that "since 1970" means everything.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    if not FIRST.year <= moment.year <= LAST.year:
        return FIRST if moment.year < FIRST.year else LAST
    return moment.astimezone(UTC)  # PostgreSQL knows no offsets of 16 hours and more
