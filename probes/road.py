"""The one road out, as a kind sees it: look up a name, fetch over a fresh connection, before the deadline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic, time

from dns.rdatatype import RdataType

from probes import certificates
from probes.certificates import Intermediates
from probes.contract import Phase, Reason, Timings
from probes.exchange import Call, Exchange
from probes.faults import fault_of, speaks_no_tls_of_today
from probes.findings import Fault, Finding
from probes.loop import Loop
from probes.resolver import Answer, Resolver
from probes.settings import Nameserver
from probes.transfer import Session, Transfers


@dataclass(frozen=True, slots=True)
class Road:
    """What one attempt may use. ``until`` is its deadline by ``time.monotonic``."""

    loop: Loop
    resolver: Resolver
    transfers: Transfers
    intermediates: Intermediates
    until: float

    async def look_up(self, host: str, family: int | None, finding: Finding) -> tuple[str, ...]:
        """Where a host leads. Writes the time it took and the answer into ``finding``.

        Raises ``Fault`` when it leads nowhere, or when even one of its addresses may not be dialled.
        """
        began = monotonic()
        try:
            found = await self.resolver.addresses(host, family=family, until=self.until)
        finally:
            dns_ms = (monotonic() - began) * 1000
            finding.timings_ms = Timings(dns=dns_ms, total=dns_ms)
        finding.evidence["dns"] = [*found.aliases, *found.addresses]
        for address in found.addresses:
            self.require(address)
        return found.addresses

    async def ask(self, name: str, record_type: str, nameserver: Nameserver | None = None) -> Answer:
        """What the name servers, or that one, say of a name, aliases followed. Raises ``Fault`` as ``look_up`` does."""
        if nameserver is not None:
            self.require(nameserver.address)
        nameservers = (nameserver,) if nameserver is not None else ()
        return await self.resolver.follow(name, RdataType.make(record_type), self.until, nameservers=nameservers)

    def require(self, address: str) -> None:
        """Raises ``Fault`` when an address may not be dialled."""
        blocked = self.transfers.refusal(address)
        if blocked is not None:
            raise Fault(Reason.ADDRESS_BLOCKED, Phase.CONNECT, blocked)

    def session(self) -> Session:
        return self.transfers.session()

    async def fetch(self, call: Call, session: Session | None = None) -> Exchange:
        """Make a request; once more in the old way when the server speaks no TLS version of today."""
        own = session or self.session()
        try:
            exchange = await own.fetch(call)
            if not speaks_no_tls_of_today(exchange):
                return exchange
            obsolete = await own.fetch(replace(call, obsolete_tls=True))
            return obsolete if obsolete.secured_at else exchange
        finally:
            if session is None:
                own.close()

    def read_certificate(self, exchange: Exchange, finding: Finding) -> tuple[bytes, ...]:
        """Write the certificate into ``finding``, good or bad, and answer the chain that the server sent."""
        chain = certificates.read_chain(exchange.certificate_message, tls13=exchange.tls13)
        if chain:
            finding.certificate = certificates.facts(
                chain, protocol=exchange.tls_version, cipher=exchange.tls_cipher, now=time()
            )
        if exchange.secured_at and exchange.verified:
            self.intermediates.learn(chain)
        return chain

    def fault_of(self, exchange: Exchange, chain: tuple[bytes, ...] = ()) -> Fault | None:
        """Why a request failed; None when it did not. ``chain`` is what ``read_certificate`` answered."""
        return fault_of(exchange, self.intermediates, chain)
