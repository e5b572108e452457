"""The one road out, as a kind sees it: look up a name, fetch over a fresh connection, before the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from probes import guard
from probes.certificates import Intermediates
from probes.contract import Phase, Reason
from probes.findings import Fault
from probes.guard import Policy
from probes.loop import Loop
from probes.resolver import Addresses, Resolver
from probes.transfer import Session, Transfers


@dataclass(frozen=True, slots=True)
class Road:
    """What one attempt may use. ``until`` is its deadline by ``time.monotonic``."""

    loop: Loop
    resolver: Resolver
    transfers: Transfers
    policy: Policy
    intermediates: Intermediates
    until: float

    async def lookup(self, host: str, family: int | None) -> Addresses:
        """Where a host leads. Raises ``Fault`` when nowhere, or where even one address may not be dialled."""
        found = await self.resolver.addresses(host, family=family, until=self.until)
        for address in found.addresses:
            blocked = guard.refusal(address, self.policy)
            if blocked is not None:
                raise Fault(Reason.ADDRESS_BLOCKED, Phase.CONNECT, blocked)
        return found

    def session(self) -> Session:
        return self.transfers.session()

    def seconds_left(self) -> float:
        return self.until - monotonic()
