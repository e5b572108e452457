"""What a kind hands back to the engine: a finding when a check ran to its end, a fault when it could not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from probes.contract import Outcome, Phase, Reason, Timings
from probes.sentences import say

COULD_NOT_TELL = frozenset(
    {Reason.ADDRESS_BLOCKED, Reason.RATE_LIMITED, Reason.INVALID_SPEC, Reason.LATE, Reason.INTERNAL_ERROR}
)
"""Reasons that say something about us and nothing about the site."""

STILL_WORKS = frozenset({Reason.SLOW_RESPONSE, Reason.CERT_EXPIRING, Reason.TLS_DEPRECATED})
"""Reasons that a visitor would not notice, or not yet."""


def outcome_of(reason: Reason) -> Outcome:
    if reason in COULD_NOT_TELL:
        return Outcome.UNKNOWN
    return Outcome.DEGRADED if reason in STILL_WORKS else Outcome.DOWN


class Fault(Exception):  # the site's fault, as a rule, and no error of ours
    """Something stands between us and the answer. Raised in a kind, turned into a result by the engine."""

    def __init__(self, reason: Reason, phase: Phase | None, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.phase = phase
        self.message = message


_LOST = {
    Reason.DNS_NXDOMAIN: say("{name} does not exist"),
    Reason.DNS_SERVFAIL: say("the name servers could not look up {name} (SERVFAIL)"),
    Reason.DNS_REFUSED: say("the name servers refused to look up {name}"),
    Reason.DNS_TIMEOUT: say("no name server answered for {name}"),
    Reason.DNS_NO_ADDRESS: say("{name} exists but has no address"),
}


def lost_name(reason: Reason, name: str) -> Fault:
    """A name that leads nowhere, and why."""
    return Fault(reason, Phase.DNS, say(_LOST[reason], name=name))


@dataclass(slots=True)
class Finding:
    """What one attempt saw. Filled in as it goes, so that a fault half-way still shows how far it came."""

    reason: Reason | None = None
    phase: Phase | None = None
    message: str = ""
    http_status: int | None = None
    remote_ip: str | None = None
    body_bytes: int | None = None
    timings_ms: Timings = field(default_factory=Timings)
    redirects: list[dict[str, Any]] = field(default_factory=list)
    certificate: dict[str, Any] | None = None
    content: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        return Outcome.UP if self.reason is None else outcome_of(self.reason)

    def blame(self, fault: Fault) -> Finding:
        self.reason, self.phase, self.message = fault.reason, fault.phase, fault.message
        return self
