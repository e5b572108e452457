"""The one place that decides whether an address may be dialled.

It judges numeric addresses at the moment of dialling, never names: a name may mean something else a second
later. Neither ``is_private`` nor ``is_global`` is enough. Each lets a dozen forms of a private address
through (NAT64, 6to4, Teredo, IPv4-compatible, cloud metadata outside the private ranges), so this asks
several questions and takes one no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from probes.hosts import Address, numeric_address
from probes.sentences import say

Network = IPv4Network | IPv6Network

METADATA: frozenset[Address] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, OpenStack, ...
        "169.254.169.253",  # AWS DNS
        "169.254.169.123",  # AWS time
        "169.254.169.249",  # AWS licence service
        "169.254.169.250",
        "169.254.169.251",
        "169.254.170.2",  # AWS container credentials
        "169.254.170.23",  # AWS pod identity
        "169.254.0.23",  # Tencent
        "169.254.10.10",
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::253",
        "fd00:ec2::250",
        "fd00:ec2::123",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google over IPv6
        "fd00:a9fe:a9fe::254",  # Oracle and others over IPv6
        "fd00:42::42",  # Scaleway
        "fe80::a9fe:a9fe",
    )
)
"""Services that hand credentials to whoever asks from inside. No setting opens these."""

_DENIED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/8",  # unspecified, loopback, IPv4-compatible and -mapped, translated
        "64:ff9b::/96",  # NAT64: an IPv4 address in disguise
        "64:ff9b:1::/48",
        "100::/63",
        "2001::/23",  # Teredo, ORCHID and other assignments that are no hosts
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",  # link-local and the old site-local
        "ff00::/8",
    )
)
"""Networks that are not the public internet, written out: Python's own tables differ between versions."""

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_LOCALHOST = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be dialled besides the public internet."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Policy:
        """Raises ``ValueError`` naming the entry that is not a network."""
        return cls(tuple(ip_network(text.strip(), strict=False) for text in networks if text.strip()))

    def allows(self, address: Address) -> bool:
        return any(address in network for network in self.allowed if network.version == address.version)


PUBLIC_ONLY = Policy()


@lru_cache(maxsize=8192)
def refusal(address: str | Address, policy: Policy = PUBLIC_ONLY) -> str | None:
    """Why this numeric address may not be dialled, or None when it may. What is no address may not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return say("{address} is not a numeric address", address=address)
    faces = tuple(_faces(parsed))
    if any(face in METADATA for face in faces):
        return say("{address} is a cloud metadata address", address=parsed)
    if policy.allows(parsed) or policy.allows(_unmapped(parsed)):
        return None
    if any(not _is_public(face) for face in faces):
        return say("{address} is not on the public internet", address=parsed)
    return None


def refusal_for_host(host: str, policy: Policy = PUBLIC_ONLY) -> str | None:
    """Why a host may not be monitored, as far as its spelling tells: for the moment of saving, without DNS.

    Knows every spelling of an address and the names of this machine. A name that only DNS can judge gets
    None here and is judged when it is dialled.
    """
    address = numeric_address(host)
    if address is not None:
        return refusal(address, policy)
    if not is_localhost(host):
        return None
    if any(refusal(loopback, policy) is None for loopback in ("127.0.0.1", "::1")):
        return None
    return say("{host} is this machine", host=host)


def is_localhost(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name in _LOCALHOST or name.endswith(".localhost")


def _is_public(address: Address) -> bool:
    if any(address in network for network in _DENIED if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unmapped(address: Address) -> Address:
    """``::ffff:192.0.2.1`` is dialled as 192.0.2.1, so it is judged as that."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _faces(address: Address) -> Iterator[Address]:
    """The address as it is written, and every IPv4 address that a translator on the way may make of it."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))
    mapped = _unmapped(address)
    yield mapped
    if isinstance(mapped, IPv4Address):
        return
    if mapped.sixtofour is not None:
        yield mapped.sixtofour
    if mapped.teredo is not None:
        yield from mapped.teredo
    if any(mapped in network for network in _NAT64) or int(mapped) >> 64 == 0:
        yield IPv4Address(int(mapped) & 0xFFFFFFFF)
