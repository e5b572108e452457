"""The kinds of check. A new kind is one file here and one line in ``KINDS``.

A kind says what it can be told, and judges what it saw; how the outside is reached is the road's business, which it is
handed when it runs. So the server, which runs none, knows all kinds without loading what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.fields import Spec
from probes.findings import Finding
from probes.kinds import dns, http, ping, tcp, tls

if TYPE_CHECKING:
    from probes.road import Road

Probe = Callable[[Any, "Road", Finding], Coroutine[Any, None, Finding]]


@dataclass(frozen=True, slots=True)
class Kind:
    """``probe(spec, road, finding)`` makes one attempt. It fills in the finding as it goes and returns it.

    It may raise ``Fault`` at any point; the engine writes that into the finding.
    """

    spec: type[Spec]
    probe: Probe


KINDS: dict[str, Kind] = {
    "http": Kind(http.HttpSpec, http.probe),
    "tcp": Kind(tcp.TcpSpec, tcp.probe),
    "dns": Kind(dns.DnsSpec, dns.probe),
    "tls": Kind(tls.TlsSpec, tls.probe),
    "ping": Kind(ping.PingSpec, ping.probe),
}
