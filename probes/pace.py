"""When checks may start: evenly, no faster than their timings stay true, and politely to each domain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from publicsuffixlist import PublicSuffixList

from probes import guard
from probes.hosts import bracketed, numeric_address
from probes.loop import Loop, Timer
from probes.settings import Settings

STARTS_PER_SECOND = 2_000
"""A batch that starts all at once lies: its sockets wait for each other and every site looks slow. What wakes us counts
whole milliseconds, so some 1,300 a second come of it.
"""

BUSY_SHARE = 0.7
"""How much of its time the loop may work. Above this, answers wait for us and would look slow."""

GROUP_COST_SECONDS = 0.002
LARGEST_GROUP = 10
COST_LEARNING = 0.05
"""How much the cost of the latest group counts for the estimate of what a check costs."""

LAG_WINDOW_SECONDS = 10.0
STANDSTILL_SECONDS = 0.25
"""From here on a late turn is no jitter: the machine was paused or starved, and what was under way cannot be told."""

DOMAIN_PATIENCE_SECONDS = 20.0
"""How long a check waits for its turn at a busy domain before it gives up as ``rate_limited``."""


class Pace:
    """Spaces out starts so that the loop stays idle for a part of its time, whatever the checks cost.

    Self-regulating: after a start, the next one waits until the work done since then fits into ``BUSY_SHARE`` of
    the time that passed. Plain checks start some 1,300 a second, TLS handshakes a few hundred, and fewer on a busy
    machine. Cheap checks start in small groups, because waking up for each of them costs more than the check.
    """

    def __init__(self) -> None:
        self._last_start = 0.0
        self._started = 0
        self._busy = 0.0
        self._cost = GROUP_COST_SECONDS

    def worked(self, seconds: float) -> None:
        self._busy += seconds

    def next_start(self) -> float:
        """The earliest moment (``time.monotonic``) for the next group."""
        return self._last_start + max(self._started / STARTS_PER_SECOND, self._busy / BUSY_SHARE)

    def is_held_back(self) -> bool:
        """Whether it is the work, and not the usual distance, that the next group waits for."""
        return self._busy / BUSY_SHARE > max(self._started, 1) / STARTS_PER_SECOND

    def group(self) -> int:
        """How many may start together now: so many as take about two milliseconds of work."""
        return max(1, min(LARGEST_GROUP, int(GROUP_COST_SECONDS / self._cost)))

    def started(self, count: int) -> None:
        if self._started:
            self._cost += (self._busy / self._started - self._cost) * COST_LEARNING
        self._last_start, self._started, self._busy = monotonic(), count, 0.0


@dataclass(slots=True)
class Lag:
    """How late the loop was of late: the worst turn of the present and of the previous window."""

    stood_still: float = 0.0
    """Seconds, since the beginning, in which the process did not run or one turn took far too long."""
    _worst: float = 0.0
    _before: float = 0.0
    _window_ends: float = 0.0

    def note(self, overslept: float, busy: float) -> None:
        now = monotonic()
        if now >= self._window_ends:
            self._before, self._worst = self._worst, 0.0
            self._window_ends = now + LAG_WINDOW_SECONDS
        late = max(overslept, busy)
        self._worst = max(self._worst, late)
        if late >= STANDSTILL_SECONDS:
            self.stood_still += late

    def stood_still_with(self, overslept: float, busy: float) -> float:
        """``stood_still``, the turn that is still going on included."""
        late = max(overslept, busy)
        return self.stood_still + late if late >= STANDSTILL_SECONDS else self.stood_still

    @property
    def worst_ms(self) -> float:
        return max(self._worst, self._before) * 1000


@dataclass(slots=True)
class _Domain:
    inside: int = 0
    free_at: float = 0.0
    waiting: deque[tuple[float, Callable[[bool], None]]] = field(default_factory=deque)
    timer: Timer | None = None


class DomainLimits:
    """At most so many checks at a time, and so many starts a second, per registrable domain
    (``example.co.uk``).

    Addresses and names of this machine count per host and port, since they share no owner. Where the
    operator has opened such an address by ``PROBE_ALLOWED_NETWORKS``, the defaults do not hold for it: they
    are manners towards strangers, and the machine is the operator's own (one demo site on loopback may well
    carry hundreds of monitors). Limits that somebody set by hand hold everywhere.
    """

    def __init__(self, loop: Loop, settings: Settings, *, patience_s: float = DOMAIN_PATIENCE_SECONDS) -> None:
        self._loop = loop
        self._patience_s = patience_s
        self._settings = settings
        self._gap = 1 / settings.domain_rate if settings.domain_rate else 0.0
        self._domains: dict[str, _Domain] = {}
        self._suffixes = PublicSuffixList()

    def key(self, host: str, port: int) -> str | None:
        """What a check counts for; None when it is not limited."""
        if numeric_address(host) is None and not guard.is_localhost(host):
            return str(self._suffixes.privatesuffix(host) or host)
        own = self._settings.policy.allowed and guard.refusal_for_host(host, self._settings.policy) is None
        if own and guard.refusal_for_host(host) is not None and not self._settings.domain_limits_chosen:
            return None
        return f"{bracketed(host)}:{port}"

    def enter(self, key: str, go: Callable[[bool], None]) -> None:
        """Call ``go(True)`` when it is this check's turn, ``go(False)`` when that took too long."""
        self._domains.setdefault(key, _Domain()).waiting.append((monotonic() + self._patience_s, go))
        self._admit(key)

    def leave(self, key: str) -> None:
        self._domains[key].inside -= 1
        self._admit(key)

    def _admit(self, key: str) -> None:
        domain = self._domains[key]
        now = monotonic()
        while domain.waiting:
            patience_ends, go = domain.waiting[0]
            if now >= patience_ends:
                domain.waiting.popleft()
                go(False)
            elif self._is_full(domain) or now < domain.free_at:
                break
            else:
                domain.waiting.popleft()
                domain.inside += 1
                domain.free_at = now + self._gap
                go(True)
        self._look_again(key, domain, now)

    def _is_full(self, domain: _Domain) -> bool:
        return 0 < self._settings.domain_concurrency <= domain.inside

    def _look_again(self, key: str, domain: _Domain, now: float) -> None:
        """Come back when the next one may start, or gives up, or when the domain can be forgotten."""
        if domain.timer is not None:
            domain.timer.cancel()
            domain.timer = None
        if domain.waiting:
            patience_ends = domain.waiting[0][0]
            when = patience_ends if self._is_full(domain) else min(domain.free_at, patience_ends)
        elif domain.inside:
            return
        elif now < domain.free_at:
            when = domain.free_at
        else:
            del self._domains[key]
            return
        domain.timer = self._loop.call_at(when, lambda: self._admit(key))
