"""Numbers and names as people read them, wherever they are shown."""

from __future__ import annotations

import math

from accounts import rules

NOTHING = "\N{EN DASH}"


def milliseconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    if 0.05 <= value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def percent(share: float | None) -> str:
    """Rounded down: 100 % is said only of what never failed."""
    if share is None:
        return NOTHING
    floored = math.floor(round(share * 10_000, 6)) / 100
    return f"{floored:g} %" if floored in {0, 100} else f"{floored:.2f} %"


def one_line(text: str, length: int) -> str:
    """Without control characters and at most ``length`` long; a cut is shown."""
    plain = rules.one_line(text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"
