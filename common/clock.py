"""The time that everybody agrees on, and times as people and programs write them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from django.db import connection


def database_now() -> datetime:
    """The database's clock, which all schedulers share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def read_moment(text: str, *, zone: tzinfo | None = None) -> datetime | None:
    """A time in ISO 8601 as UTC; None for what is no time, or none at which anything can have been checked.

    ``zone``: that of a time which names none; without it such a time is refused. PostgreSQL knows no offsets of 16
    hours and more, and years before our era are trouble everywhere.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and zone is None:
            return None
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 2200 else None
