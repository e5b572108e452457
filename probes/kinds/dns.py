"""Do the name servers say what they should?"""

# ruff: noqa: RUF009  # told() makes a dataclass field, as field() does

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from probes.contract import InvalidSpec, Phase, Reason
from probes.fields import Described, one_of, read_host, told
from probes.findings import Fault, Finding, lost_name
from probes.hosts import numeric_address
from probes.sentences import say
from probes.settings import BadSetting, Nameserver, parse_nameserver

if TYPE_CHECKING:
    from probes.road import Road

RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "CAA", "SRV", "PTR", "DS", "DNSKEY", "TLSA", "HTTPS")
MAX_EXPECTED = 50
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(\d{3}|.)", re.DOTALL)


def read_expected(value: Any, name: str) -> tuple[str, ...]:
    """A list of records, or a text with one per line or comma."""
    items = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > MAX_EXPECTED:
        raise InvalidSpec(say("must be a list of at most {most} records", most=MAX_EXPECTED), name)
    if not all(isinstance(item, str) and len(item) <= 1_000 for item in items):
        raise InvalidSpec(say("each record must be a text"), name)
    return tuple(item.strip() for item in items if item.strip())


def read_nameserver(value: Any, name: str) -> Nameserver:
    try:
        return parse_nameserver(str(value))
    except BadSetting:
        raise InvalidSpec(say("must be an address, or address:port"), name) from None


@dataclass(frozen=True, slots=True)
class DnsSpec(Described):
    name: str = told(read_host, "host", "The name to look up")
    record_type: str = told(one_of(*RECORD_TYPES), "choice", "Which records", default="A", choices=RECORD_TYPES)
    expected: tuple[str, ...] = told(
        read_expected, "list", "Exactly the records that must be there, in any order", default=()
    )
    nameserver: Nameserver | None = told(
        read_nameserver, "text", "Ask this name server (address or address:port) instead of our own", default=None
    )

    @property
    def dialled_host(self) -> str:
        return self.nameserver.address if self.nameserver else self.name

    @property
    def dialled_field(self) -> str:
        return "nameserver" if self.nameserver else "name"

    @property
    def dialled_port(self) -> int:
        return self.nameserver.port if self.nameserver else 53

    @property
    def default_name(self) -> str:
        return f"{self.name} {self.record_type}"


async def probe(spec: DnsSpec, road: Road, finding: Finding) -> Finding:
    """Ask, and compare."""
    began = monotonic()
    answer = await road.ask(question_name(spec), spec.record_type, spec.nameserver)
    spent_ms = (monotonic() - began) * 1000
    if spec.nameserver is not None:
        finding.remote_ip = spec.nameserver.address
    finding.timings_ms = replace(finding.timings_ms, dns=spent_ms, total=spent_ms)
    finding.evidence["dns"] = [*answer.aliases, *answer.records]
    fault = _judge(spec, answer.failure, answer.records)
    return finding.blame(fault) if fault is not None else finding


def question_name(spec: DnsSpec) -> str:
    """An address is looked up backwards."""
    address = numeric_address(spec.name)
    return address.reverse_pointer if address is not None else spec.name


def _judge(spec: DnsSpec, failure: Reason | None, records: Sequence[str]) -> Fault | None:
    if failure is not None:
        return lost_name(failure, spec.name)
    if not records and spec.record_type in ("A", "AAAA") and not spec.expected:
        return lost_name(Reason.DNS_NO_ADDRESS, spec.name)
    if not records:
        return _unexpected(say("{name} has no {record_type} record", name=spec.name, record_type=spec.record_type))
    plainly = _way_to_compare(spec)
    found, wanted = {plainly(record) for record in records}, {plainly(record) for record in spec.expected}
    if not wanted or found == wanted:
        return None
    return _unexpected(
        "; ".join(
            f"{word}: {', '.join(sorted(records))}"
            for word, records in (("missing", wanted - found), (say("not expected"), found - wanted))
            if records
        )
    )


def _way_to_compare(spec: DnsSpec) -> Callable[[str], str]:
    """Mail servers may be given by their names alone; then their order does not count."""
    if spec.record_type == "MX" and not any(" " in record for record in spec.expected):
        return lambda record: plain(record).rpartition(" ")[2]
    return plain_text if spec.record_type == "TXT" else plain


def _unexpected(message: str) -> Fault:
    return Fault(Reason.DNS_UNEXPECTED_ANSWER, Phase.DNS, message[:500])


def plain(record: str) -> str:
    """Records as people compare them: without case, final dots and quotes, addresses in one spelling."""
    text = " ".join(word.strip('"').removesuffix(".") for word in record.split())
    address = numeric_address(text)
    return str(address) if address is not None else text.lower()


def plain_text(record: str) -> str:
    """A TXT record as the text it means: its strings put together, its escapes undone. Every letter counts."""
    if not record.startswith('"'):
        return record
    parts = [part.encode() for part in _QUOTED.findall(record)]
    return _ESCAPED.sub(_unescaped, b"".join(parts)).decode(errors="replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code) & 0xFF]) if code.isdigit() else code
