"""How far back from now people look. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Span(StrEnum):
    """As addresses of charts and badges name it."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "1y"

    @property
    def length(self) -> timedelta:
        return LENGTHS[self]


LENGTHS = {
    Span.HOUR: timedelta(hours=1),
    Span.DAY: timedelta(hours=24),
    Span.WEEK: timedelta(days=7),
    Span.MONTH: timedelta(days=30),
    Span.QUARTER: timedelta(days=90),
    Span.YEAR: timedelta(days=365),
}
