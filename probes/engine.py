"""Runs checks: one loop in one thread per process, however many threads hand checks in.

The engine owns deadline, retries, pace, limits and errors, so that a kind only says what it saw.
"""

from __future__ import annotations

import os
import queue
import resource
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from time import monotonic, time
from typing import Any

from probes.certificates import Intermediates
from probes.contract import CheckRequest, CheckResult, InvalidSpec, Outcome, Reason
from probes.fields import Spec
from probes.findings import Fault, Finding
from probes.kinds import KINDS, Kind
from probes.loop import Loop, start_thread
from probes.pace import DomainLimits, Lag, Pace
from probes.resolver import Resolver
from probes.road import Road
from probes.sentences import say
from probes.settings import Settings, read_settings
from probes.transfer import Transfers

FIRST_PAUSE_SECONDS = 0.25
"""The pause before the second try; it doubles with every further one."""

SHORTEST_TRY_SECONDS = 0.1
"""With less time left than this, another try would only say that there was no time."""

LATE_AFTER_SECONDS = 30.0
"""A worker's check that waited longer than this would answer a question that nobody asks any more."""

LONGEST_WAIT_SECONDS = 3.0
"""A worker's check that came before its time waits so long at most, however wrong one of the two clocks is."""

PULSE_SECONDS = 0.1
LATENESS = frozenset(
    {
        Reason.DNS_TIMEOUT,
        Reason.CONNECT_TIMEOUT,
        Reason.TLS_TIMEOUT,
        Reason.FIRST_BYTE_TIMEOUT,
        Reason.HEADER_TIMEOUT,
        Reason.BODY_TIMEOUT,
        Reason.PING_NO_REPLY,
        Reason.SLOW_RESPONSE,
    }
)
"""Faults of which being late ourselves is the other explanation."""

DESCRIPTORS_PER_CHECK = 4
"""A connection, two questions to name servers, and one that is being closed."""

SPARE_DESCRIPTORS = 200
TAKEN_IN_TOGETHER = 200
SPECS_KEPT = 10_000
LONGEST_SPEC_KEPT = 1_000
GATHER_SECONDS = 0.05

OnResult = Callable[[CheckResult], None]


@dataclass(frozen=True, slots=True)
class Health:
    """How the engine feels. ``slowed_down``: it starts checks late, to keep their timings true."""

    under_way: int
    waiting: int
    lag_ms: float
    slowed_down: bool


@dataclass(slots=True)
class _Job:
    """A check from the moment it is handed in."""

    request: CheckRequest
    on_result: OnResult
    kind: Kind
    spec: Spec
    taken_in_at: float
    domain: str | None = None


class Engine:
    """``worker``: with limits per domain, not before a check's second, and without checks that have waited too long
    to mean anything.

    On the command line a person means what they type.
    """

    def __init__(self, settings: Settings | None = None, *, worker: bool = False) -> None:
        self.settings = settings or read_settings()
        _allow_open_files(DESCRIPTORS_PER_CHECK * self.settings.concurrency + SPARE_DESCRIPTORS)
        self._loop = Loop()
        self._transfers = Transfers(self._loop, self.settings.policy, self.settings.ca_file)
        self._resolver = Resolver(self._loop, self.settings.nameservers)
        self._intermediates = Intermediates()
        self._limits = DomainLimits(self._loop, self.settings) if worker else None
        self._patience = LATE_AFTER_SECONDS if worker else float("inf")
        self._waits = worker
        self._pace, self._lag = Pace(), Lag()
        self._specs: dict[str, tuple[Kind, Spec]] = {}
        self._ready: deque[_Job] = deque()
        self._early: dict[float, list[_Job]] = {}
        self._under_way = 0
        self._pulse_set = False
        self._admission_set = False
        self._held_up_at = 0.0
        self._loop.on_turn = self._on_turn
        self._thread = start_thread(self._loop, "probes-engine")

    # -- from any thread

    def run(self, requests: Iterable[CheckRequest], on_result: OnResult) -> None:
        """Run checks and return when all are done. ``on_result`` is called in this thread, in any order."""
        finished: queue.SimpleQueue[list[CheckResult]] = queue.SimpleQueue()
        missing = self.submit(requests, self.gather(finished.put))
        while missing:
            for result in finished.get():
                missing -= 1
                on_result(result)

    def gather(self, deliver: Callable[[list[CheckResult]], None]) -> OnResult:
        """An ``on_result`` that collects for a moment: waking another thread costs more than a check does.

        When nothing is under way any more, nobody has to wait.
        """
        collected: list[CheckResult] = []

        def hand_over() -> None:
            if collected:
                deliver(collected.copy())
                collected.clear()

        def take(result: CheckResult) -> None:
            collected.append(result)
            if not self._under_way:
                hand_over()
            elif len(collected) == 1:
                self._loop.call_at(monotonic() + GATHER_SECONDS, hand_over)

        return take

    def run_one(self, request: CheckRequest) -> CheckResult:
        results: list[CheckResult] = []
        self.run([request], results.append)
        return results[0]

    def submit(self, requests: Iterable[CheckRequest], on_result: OnResult) -> int:
        """Hand checks in, return how many. The engine's thread calls ``on_result``, which must be quick."""
        batch = list(requests)
        self._loop.call_from_thread(lambda: self._take_in(batch, on_result))
        return len(batch)

    def health(self) -> Health:
        return Health(
            under_way=self._under_way,
            waiting=len(self._ready),
            lag_ms=self._lag.worst_ms,
            slowed_down=monotonic() - self._held_up_at < 10.0,
        )

    def close(self) -> None:
        """End the thread. Checks under way are given up without a result."""
        self._loop.stop()
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()

    # -- in the engine's thread: waiting for a turn

    def _take_in(self, batch: list[CheckRequest], on_result: OnResult, begin: int = 0) -> None:
        """A part at a time: reading thousands of specs in one go would hold up those that are under way."""
        end = begin + TAKEN_IN_TOGETHER
        if end < len(batch):
            self._loop.call_soon(lambda: self._take_in(batch, on_result, end))
        for request in batch[begin:end]:
            try:
                kind, spec = self._read_spec(request)
            except InvalidSpec as error:
                on_result(invalid(request, error))
                continue
            self._queue_in_time(_Job(request, on_result, kind, spec, monotonic()))
        self._admit()

    def _queue_in_time(self, job: _Job) -> None:
        """At once, or with the others of its second when that has come."""
        moment = job.request.not_before
        wait = self._seconds_early(moment)
        if moment is None or wait <= 0:
            self._queue(job)
            return
        if moment not in self._early:
            self._early[moment] = []
            self._loop.call_at(monotonic() + wait, lambda: self._its_time_has_come(moment))
        self._early[moment].append(job)

    def _seconds_early(self, not_before: float | None) -> float:
        if not_before is None or not self._waits:
            return 0.0
        return min(not_before - time(), LONGEST_WAIT_SECONDS)

    def _its_time_has_come(self, moment: float) -> None:
        for job in self._early.pop(moment):
            job.taken_in_at = monotonic()
            self._queue(job)
        self._admit()

    def _read_spec(self, request: CheckRequest) -> tuple[Kind, Spec]:
        """A monitor sends the same spec every minute; reading it anew costs as much as a third of a check."""
        key = f"{request.kind} {request.spec!r}"
        known = self._specs.get(key)
        if known is None:
            known = read_spec(request)
            if len(self._specs) >= SPECS_KEPT:
                self._specs.clear()
            if len(key) <= LONGEST_SPEC_KEPT:
                self._specs[key] = known
        return known

    def _queue(self, job: _Job) -> None:
        if self._limits is not None:
            job.domain = self._limits.key(job.spec.dialled_host, job.spec.dialled_port)
        if self._limits is None or job.domain is None:
            self._ready.append(job)
            return
        self._limits.enter(job.domain, lambda admitted: self._enter(job, admitted))

    def _enter(self, job: _Job, admitted: bool) -> None:
        if admitted:
            self._ready.append(job)
            self._admit()
            return
        job.on_result(
            _unrun(job.request, Reason.RATE_LIMITED, say("too many checks of {domain} are waiting", domain=job.domain))
        )

    def _admit(self) -> None:
        """Start what may start now; come back later for the rest."""
        while self._ready and self._under_way < self.settings.concurrency:
            wait_until = self._pace.next_start()
            if wait_until > monotonic():
                if self._pace.is_held_back():
                    self._held_up_at = monotonic()
                self._admit_at(wait_until)
                return
            self._start_group()

    def _start_group(self) -> None:
        room = min(self._pace.group(), self.settings.concurrency - self._under_way, len(self._ready))
        group = [self._ready.popleft() for _ in range(room)]
        self._pace.started(room)
        for job in group:
            if monotonic() - job.taken_in_at > self._patience:
                self._finish(job, _unrun(job.request, Reason.LATE, say("the worker was too busy to check in time")))
                continue
            self._under_way += 1
            self._loop.spawn(self._run(job))
        self._keep_pulse()

    def _admit_at(self, when: float) -> None:
        if self._admission_set:
            return

        def admit() -> None:
            self._admission_set = False
            self._admit()

        self._admission_set = True
        self._loop.call_at(when, admit)

    def _keep_pulse(self) -> None:
        """Wake up regularly while checks are under way, to notice when we were not woken up."""
        if self._pulse_set or not self._under_way:
            return

        def beat() -> None:
            self._pulse_set = False
            self._keep_pulse()

        self._pulse_set = True
        self._loop.call_at(monotonic() + PULSE_SECONDS, beat)

    def _on_turn(self, overslept: float, busy: float) -> None:
        self._pace.worked(busy)
        self._lag.note(overslept, busy)

    # -- in the engine's thread: running

    async def _run(self, job: _Job) -> None:
        try:
            result = await self._check(job)
        except Exception as error:  # noqa: BLE001  # our fault, and it must not look like the site's
            problem = say("the probe failed: {name}: {error}", name=type(error).__name__, error=error)[:500]
            result = _unrun(job.request, Reason.INTERNAL_ERROR, problem)
        self._under_way -= 1
        self._finish(job, result)

    def _finish(self, job: _Job, result: CheckResult) -> None:
        job.on_result(result)
        if job.domain is not None or (self._ready and not self._admission_set):
            # Not at once: a check that ends immediately would start the next one from inside its own start.
            self._loop.call_soon(lambda: self._make_room(job))

    def _make_room(self, job: _Job) -> None:
        if job.domain is not None and self._limits is not None:
            self._limits.leave(job.domain)
        self._admit()

    async def _check(self, job: _Job) -> CheckResult:
        """Try, and again while it fails and time is left. The last try counts, all are remembered."""
        started_at, until = time(), monotonic() + job.request.timeout_ms / 1000
        tries: list[dict[str, Any]] = []
        pause = FIRST_PAUSE_SECONDS
        while True:
            finding = await self._try(job, until)
            again_at = monotonic() + pause
            if not self._may_retry(job, finding, len(tries), again_at, until):
                return _result(job.request, finding, started_at=started_at, tries=tries)
            tries.append(_remembered(finding))
            await self._loop.sleep_until(again_at)
            pause *= 2

    async def _try(self, job: _Job, until: float) -> Finding:
        road = Road(self._loop, self._resolver, self._transfers, self._intermediates, until)
        finding, stood_still = Finding(), self._stood_still()
        try:
            await job.kind.probe(job.spec, road, finding)
        except Fault as fault:
            finding.blame(fault)
        return _in_doubt(finding, self._stood_still() - stood_still)

    def _stood_still(self) -> float:
        return self._lag.stood_still_with(*self._loop.turn_so_far())

    def _may_retry(self, job: _Job, finding: Finding, tried: int, again_at: float, until: float) -> bool:
        return (
            finding.outcome is Outcome.DOWN and tried < job.request.retries and again_at + SHORTEST_TRY_SECONDS < until
        )


def _allow_open_files(wanted: int) -> None:
    """The usual soft limit of 1,024 is less than what the checks need; the hard one mostly is not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _in_doubt(finding: Finding, stood_still: float) -> Finding:
    """Our own standstill is never the site's: what only lateness speaks for becomes unknown."""
    if stood_still and finding.reason in LATENESS:
        was = say(
            "the worker stood still for {stood_still} s; it would have said: {reason}",
            stood_still=f"{stood_still:.1f}",
            reason=finding.reason,
        )
        finding.blame(Fault(Reason.LATE, finding.phase, was))
    elif stood_still and finding.reason is None:
        finding.message = say(
            "the worker stood still for {stood_still} s, so the times are too long", stood_still=f"{stood_still:.1f}"
        )
    return finding


def read_spec(request: CheckRequest) -> tuple[Kind, Spec]:
    """Raises ``InvalidSpec``."""
    kind = KINDS.get(request.kind)
    if kind is None:
        raise InvalidSpec(
            say("there is no kind {kind}; the kinds are {names}", kind=repr(request.kind[:40]), names=", ".join(KINDS)),
            "kind",
        )
    try:
        return kind, kind.spec.parse(request.spec)
    except InvalidSpec:
        raise
    except RecursionError:
        raise InvalidSpec(say("the spec is nested too deeply")) from None
    except Exception as error:  # noqa: BLE001  # whatever a reader trips over, the request gets its answer
        raise InvalidSpec(
            say("the spec cannot be read: {name}: {error}", name=type(error).__name__, error=error)[:500]
        ) from None


def invalid(request: CheckRequest, error: InvalidSpec) -> CheckResult:
    """A request that cannot be run is no outage."""
    return _unrun(request, Reason.INVALID_SPEC, f"{error.field}: {error}"[:1_000])


def _unrun(request: CheckRequest, reason: Reason, message: str) -> CheckResult:
    return _result(request, Finding().blame(Fault(reason, None, message)), started_at=time(), tries=[])


def _remembered(finding: Finding) -> dict[str, Any]:
    return {
        "reason": finding.reason,
        "phase": finding.phase,
        "message": finding.message,
        "http_status": finding.http_status,
        "timings_ms": asdict(finding.timings_ms),
    }


def _result(request: CheckRequest, finding: Finding, *, started_at: float, tries: list[dict[str, Any]]) -> CheckResult:
    message = finding.message
    if tries and finding.outcome in (Outcome.UP, Outcome.DEGRADED):
        told = {"outcome": finding.outcome, "count": len(tries) + 1, "before": tries[-1]["message"]}
        if message:
            message = say("{outcome} on try {count}; before: {before}. {message}", message=message, **told)
        else:
            message = say("{outcome} on try {count}; before: {before}.", **told)
    return CheckResult(
        id=request.id,
        kind=request.kind,
        outcome=finding.outcome,
        reason=finding.reason,
        phase=finding.phase,
        message=message,
        http_status=finding.http_status,
        remote_ip=finding.remote_ip,
        body_bytes=finding.body_bytes,
        timings_ms=finding.timings_ms,
        redirects=finding.redirects,
        certificate=finding.certificate,
        addresses=finding.evidence.get("dns", []),
        content=finding.content,
        attempts=len(tries) + 1,
        evidence=finding.evidence if finding.reason is not None and finding.evidence else None,
        started_at=started_at,
        earlier_tries=tries,
    )


_shared: tuple[int, Engine] | None = None
_shared_lock = threading.Lock()


def shared_engine() -> Engine:
    """This process's one engine for workers, made on first use: a thread does not survive a fork."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid():
            _shared = os.getpid(), Engine(worker=True)
        return _shared[1]


def shared_health() -> Health | None:
    """How this process's engine feels, if it has one."""
    return _shared[1].health() if _shared is not None and _shared[0] == os.getpid() else None
