"""Can a port be reached, and does whoever answers there say the right thing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.assertions import judge_speed
from probes.contract import Phase, Reason
from probes.exchange import Call
from probes.fields import FAMILIES, AtPort, family, read_host, slowest_ms, text, told, unless_empty, whole_number
from probes.findings import Fault, Finding
from probes.hosts import Url
from probes.sentences import say

if TYPE_CHECKING:
    from probes.road import Road


@dataclass(frozen=True, slots=True)
class TcpSpec(AtPort):
    host: str = told(read_host, "host", "The host to connect to")
    port: int = told(whole_number(1, 65_535), "integer", "The port to connect to", minimum=1, maximum=65_535)
    banner_contains: str | None = told(
        unless_empty(text(500)), "text", "Text that the server must say first", default=None
    )
    ip_family: str = family()
    max_response_ms: float | None = slowest_ms()


async def probe(spec: TcpSpec, road: Road, finding: Finding) -> Finding:
    """Connect; listen for a banner if one is expected."""
    addresses = await road.look_up(spec.host, FAMILIES[spec.ip_family], finding)
    exchange = await road.fetch(
        Call(
            url=Url("http", spec.host, spec.port, "/"),
            addresses=addresses,
            until=road.until,
            connect_only=True,
            listen_for=spec.banner_contains.encode() if spec.banner_contains else None,
        )
    )
    finding.timings_ms = exchange.timings(finding.timings_ms.dns)
    finding.remote_ip = exchange.remote_ip
    banner = exchange.body.decode(errors="replace")
    if banner:
        finding.evidence["body"] = banner
    fault = road.fault_of(exchange) or _judge(spec, banner, finding)
    return finding.blame(fault) if fault is not None else finding


def _judge(spec: TcpSpec, banner: str, finding: Finding) -> Fault | None:
    if spec.banner_contains and spec.banner_contains not in banner:
        return Fault(Reason.BODY_MISSING_TEXT, Phase.CONTENT, say("the server does not say what it should"))
    complaint = judge_speed(spec.max_response_ms, finding.timings_ms.total)
    return Fault(complaint.reason, Phase.TOTAL, complaint.message) if complaint is not None else None
