"""DNS whose failures can be told apart, on the same loop as everything else.

dnspython writes and reads the messages; the sockets are ours, because its own I/O would need threads. Every
check asks anew: a cached answer would hide the very fault that somebody wants to hear of. ``/etc/hosts``
and the names of this machine are honoured. Search lists are not: a monitor names its host in full.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from probes.contract import Reason
from probes.findings import Fault, lost_name
from probes.guard import is_localhost
from probes.hosts import numeric_address
from probes.loop import READ, WRITE, Loop, Task
from probes.settings import Nameserver

PATIENCE_SECONDS = 0.4
"""How long a name server may be silent before the next one is asked too. Doubles with every round."""

SECOND_OPINION_SECONDS = 1.5
"""How long to wait for a better answer once one name server has answered with an error."""

OTHER_FAMILY_SECONDS = {dns.rdatatype.A: 1.0, dns.rdatatype.AAAA: 0.05}
"""How long a missing answer of this type is waited for once the other type is there. An IPv4 address is
worth more waiting: with IPv6 alone a broken IPv6 path would look like a broken site.
"""

MAX_ALIASES = 8
FAMILIES = {4: (dns.rdatatype.A,), 6: (dns.rdatatype.AAAA,), None: (dns.rdatatype.A, dns.rdatatype.AAAA)}

_REASONS = {
    dns.rcode.NXDOMAIN: Reason.DNS_NXDOMAIN,
    dns.rcode.SERVFAIL: Reason.DNS_SERVFAIL,
    dns.rcode.REFUSED: Reason.DNS_REFUSED,
}
_LOOPBACK = ("127.0.0.1", "::1")
_WORST_FIRST = (Reason.DNS_NXDOMAIN, Reason.DNS_SERVFAIL, Reason.DNS_REFUSED, Reason.DNS_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a name leads. ``aliases`` are the names on the way (CNAME)."""

    addresses: tuple[str, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the name servers said to one question. Neither records nor failure: none of that type exist."""

    records: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    failure: Reason | None = None


@dataclass(slots=True)
class _Hosts:
    """``/etc/hosts``, read again when it changes."""

    path: Path = Path("/etc/hosts")
    stamp: tuple[int, int] = (0, 0)
    names: dict[str, list[str]] = field(default_factory=dict)

    def lookup(self, name: str) -> list[str]:
        try:
            status = self.path.stat()
        except OSError:
            return []
        if self.stamp != (status.st_mtime_ns, status.st_size):
            self.stamp = (status.st_mtime_ns, status.st_size)
            self.names = self._read()
        return self.names.get(name, [])

    def _read(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for line in self.path.read_text(errors="replace").splitlines():
            address, *aliases = line.partition("#")[0].split() or [""]
            if numeric_address(address) is not None:
                for alias in aliases:
                    names.setdefault(alias.lower().rstrip("."), []).append(address)
        return names


class Resolver:
    """Looks names up for one loop. ``nameservers`` empty means those of ``/etc/resolv.conf``."""

    def __init__(self, loop: Loop, nameservers: Sequence[Nameserver] = ()) -> None:
        self._loop = loop
        self._nameservers = tuple(nameservers)
        self._hosts = _Hosts()

    async def addresses(self, host: str, *, family: int | None, until: float) -> Addresses:
        """The addresses of a plain host. Raises ``Fault`` with a ``dns_`` reason."""
        known = self._known(host, family)
        if known is not None:
            return Addresses(tuple(known)) if known else _no_address(host, family)
        answers = await self._ask_both(host, FAMILIES[family], until)
        addresses = tuple(address for answer in answers for address in answer.records)
        if addresses:
            return Addresses(addresses, answers[0].aliases)
        failures = {answer.failure for answer in answers}
        for reason in _WORST_FIRST:
            if reason in failures:
                raise lost_name(reason, host)
        return _no_address(host, family)

    def _known(self, host: str, family: int | None) -> list[str] | None:
        """What needs no name server: numeric addresses, the hosts file, this machine."""
        if numeric_address(host) is not None:
            return [host] if family in (None, _family(host)) else []
        known = [address for address in self._hosts.lookup(host) if family in (None, _family(address))]
        if not known and is_localhost(host):
            return [loopback for loopback in _LOOPBACK if family in (None, _family(loopback))]
        return known or None

    async def _ask_both(self, host: str, types: Sequence[dns.rdatatype.RdataType], until: float) -> list[Answer]:
        tasks = [self._loop.spawn(self.follow(host, rdtype, until)) for rdtype in types]
        try:
            await self._wait_for_both(tasks, types, until)
            return [await task if task.result.done else Answer(failure=Reason.DNS_TIMEOUT) for task in tasks]
        finally:
            for task in tasks:
                task.cancel()

    async def _wait_for_both(
        self, tasks: Sequence[Task[Answer]], types: Sequence[dns.rdatatype.RdataType], until: float
    ) -> None:
        while any(not task.result.done for task in tasks):
            for task, other in zip(tasks, reversed(types), strict=True):
                if task.result.done and _settles_it(await task):
                    until = min(until, monotonic() + OTHER_FAMILY_SECONDS[other])
            if not await self._loop.first(tasks, until):
                return

    async def follow(
        self, name: str, rdtype: dns.rdatatype.RdataType, until: float, *, nameservers: Sequence[Nameserver] = ()
    ) -> Answer:
        """Ask, and follow aliases ourselves where the name server leaves that to us."""
        aliases: list[str] = []
        for _ in range(MAX_ALIASES):
            answer = await self.ask(name, rdtype, until, nameservers=nameservers)
            aliases += answer.aliases
            if answer.records or answer.failure or not answer.aliases:
                return Answer(answer.records, tuple(aliases), answer.failure)
            name = answer.aliases[-1]
        return Answer(aliases=tuple(aliases), failure=Reason.DNS_SERVFAIL)

    async def ask(
        self, name: str, rdtype: dns.rdatatype.RdataType, until: float, *, nameservers: Sequence[Nameserver] = ()
    ) -> Answer:
        """Put one question to the name servers in turn until one answers usefully."""
        try:
            query = dns.message.make_query(name, rdtype)
        except dns.exception.DNSException:
            return Answer(failure=Reason.DNS_NXDOMAIN)
        inquiry = _Inquiry(self._loop, query, nameservers or self._nameservers or system_nameservers(), until)
        try:
            return await inquiry.run()
        finally:
            inquiry.close()


class _Inquiry:
    """One question on its way to one or more name servers, each on a socket (and thus a port) of its own."""

    def __init__(self, loop: Loop, query: dns.message.Message, nameservers: Sequence[Nameserver], until: float) -> None:
        self._loop = loop
        self._query = query
        self._wire = query.to_wire()
        self._until = until
        self._waiting = list(nameservers)
        self._sockets: dict[int, tuple[socket.socket, Nameserver]] = {}
        self._patience = PATIENCE_SECONDS
        self._ask_again_at = 0.0
        self._failure: Reason | None = None

    async def run(self) -> Answer:
        self._ask_next()
        while self._sockets or self._waiting:
            ready = await self._loop.ready(list(self._sockets), READ, self._next_step())
            for fd in ready:
                answer = await self._read(fd)
                if answer is not None:
                    return answer
            if not ready:
                if monotonic() >= self._until:
                    break
                self._ask_next()
        return Answer(failure=self._failure or Reason.DNS_TIMEOUT)

    def close(self) -> None:
        for sock, _ in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def _next_step(self) -> float:
        return min(self._until, self._ask_again_at) if self._sockets else 0.0

    def _ask_next(self) -> None:
        """Ask one more name server, or all of them once more when every one has been asked."""
        self._ask_again_at = monotonic() + self._patience
        if not self._waiting:
            self._patience *= 2
            for sock, _ in self._sockets.values():
                _send(sock, self._wire)
            return
        nameserver = self._waiting.pop(0)
        sock = socket.socket(_socket_family(nameserver), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect((nameserver.address, nameserver.port))  # so that only this server's datagrams reach us
        except OSError:
            sock.close()
            return
        self._sockets[sock.fileno()] = sock, nameserver
        _send(sock, self._wire)

    async def _read(self, fd: int) -> Answer | None:
        sock, nameserver = self._sockets[fd]
        try:
            wire = sock.recv(65_535)
        except BlockingIOError:
            return None
        except OSError:  # nobody listens there
            return self._give_up_on(fd, None)
        answer = self._understand(wire)
        if answer is None:
            return None
        if answer.flags & dns.flags.TC:
            whole = await _over_tcp(self._loop, nameserver, self._wire, self._until)
            answer = self._understand(whole)
            if answer is None:
                return self._give_up_on(fd, None)
        code = answer.rcode()
        if code in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and not _is_referral(answer):
            return _read_answer(answer)
        return self._give_up_on(fd, _REASONS.get(code, Reason.DNS_SERVFAIL))

    def _understand(self, wire: bytes) -> dns.message.Message | None:
        """The message if it answers our question; anything else may be forged and is not there."""
        try:
            message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
        except (dns.exception.DNSException, ValueError):
            return None
        return message if self._query.is_response(message) else None

    def _give_up_on(self, fd: int, failure: Reason | None) -> Answer | None:
        """One server is no use. Ask the next at once; without one, wait a little for those still asked."""
        self._sockets.pop(fd)[0].close()
        self._failure = self._failure or failure
        if self._waiting:
            self._ask_next()
        if self._failure is not None and not self._waiting:
            self._until = min(self._until, monotonic() + SECOND_OPINION_SECONDS)
        return None


def system_nameservers(path: Path = Path("/etc/resolv.conf")) -> tuple[Nameserver, ...]:
    """Those of ``resolv.conf``, at most three as everywhere; this machine when it names none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    words = (line.split() for line in lines)
    found = [Nameserver(word[1]) for word in words if len(word) > 1 and word[0] == "nameserver"]
    return tuple(item for item in found if numeric_address(item.address.partition("%")[0]))[:3] or (
        Nameserver("127.0.0.1"),
    )


def _read_answer(message: dns.message.Message) -> Answer:
    """Walk from the question along the aliases to the records."""
    question = message.question[0]
    name, aliases = question.name, list[str]()
    records: tuple[str, ...] = ()
    by_name = {(rrset.name, rrset.rdtype): rrset for rrset in message.answer}
    for _ in range(2 * MAX_ALIASES):
        found = by_name.get((name, question.rdtype))
        if found is not None:
            records = tuple(record.to_text() for record in found)
            break
        alias = by_name.get((name, dns.rdatatype.CNAME))
        if alias is None:
            break
        name = alias[0].target
        aliases.append(name.to_text(omit_final_dot=True))
    failure = Reason.DNS_NXDOMAIN if message.rcode() == dns.rcode.NXDOMAIN and not records else None
    return Answer(records, tuple(aliases), failure)


def _is_referral(message: dns.message.Message) -> bool:
    """A server that knows nothing of the name and points to others: no answer at all, as everywhere."""
    points_elsewhere = any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority)
    return points_elsewhere and not message.answer and not message.flags & (dns.flags.AA | dns.flags.RA)


async def _over_tcp(loop: Loop, nameserver: Nameserver, wire: bytes, until: float) -> bytes:
    """The same question once more over TCP, for answers that do not fit a datagram. Empty when that fails."""
    with socket.socket(_socket_family(nameserver), socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        code = sock.connect_ex((nameserver.address, nameserver.port))
        if code not in (0, errno.EINPROGRESS) or not await loop.ready([sock.fileno()], WRITE, until):
            return b""
        try:
            sock.sendall(len(wire).to_bytes(2, "big") + wire)
            length = await _receive(loop, sock, 2, until)
            return await _receive(loop, sock, int.from_bytes(length, "big"), until)
        except OSError:
            return b""


async def _receive(loop: Loop, sock: socket.socket, size: int, until: float) -> bytes:
    data = b""
    while len(data) < size:
        if not await loop.ready([sock.fileno()], READ, until):
            return b""
        chunk = sock.recv(size - len(data))
        if not chunk:
            return b""
        data += chunk
    return data


def _settles_it(answer: Answer) -> bool:
    return bool(answer.records) or answer.failure is Reason.DNS_NXDOMAIN


def _no_address(host: str, family: int | None) -> Addresses:
    fault = lost_name(Reason.DNS_NO_ADDRESS, host)
    raise Fault(fault.reason, fault.phase, f"{fault.message} of IPv{family}") if family else fault


def _family(address: str) -> int:
    return 6 if ":" in address else 4


def _socket_family(nameserver: Nameserver) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in nameserver.address else socket.AF_INET


def _send(sock: socket.socket, wire: bytes) -> None:
    with contextlib.suppress(OSError):  # the refusal of an earlier datagram; reading will tell
        sock.send(wire)
