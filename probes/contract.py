"""What is asked of a check and what it answers: the one language between the server, its regions and the shell.

The wire form is plain JSON. Fields are only ever added, so a worker one version older or newer still understands
its neighbour: unknown fields are ignored, missing ones have defaults.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from probes.sentences import say

WIRE_VERSION = 1


class Outcome(StrEnum):
    """What one check found. ``unknown`` means we could not tell, which is never the site's fault."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """How far a check came."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    DOWNLOAD = "download"
    CONTENT = "content"
    TOTAL = "total"


class Reason(StrEnum):
    """Why a check did not simply pass. A closed vocabulary: people write alert rules against these words."""

    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_TIMEOUT = "dns_timeout"
    DNS_NO_ADDRESS = "dns_no_address"
    DNS_UNEXPECTED_ANSWER = "dns_unexpected_answer"

    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_CLOSED = "connection_closed"
    NETWORK_UNREACHABLE = "network_unreachable"
    ADDRESS_BLOCKED = "address_blocked"
    RATE_LIMITED = "rate_limited"

    TLS_HANDSHAKE = "tls_handshake"
    TLS_PROTOCOL_VERSION = "tls_protocol_version"
    TLS_TIMEOUT = "tls_timeout"
    TLS_CERT_EXPIRED = "tls_cert_expired"
    TLS_CERT_NOT_YET_VALID = "tls_cert_not_yet_valid"
    TLS_HOSTNAME_MISMATCH = "tls_hostname_mismatch"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_UNTRUSTED_ISSUER = "tls_untrusted_issuer"
    TLS_INCOMPLETE_CHAIN = "tls_incomplete_chain"
    TLS_DEPRECATED = "tls_deprecated"
    CERT_EXPIRING = "cert_expiring"

    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    BODY_TIMEOUT = "body_timeout"
    HEADER_TIMEOUT = "header_timeout"
    BODY_TRUNCATED = "body_truncated"
    BODY_TOO_LARGE = "body_too_large"
    PROTOCOL_ERROR = "protocol_error"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    REDIRECT_LOOP = "redirect_loop"
    INSECURE_REDIRECT = "insecure_redirect"
    UNSUPPORTED_SCHEME = "unsupported_scheme"
    UNEXPECTED_STATUS = "unexpected_status"
    HEADER_MISMATCH = "header_mismatch"

    BODY_MISSING_TEXT = "body_missing_text"
    BODY_FORBIDDEN_TEXT = "body_forbidden_text"
    BODY_REGEX_MISMATCH = "body_regex_mismatch"
    BODY_EMPTY = "body_empty"
    JSON_INVALID = "json_invalid"
    JSON_MISMATCH = "json_mismatch"
    SLOW_RESPONSE = "slow_response"

    PING_NO_REPLY = "ping_no_reply"
    HEARTBEAT_MISSED = "heartbeat_missed"
    HEARTBEAT_FAILED = "heartbeat_failed"
    HEARTBEAT_OVERLAP = "heartbeat_overlap"
    INVALID_SPEC = "invalid_spec"
    LATE = "late"
    BACKPRESSURE = "backpressure"
    SCHEDULER_GAP = "scheduler_gap"
    DEAD_LETTER = "dead_letter"
    REGION_SUSPECT = "region_suspect"
    INTERNAL_ERROR = "internal_error"


class InvalidSpec(ValueError):
    """A request that cannot be run. ``field`` names the part that is wrong, the message says how to mend it."""

    def __init__(self, message: str, field: str = "spec") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """One check to run. ``spec`` is read by the kind's own spec class; ``timeout_ms`` bounds all attempts together."""

    id: str
    kind: str
    spec: dict[str, Any]
    timeout_ms: int = 10_000
    retries: int = 0
    not_before: float | None = None
    """The second for which the check is meant, since the epoch; a worker that has it early waits for it a little."""

    @classmethod
    def from_wire(cls, data: object) -> Self:
        """Read a request, or raise ``InvalidSpec`` naming the field that is wrong."""
        if not isinstance(data, dict):
            raise InvalidSpec(say("a request must be a JSON object"), "request")
        kind, spec = data.get("kind"), data.get("spec")
        if not isinstance(kind, str):
            raise InvalidSpec(say("kind must be a string"), "kind")
        if not isinstance(spec, dict):
            raise InvalidSpec(say("spec must be a JSON object"), "spec")
        return cls(
            id=str(data.get("id", "")),
            kind=kind,
            spec=spec,
            timeout_ms=_whole_number(data, "timeout_ms", default=10_000, low=1, high=300_000),
            retries=_whole_number(data, "retries", default=0, low=0, high=10),
            not_before=_moment(data, "not_before"),
        )

    def to_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "spec": self.spec,
            "timeout_ms": self.timeout_ms,
            "retries": self.retries,
            "not_before": self.not_before,
        }


def _moment(data: dict[str, Any], name: str) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidSpec(say("{name} must be a time in seconds since the epoch", name=name), name)
    return float(value)


def _whole_number(data: dict[str, Any], name: str, *, default: int, low: int, high: int) -> int:
    value = data.get(name)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidSpec(
            say("{name} must be a whole number from {low} to {high}", name=name, low=low, high=high), name
        )
    return value


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds spent in each phase of the last hop, and in the whole check. None: the phase was not reached."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    download: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. ``reason`` is set whenever the outcome is not plainly ``up``."""

    id: str
    kind: str
    outcome: Outcome
    reason: Reason | None = None
    phase: Phase | None = None
    message: str = ""
    http_status: int | None = None
    remote_ip: str | None = None
    body_bytes: int | None = None
    timings_ms: Timings = field(default_factory=Timings)
    redirects: list[dict[str, Any]] = field(default_factory=list)
    certificate: dict[str, Any] | None = None
    addresses: list[str] = field(default_factory=list)
    """What DNS answered: the host's addresses; of a check of DNS, the records."""
    content: str | None = None
    """SHA-256 of the body in hexadecimal, where the check asks for it and did not fail."""
    attempts: int = 1
    evidence: dict[str, Any] | None = None
    """What a failing check saw: ``{"dns": [...], "headers": {...}, "body": "first 2 KiB"}``."""
    started_at: float | None = None
    """When the first attempt began, in seconds since the epoch by the worker's clock."""
    earlier_tries: list[dict[str, Any]] = field(default_factory=list)
    """The attempts before the one that counts: reason, phase, message, http_status, timings_ms of each."""

    def to_wire(self) -> dict[str, Any]:
        """By hand: ``asdict`` copies everything and costs a tenth of a check."""
        wire = {name: getattr(self, name) for name in _RESULT_FIELDS}
        wire["timings_ms"] = {name: getattr(self.timings_ms, name) for name in _PHASE_FIELDS}
        return wire

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        """Read a result. Raises ``ValueError``, ``KeyError`` or ``TypeError`` on anything that is not one."""
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["outcome"] = Outcome(values["outcome"])
        values["reason"] = Reason(values["reason"]) if values.get("reason") else None
        values["phase"] = Phase(values["phase"]) if values.get("phase") else None
        phases = {item.name for item in fields(Timings)}
        timings = values.get("timings_ms") or {}
        if not isinstance(timings, dict):
            raise TypeError(say("timings_ms must be an object"))
        values["timings_ms"] = Timings(**{name: value for name, value in timings.items() if name in phases})
        return cls(**values)


_RESULT_FIELDS = tuple(item.name for item in fields(CheckResult))
_PHASE_FIELDS = tuple(item.name for item in fields(Timings))


@dataclass(frozen=True, slots=True)
class Batch:
    """Checks that travel together to one region."""

    id: str
    region: str
    checks: list[CheckRequest]
    attempt: int = 1
    expires_at: float | None = None
    """Seconds since the epoch. Whoever gets it later need not begin: it is asked for again, or given up."""

    def to_wire(self) -> dict[str, Any]:
        # By hand: ``asdict`` copies every spec, which was a good part of the scheduler's time.
        return {
            "v": WIRE_VERSION,
            "id": self.id,
            "region": self.region,
            "checks": [check.to_wire() for check in self.checks],
            "attempt": self.attempt,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> Self:
        return cls(
            id=data["id"],
            region=data["region"],
            checks=[CheckRequest.from_wire(item) for item in data["checks"]],
            attempt=data.get("attempt", 1),
            expires_at=data.get("expires_at"),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Results on their way home: some of a batch, as they finish."""

    batch: str
    region: str
    worker: str
    results: list[CheckResult]

    def to_wire(self) -> dict[str, Any]:
        return {
            "v": WIRE_VERSION,
            "batch": self.batch,
            "region": self.region,
            "worker": self.worker,
            "results": [result.to_wire() for result in self.results],
        }


@dataclass(frozen=True, slots=True)
class LifeSign:
    """A region worker says that it lives. ``sent_at`` is its own clock, in seconds since the epoch."""

    region: str
    worker: str
    version: str
    concurrency: int
    sent_at: float
    last_batch_at: float | None = None
    lag_ms: float | None = None
    """How late the worker's loop was at worst during the last seconds."""
    slowed_down: bool = False
    """The worker starts checks later than asked, because otherwise their timings would not be true."""
    spooled: int | None = None
    """Results that wait on the worker's disk for the broker to take them. None: it cannot say."""
    refused: int = 0
    """Batches since its last sign that it did not run, because of their marks: none, one that came before, too late."""

    def to_wire(self) -> dict[str, Any]:
        return {"v": WIRE_VERSION, **asdict(self)}
