"""Does a host answer an echo request?"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from probes.contract import Phase, Reason
from probes.fields import FAMILIES, Described, family, read_host, told
from probes.findings import Fault, Finding
from probes.loop import READ
from probes.sentences import say

if TYPE_CHECKING:
    from probes.road import Road

AGAIN_AFTER_SECONDS = 1.0
PAYLOAD = b"uptime"
MARK_BYTES = 8
# Kind of message out, kind of message back, protocol.
_ECHO: dict[int, tuple[int, int, int]] = {
    socket.AF_INET: (8, 0, socket.IPPROTO_ICMP),
    socket.AF_INET6: (128, 129, socket.IPPROTO_ICMPV6),
}
_order = itertools.count(1)


@dataclass(frozen=True, slots=True)
class PingSpec(Described):
    host: str = told(read_host, "host", "The host to ping")
    ip_family: str = family()

    @property
    def dialled_host(self) -> str:
        return self.host

    @property
    def dialled_field(self) -> str:
        return "host"

    @property
    def dialled_port(self) -> int:
        return 0

    @property
    def default_name(self) -> str:
        return self.host


async def probe(spec: PingSpec, road: Road, finding: Finding) -> Finding:
    """Ask once a second until an answer comes."""
    address = (await road.look_up(spec.host, FAMILIES[spec.ip_family], finding))[0]
    finding.remote_ip = address
    dns_ms = finding.timings_ms.dns or 0.0
    with open_socket(address) as sock:
        answer_ms = await _ask_until_answered(sock, address, road)
    finding.timings_ms = replace(finding.timings_ms, first_byte=answer_ms, total=dns_ms + answer_ms)
    return finding


def open_socket(address: str) -> socket.socket:
    """The kernel's own ping socket where it may be used, else a raw one, else ``Fault``."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    protocol = _ECHO[family][2]
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
            sock.connect((address, 0))
        except OSError as error:
            reason = error
        else:
            return sock
    if isinstance(reason, PermissionError):
        advice = say("this worker may not send pings; the kernel's net.ipv4.ping_group_range must allow its group")
        raise Fault(Reason.INTERNAL_ERROR, Phase.CONNECT, advice)
    raise Fault(
        Reason.NETWORK_UNREACHABLE,
        Phase.CONNECT,
        say("{address} cannot be reached: {strerror}", address=address, strerror=reason.strerror),
    )


async def _ask_until_answered(sock: socket.socket, address: str, road: Road) -> float:
    mark = os.urandom(MARK_BYTES)
    sent: dict[int, float] = {}
    while monotonic() < road.until:
        number = next(_order) & 0xFFFF
        sent[number] = monotonic()
        _send(sock, echo_request(sock.family, number, mark))
        until = min(road.until, monotonic() + AGAIN_AFTER_SECONDS)
        while await road.loop.ready([sock.fileno()], READ, until):
            answered = read_reply(sock, mark)
            if answered in sent:
                return (monotonic() - sent[answered]) * 1000
    raise Fault(Reason.PING_NO_REPLY, Phase.FIRST_BYTE, say("{address} does not answer pings", address=address))


def _send(sock: socket.socket, packet: bytes) -> None:
    try:
        sock.send(packet)
    except OSError as error:
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM):
            raise Fault(
                Reason.NETWORK_UNREACHABLE, Phase.CONNECT, say("no way there: {strerror}", strerror=error.strerror)
            ) from None


def echo_request(family: int, number: int, mark: bytes) -> bytes:
    kind = _ECHO[family][0]
    body = mark + PAYLOAD
    packet = struct.pack("!BBHHH", kind, 0, 0, 0, number) + body
    return struct.pack("!BBHHH", kind, 0, checksum(packet), 0, number) + body


def read_reply(sock: socket.socket, mark: bytes) -> int | None:
    """The number of our own request that this packet answers. A raw socket hears everybody's."""
    try:
        packet = sock.recv(1_500)
    except OSError:
        return None
    if sock.family == socket.AF_INET and sock.type & socket.SOCK_RAW == socket.SOCK_RAW and packet:
        packet = packet[(packet[0] & 0x0F) * 4 :]  # raw IPv4 sockets deliver the IP header too
    if len(packet) < 8 + MARK_BYTES or packet[0] != _ECHO[sock.family][1]:
        return None
    ours: bool = packet[8 : 8 + MARK_BYTES] == mark
    return int.from_bytes(packet[6:8], "big") if ours else None


def checksum(packet: bytes) -> int:
    """RFC 1071. The kernel fills it in for IPv6 and for ping sockets, not for raw IPv4 ones."""
    padded = packet + b"\x00" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
