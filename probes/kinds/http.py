"""Fetch a page as a visitor would, and look at it closely."""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from probes import assertions
from probes.assertions import ANY_SUCCESS, Assertion, Complaint, Response, StatusSet
from probes.contract import InvalidSpec, Outcome, Phase, Reason, Timings
from probes.exchange import Call, Exchange
from probes.fields import (
    FAMILIES,
    MASK,
    Described,
    expiry_days,
    family,
    one_of,
    slowest_ms,
    text,
    told,
    unless_empty,
    whole_number,
    yes_or_no,
)
from probes.findings import Fault, Finding
from probes.hosts import UnsupportedScheme, Url, follow, location_as_sent, parse_url
from probes.sentences import joined, say

if TYPE_CHECKING:
    from probes.road import Road
    from probes.transfer import Session

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_HEADERS = 50
MAX_HEADER_VALUE = 4_000
MAX_BODY = 100_000
EVIDENCE_BODY = 2_048
MAX_SHOWN_HEADERS = 60
MAX_SHOWN_VALUE = 500
SHORTEST_SECRET = 4

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_FORBIDDEN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
    }
)
_MASKED_HEADERS = frozenset({"set-cookie", "www-authenticate", "authorization", "proxy-authenticate"})


def read_headers(value: Any, name: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or len(value) > MAX_HEADERS:
        raise InvalidSpec(say("must be an object of at most {most} header names and values", most=MAX_HEADERS), name)
    return tuple(_header(key, content, name) for key, content in value.items())


def _header(key: Any, content: Any, name: str) -> tuple[str, str]:
    if not isinstance(key, str) or not _HEADER_NAME.fullmatch(key):
        raise InvalidSpec(say("{key} is not a header name", key=repr(str(key)[:40])), name)
    if key.lower() in _FORBIDDEN_HEADERS or key.lower().startswith("proxy-"):
        raise InvalidSpec(say("{key} belongs to the connection and cannot be set", key=key), name)
    if not isinstance(content, str) or len(content) > MAX_HEADER_VALUE:
        raise InvalidSpec(
            say("the value of {key} must be a text of at most {most} characters", key=key, most=MAX_HEADER_VALUE), name
        )
    if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in content):
        raise InvalidSpec(say("the value of {key} holds control characters", key=key), name)
    return key, content.strip()


def _read_url(value: Any, name: str) -> Url:
    if not isinstance(value, str):
        raise InvalidSpec(say("must be an address like https://example.org/"), name)
    return parse_url(value, name)


@dataclass(frozen=True, slots=True)
class HttpSpec(Described):
    url: Url = told(_read_url, "url", "The address to fetch, http:// or https://")
    method: str = told(one_of(*METHODS), "choice", "How to ask", default="GET", choices=METHODS)
    headers: tuple[tuple[str, str], ...] = told(
        read_headers,
        "object",
        "Headers to send; dropped when a redirect leaves the site",
        default=(),
        secret=True,
    )
    body: str | None = told(
        text(MAX_BODY, minimum=0), "text", "What to send with the request", default=None, secret=True
    )
    follow_redirects: bool = told(yes_or_no, "boolean", "Go where the site sends visitors", default=True)
    max_redirects: int = told(whole_number(0, 20), "integer", "How often", default=5, minimum=0, maximum=20)
    verify_tls: bool = told(yes_or_no, "boolean", "Refuse certificates that a browser would refuse", default=True)
    ip_family: str = family()
    expected_status: StatusSet = told(
        assertions.read_status_set,
        "text",
        "Status codes that are fine, like 200-399 or 200,204",
        default=ANY_SUCCESS,
    )
    body_contains: str | None = told(unless_empty(text(5_000)), "text", "Text that must be on the page", default=None)
    body_not_contains: str | None = told(
        unless_empty(text(5_000)), "text", "Text that must not be on the page", default=None
    )
    body_matches: str | None = told(
        unless_empty(assertions.read_pattern), "text", "A pattern (RE2) that must match on the page", default=None
    )
    json_assertions: tuple[Assertion, ...] = told(
        assertions.read_json_assertions,
        "list",
        'Comparisons in a JSON answer, like {"path": "$.status", "op": "eq", "value": "ok"}',
        default=(),
    )
    header_assertions: tuple[Assertion, ...] = told(
        assertions.read_header_assertions,
        "list",
        'Comparisons of headers, like {"name": "Content-Type", "op": "contains", "value": "html"}',
        default=(),
    )
    max_response_ms: float | None = slowest_ms()
    cert_expiry_days: int | None = expiry_days()

    watch_content: bool = told(
        yes_or_no,
        "boolean",
        "Note when the page becomes another; for pages that are the same at every visit",
        default=False,
    )

    @property
    def dialled_host(self) -> str:
        return self.url.host

    @property
    def dialled_field(self) -> str:
        return "url"

    @property
    def dialled_port(self) -> int:
        return self.url.port

    @property
    def default_name(self) -> str:
        return self.url.host


async def probe(spec: HttpSpec, road: Road, finding: Finding) -> Finding:
    """Fetch, follow, judge. Whatever goes wrong is in the finding, with what was seen until then."""
    visit = _Visit(spec, road, road.session(), finding)
    try:
        exchange = await visit.arrive()
        complaint = visit.judge(exchange)
        if complaint is not None:
            finding.blame(Fault(complaint.reason, _phase_of(complaint), complaint.message))
        if spec.watch_content and finding.outcome in (Outcome.UP, Outcome.DEGRADED):
            finding.content = sha256(exchange.body).hexdigest()
    except Fault as fault:
        finding.blame(fault)
    finally:
        visit.session.close()
    if finding.reason is not None:
        finding.evidence = visit.evidence()
    return finding


@dataclass(frozen=True, slots=True)
class _Hop:
    """The next request of a visit."""

    url: Url
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(slots=True)
class _Visit:
    """One attempt: the hops it takes and what is written down on the way."""

    spec: HttpSpec
    road: Road
    session: Session
    finding: Finding
    _spent_ms: float = 0.0
    _seen: set[tuple[str, str, frozenset[str]]] = field(default_factory=set)
    _cookies: set[str] = field(default_factory=set)
    _certificates: list[dict[str, Any]] = field(default_factory=list)
    _addresses: tuple[str, ...] = ()
    _last: Exchange | None = None

    async def arrive(self) -> Exchange:
        """Follow the redirects to the page that a visitor would see."""
        body = self.spec.body.encode() if self.spec.body is not None else None
        hop = _Hop(self.spec.url, self.spec.method, self.spec.headers, body)
        while True:
            exchange = await self._take(hop)
            location = self._location(exchange)
            if location is None:
                return exchange
            hop = self._next(hop, exchange, location)

    async def _take(self, hop: _Hop) -> Exchange:
        dns_ms = await self._look_up(hop.url.host)
        exchange = await self.road.fetch(self._call(hop), self.session)
        fault = self._write_down(exchange, dns_ms)
        if fault is not None:
            raise self._first_cause(fault, exchange)
        return exchange

    def _first_cause(self, fault: Fault, exchange: Exchange) -> Fault:
        """A status that says it all comes before a body that is broken as well."""
        if fault.phase is Phase.DOWNLOAD:
            complaint = assertions.judge_status(self.spec.expected_status, exchange.status)
            if complaint is not None:
                return Fault(complaint.reason, _phase_of(complaint), joined([complaint.message, fault.message]))
        return fault

    async def _look_up(self, host: str) -> float:
        """Leaves the addresses behind and answers the milliseconds it took."""
        finding = self.finding
        finding.http_status = finding.remote_ip = finding.body_bytes = self._last = None
        try:
            self._addresses = await self.road.look_up(host, FAMILIES[self.spec.ip_family], finding)
        except Fault:
            dns_ms = finding.timings_ms.dns or 0.0
            finding.timings_ms = Timings(dns=dns_ms, total=self._spent_ms + dns_ms)
            raise
        return finding.timings_ms.dns or 0.0

    def _call(self, hop: _Hop) -> Call:
        return Call(
            url=hop.url,
            addresses=self._addresses,
            until=self.road.until,
            method=hop.method,
            headers=hop.headers,
            body=hop.body,
            verify_tls=self.spec.verify_tls,
            leaves_at_redirect=self.spec.follow_redirects,
        )

    def _write_down(self, exchange: Exchange, dns_ms: float) -> Fault | None:
        finding, self._last = self.finding, exchange
        finding.timings_ms = exchange.timings(dns_ms, before_ms=self._spent_ms)
        finding.remote_ip = exchange.remote_ip
        finding.http_status = exchange.status if exchange.has_answer else None
        finding.body_bytes = len(exchange.body) if exchange.has_answer else None
        finding.message = _remark(exchange)
        chain = self.road.read_certificate(exchange, finding)
        if chain and finding.certificate is not None:
            self._certificates.append(finding.certificate)
        return self.road.fault_of(exchange, chain)

    def _location(self, exchange: Exchange) -> str | None:
        if not self.spec.follow_redirects or exchange.status not in REDIRECTS:
            return None
        return location_as_sent(exchange.header("location") or "") or None

    def _next(self, hop: _Hop, exchange: Exchange, location: str) -> _Hop:
        """Where a redirect leads, or ``Fault`` when a visitor should not go there."""
        self._remember(hop, exchange, location)
        try:
            url = follow(hop.url, location)
        except UnsupportedScheme as scheme:
            raise _redirect_fault(
                Reason.UNSUPPORTED_SCHEME, say("the redirect leads to {scheme}:", scheme=scheme)
            ) from None
        except InvalidSpec as error:
            raise _redirect_fault(
                Reason.PROTOCOL_ERROR, say("the redirect leads nowhere: {error}", error=error)
            ) from None
        if hop.url.scheme == "https" and url.scheme == "http":
            raise _redirect_fault(Reason.INSECURE_REDIRECT, say("the redirect leads from https to {url}", url=url))
        method, body = _method_after(exchange.status, hop)
        if self._has_been_at(method, url):
            raise _redirect_fault(Reason.REDIRECT_LOOP, say("the redirects lead back to {url}", url=url))
        if len(self.finding.redirects) > self.spec.max_redirects:
            raise _redirect_fault(
                Reason.TOO_MANY_REDIRECTS, say("more than {most} redirects", most=self.spec.max_redirects)
            )
        headers = hop.headers if url.origin == hop.url.origin else ()
        return _Hop(url, method, headers, body)

    def _remember(self, hop: _Hop, exchange: Exchange, location: str) -> None:
        self._seen.add((hop.method, str(hop.url), frozenset(self._cookies)))
        self._cookies.update(
            value.partition(";")[0] for name, value in exchange.headers if name.lower() == "set-cookie"
        )
        self._spent_ms = self.finding.timings_ms.total or 0.0
        self.finding.redirects.append(
            {
                "url": str(hop.url),
                "status": exchange.status,
                "location": location[:2_000],
                "remote_ip": exchange.remote_ip,
                "timings_ms": asdict(exchange.timings(self.finding.timings_ms.dns)),
            }
        )

    def _has_been_at(self, method: str, url: Url) -> bool:
        """With the same cookies as now: some sites send a visitor round once to see whether one sticks."""
        return (method, str(url), frozenset(self._cookies)) in self._seen

    def judge(self, exchange: Exchange) -> Complaint | None:
        """The first thing that is not as it should be: what is broken before what is merely not nice."""
        spec = self.spec
        response = Response(exchange.status, exchange.headers, exchange.body, exchange.cut, exchange.packed_as)
        return (
            assertions.judge_status(spec.expected_status, exchange.status)
            or assertions.judge_headers(spec.header_assertions, exchange.headers)
            or assertions.judge_text(
                response, contains=spec.body_contains, lacks=spec.body_not_contains, matches=spec.body_matches
            )
            or assertions.judge_json(spec.json_assertions, response)
            or assertions.judge_protocol(exchange.tls_version)
            or self._judge_certificates()
            or assertions.judge_speed(spec.max_response_ms, self.finding.timings_ms.total)
        )

    def _judge_certificates(self) -> Complaint | None:
        """Every hop's own: visitors pass the first one too. Where none is verified, only if a warning is asked for."""
        if not self.spec.verify_tls and self.spec.cert_expiry_days is None:
            return None
        complaints = (assertions.judge_certificate(self.spec.cert_expiry_days, about) for about in self._certificates)
        return next((complaint for complaint in complaints if complaint is not None), None)

    def evidence(self) -> dict[str, Any]:
        """What to show of a failure: the DNS answer, the headers, the body's beginning; no secrets."""
        evidence: dict[str, Any] = {"dns": self.finding.evidence.get("dns", [])}
        if self._last is not None and self._last.header_lines:
            secrets = [value for _, value in self.spec.headers if len(value) >= SHORTEST_SECRET]
            response = Response(self._last.status, self._last.headers, self._last.body[:EVIDENCE_BODY])
            evidence["headers"] = _shown_headers(self._last.headers, secrets)
            evidence["body"] = _masked(response.text(), secrets)
        return evidence


def _method_after(status: int, hop: _Hop) -> tuple[str, bytes | None]:
    """What browsers do: a form is not posted twice, except where the site says so (307, 308)."""
    if (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST"):
        return "GET", None
    return hop.method, hop.body


def _redirect_fault(reason: Reason, message: str) -> Fault:
    return Fault(reason, Phase.FIRST_BYTE, message[:500])


def _phase_of(complaint: Complaint) -> Phase:
    if complaint.reason is Reason.SLOW_RESPONSE:
        return Phase.TOTAL
    if complaint.reason in (Reason.CERT_EXPIRING, Reason.TLS_DEPRECATED):
        return Phase.TLS
    return Phase.CONTENT


def _remark(exchange: Exchange) -> str:
    """Worth knowing, though nothing is wrong."""
    remarks = []
    silent = next((ip for ip in exchange.dialled if ":" in ip and "." not in ip), None)
    if silent is not None and "." in (exchange.remote_ip or "") and _ipv6_works_here(silent):
        remarks.append(say("IPv6 ({silent}) did not answer, IPv4 did", silent=silent))
    if exchange.cut:
        remarks.append(say("only the first {count} bytes of the body were read", count=f"{len(exchange.body):,}"))
    return "; ".join(remarks)


def _ipv6_works_here(address: str) -> bool:
    """Whether this machine has a way to that address at all. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex((address, 9)) == 0


def _shown_headers(headers: Sequence[tuple[str, str]], secrets: Sequence[str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in headers[:MAX_SHOWN_HEADERS]:
        plain = MASK if name.lower() in _MASKED_HEADERS else _masked(value[:MAX_SHOWN_VALUE], secrets)
        shown[name] = f"{shown[name]}, {plain}" if name in shown else plain
    return shown


def _masked(shown: str, secrets: Sequence[str]) -> str:
    """Servers like to repeat what they were sent, passwords included."""
    for secret in secrets:
        shown = shown.replace(secret, MASK)
    return shown
