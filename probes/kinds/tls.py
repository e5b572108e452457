"""Is the certificate of a service good, and for how long? For anything that speaks TLS, at once or after STARTTLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes import assertions
from probes.contract import Phase
from probes.exchange import Call
from probes.fields import FAMILIES, AtPort, expiry_days, family, one_of, read_host, told, whole_number
from probes.findings import Fault, Finding
from probes.hosts import Url

if TYPE_CHECKING:
    from probes.road import Road

STARTTLS = ("none", "smtp", "imap")
_SCHEMES = {"none": "https", "smtp": "smtp", "imap": "imap"}


@dataclass(frozen=True, slots=True)
class TlsSpec(AtPort):
    host: str = told(read_host, "host", "The host to connect to")
    port: int = told(
        whole_number(1, 65_535), "integer", "The port to connect to", default=443, minimum=1, maximum=65_535
    )
    server_name: str | None = told(read_host, "host", "The name to ask for, where it is not the host", default=None)
    starttls: str = told(one_of(*STARTTLS), "choice", "How the encryption begins", default="none", choices=STARTTLS)
    cert_expiry_days: int | None = expiry_days()
    ip_family: str = family()


async def probe(spec: TlsSpec, road: Road, finding: Finding) -> Finding:
    """Shake hands and look at the certificate."""
    addresses = await road.look_up(spec.host, FAMILIES[spec.ip_family], finding)
    exchange = await road.fetch(
        Call(
            url=Url(_SCHEMES[spec.starttls], spec.server_name or spec.host, spec.port, "/"),
            addresses=addresses,
            until=road.until,
            connect_only=True,
        )
    )
    finding.timings_ms = exchange.timings(finding.timings_ms.dns)
    finding.remote_ip = exchange.remote_ip
    chain = road.read_certificate(exchange, finding)
    fault = road.fault_of(exchange, chain) or _judge(spec, finding)
    return finding.blame(fault) if fault is not None else finding


def _judge(spec: TlsSpec, finding: Finding) -> Fault | None:
    protocol = finding.certificate["protocol"] if finding.certificate else None
    complaint = assertions.judge_protocol(protocol) or assertions.judge_certificate(
        spec.cert_expiry_days, finding.certificate
    )
    return Fault(complaint.reason, Phase.TLS, complaint.message) if complaint is not None else None
