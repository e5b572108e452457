"""Whether a region has more to do than it can, and how much it may be given. Plain values in, plain values out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

FLOOR = 60
"""This many batches in hand are never too many: small boxes do not shed."""

PATIENCE_S = 15
"""How long a batch may usually take beyond its slowest check before we ask again."""

OLDEST_S = 20.0
STOOD_STILL_S = 5
"""A tick comes every second; one that has this much to hand out comes after a standstill of the scheduler."""

REPORTS_LIMIT = 1_000
"""Reports that wait for an ingester. More of them, up to 175 MB in the broker, and no region gets new checks."""

SHORT_QUEUE = 20
"""A queue this short is no reason to wait longer for an answer."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a region has in hand, in batches where nothing else is said."""

    open: int = 0
    """Sent and not finished."""
    queued: int | None = None
    """Messages that no worker has taken yet; None when the broker does not say."""
    finished: int = 0
    """Done, of those handed out in the last minute."""
    checks_home: int = 0
    """Results that have come back, of what was handed out in the last minute."""
    oldest_s: float = 0.0
    """How long the oldest one has waited for its first result, beyond the time that its checks may take."""
    reports: int = 0
    """Reports of all regions that wait for an ingester."""
    last_sign: datetime | None = None
    """When the region was last heard of."""

    @property
    def in_hand(self) -> int:
        return max(self.open, self.queued or 0)

    @property
    def behind_s(self) -> float:
        """How late the region is; 0 while it keeps up."""
        return round(self.oldest_s, 1) if is_behind(self) else 0.0


def is_behind(load: Load) -> bool:
    """More in hand than two minutes' work, or something waits for too long.

    While reports wait for an ingester, an old batch may be home and only not read: its age is not the region's doing.
    """
    if load.reports > REPORTS_LIMIT:
        return True
    waits_too_long = load.oldest_s > OLDEST_S and load.reports <= SHORT_QUEUE
    return load.in_hand > FLOOR and (load.in_hand > 2 * load.finished or waits_too_long)


def allowance(load: Load, *, window_s: int) -> int | None:
    """How many checks a region may get for a window of so many seconds; None: all that are due.

    A region that is behind gets half of what it gets done, so that it catches up. When nobody has handed out anything
    for a while, nobody has read what came home either: then only what the broker holds tells how the region does.
    """
    if window_s > STOOD_STILL_S:
        load = replace(load, open=0, oldest_s=0.0)
    if not is_behind(load):
        return None
    return 0 if load.reports > REPORTS_LIMIT else load.checks_home * window_s // 120


def extra_patience_s(load: Load) -> float:
    """How much longer than usual to wait for a batch before asking again: twice the present wait in a long queue.

    A message that nobody has taken yet is not lost, and sending it again would only make the queue longer.
    """
    if load.queued is None:
        return math.inf
    if load.queued <= SHORT_QUEUE:
        return 0.0
    return 2 * load.queued * 60 / load.finished if load.finished else math.inf
