"""Every fault of DNS has one name, and one silent name server of two is no fault."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

from bench.stage.sites import black_hole
from onebox.servers import free_port
from probes.contract import CheckRequest, Outcome, Phase, Reason
from probes.engine import Engine
from probes.settings import Nameserver, Settings
from tests.probes.conftest import LOOPBACK, Check, MakeSite, ask
from tests.probes.lab import OK, NameServer, Zone, late, patience_ms, says, zone

A = {"A": ["127.0.0.1"]}
UseZone = Callable[[Zone], NameServer]


def refers(query: dns.message.Message) -> dns.message.Message:
    """A server that is not asked for such names: it points to those that may be."""
    reply = dns.message.make_response(query)
    reply.authority.append(dns.rrset.from_text("test.", 60, "IN", "NS", "ns.test."))
    return reply


def by_family(ipv4: Zone, ipv6: Zone) -> Zone:
    return lambda query: (ipv4 if query.question[0].rdtype == dns.rdatatype.A else ipv6)(query)


def odd(change: Callable[[dns.message.Message], None]) -> Zone:
    """The right answer, but for one thing."""

    def look_up(query: dns.message.Message) -> dns.message.Message | None:
        reply = zone(site__test=A)(query)
        if reply is not None:
            change(reply)
        return reply

    return look_up


def with_another_id(reply: dns.message.Message) -> None:
    reply.id ^= 1


def for_another_name(reply: dns.message.Message) -> None:
    reply.question[0].name = dns.name.from_text("other.test.")


def in_capitals(reply: dns.message.Message) -> None:
    reply.question[0].name = dns.name.from_text("SITE.Test.")


def chain(length: int, *, shuffled: bool = False) -> Zone:
    """All the aliases in one answer, the last one first if need be."""

    def look_up(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        names = ["site.test.", *(f"a{n}.test." for n in range(length))]
        for name, target in itertools.pairwise(names):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
        if query.question[0].rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(names[-1], 60, "IN", "A", "127.0.0.1"))
        if shuffled:
            reply.answer.reverse()
        return reply

    return look_up


HEALTHY: dict[str, Zone] = {
    "in capitals": odd(in_capitals),
    "eight aliases": chain(8),
    "aliases in the wrong order": chain(3, shuffled=True),
    "no word about IPv6": by_family(zone(site__test=A), zone(site__test=None)),
    "an error about IPv6": by_family(zone(site__test=A), zone(site__test="SERVFAIL")),
    "a denial about IPv6": by_family(late(zone(site__test=A), seconds=0.1), zone()),
    "IPv6 not implemented": by_family(zone(site__test=A), zone(site__test="NOTIMP")),
}


@pytest.mark.parametrize("records", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_name_is_found_however_odd_the_answer(
    records: Zone, check: Check, site: MakeSite, names: UseZone
) -> None:
    names(records)
    result = check(site(says(OK)).url(host="site.test"))

    assert result.outcome is Outcome.UP, result.message


FAULTS: dict[str, tuple[Zone, Reason]] = {
    "no such name": (zone(), Reason.DNS_NXDOMAIN),
    "an alias to nothing": (zone(site__test={"CNAME": ["gone.test."]}), Reason.DNS_NXDOMAIN),
    "an alias to itself": (zone(site__test={"CNAME": ["site.test."]}), Reason.DNS_SERVFAIL),
    "an alias to an alias and back": (
        zone(site__test={"CNAME": ["www.test."]}, www__test={"CNAME": ["site.test."]}),
        Reason.DNS_SERVFAIL,
    ),
    "an answer with another id": (odd(with_another_id), Reason.DNS_TIMEOUT),
    "an answer to another question": (odd(for_another_name), Reason.DNS_TIMEOUT),
    "server failure": (zone(site__test="SERVFAIL"), Reason.DNS_SERVFAIL),
    "not implemented": (zone(site__test="NOTIMP"), Reason.DNS_SERVFAIL),
    "refused": (zone(site__test="REFUSED"), Reason.DNS_REFUSED),
    "referral": (refers, Reason.DNS_SERVFAIL),
    "silence": (zone(site__test=None), Reason.DNS_TIMEOUT),
    "no address": (zone(site__test={"MX": ["10 mail.test."]}), Reason.DNS_NO_ADDRESS),
}


@pytest.mark.parametrize(("records", "reason"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_name(records: Zone, reason: Reason, check: Check, names: UseZone) -> None:
    names(records)
    result = check("http://site.test/", timeout_ms=patience_ms(reason))

    assert (result.outcome, result.reason, result.phase) == (Outcome.DOWN, reason, Phase.DNS), result.message
    assert result.timings_ms.dns == result.timings_ms.total
    assert result.timings_ms.connect is None


def test_an_alias_is_followed(check: Check, site: MakeSite, names: UseZone) -> None:
    names(zone(site__test={"CNAME": ["www.test."]}, www__test=A))

    assert check(site(says(OK)).url(host="site.test")).outcome is Outcome.UP


def test_an_answer_that_does_not_fit_comes_over_tcp(check: Check, names: UseZone) -> None:
    names(zone(site__test={"A": [f"127.0.1.{n}" for n in range(100)]}))
    result = check(f"http://site.test:{free_port()}/")

    assert result.reason is Reason.CONNECT_REFUSED
    assert result.evidence is not None
    assert len(result.evidence["dns"]) == 100


@pytest.mark.parametrize(("family", "reason"), [("4", None), ("6", Reason.DNS_NO_ADDRESS)])
def test_the_family_that_was_asked_for(
    family: str, reason: Reason | None, check: Check, site: MakeSite, names: UseZone
) -> None:
    server = names(zone(site__test=A))
    result = check(site(says(OK)).url(host="site.test"), ip_family=family)

    assert result.reason is reason
    assert server.questions == ["site.test. A" if family == "4" else "site.test. AAAA"]


def test_ipv6_alone(check: Check, site: MakeSite, names: UseZone) -> None:
    names(zone(site__test={"AAAA": ["::1"]}))
    result = check(site(says(OK), address="::1").url(host="site.test"))

    assert (result.outcome, result.remote_ip) == (Outcome.UP, "::1")


def test_a_dead_family_is_noted_and_no_fault(check: Check, site: MakeSite, names: UseZone) -> None:
    names(zone(site__test={"A": ["127.0.0.1"], "AAAA": ["::1"]}))
    result = check(site(says(OK)).url(host="site.test"))

    assert (result.outcome, result.remote_ip) == (Outcome.UP, "127.0.0.1")
    assert "IPv6 (::1) did not answer" in result.message


def test_a_black_hole_in_one_family_delays_and_is_no_fault(check: Check, site: MakeSite, names: UseZone) -> None:
    names(zone(site__test={"A": ["127.0.0.1"], "AAAA": ["::1"]}))
    with black_hole("::1") as port:
        result = check(site(says(OK), port=port).url(host="site.test"))

    assert (result.outcome, result.remote_ip) == (Outcome.UP, "127.0.0.1")


def test_one_dead_address_of_two(check: Check, site: MakeSite, names: UseZone) -> None:
    names(zone(site__test={"A": ["127.0.0.9", "127.0.0.1"]}))

    assert check(site(says(OK)).url(host="site.test")).outcome is Outcome.UP


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "64:ff9b::a9fe:a9fe", "8.8.8.8"])
def test_one_forbidden_address_among_good_ones_blocks(address: str, check: Check, names: UseZone) -> None:
    rdtype = "AAAA" if ":" in address else "A"
    other = {"A": ["127.0.0.1"]} if rdtype == "AAAA" else {}
    names(zone(site__test={"A": ["127.0.0.1", address], **other} if rdtype == "A" else {"AAAA": [address], **other}))
    result = check(f"http://site.test:{free_port()}/", timeout_ms=500)

    if address == "8.8.8.8":  # public: allowed, so it is dialled like any other
        assert result.outcome is Outcome.DOWN
    else:
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED)


def test_a_name_that_changes_its_mind_is_asked_once_per_dial(check: Check, site: MakeSite, names: UseZone) -> None:
    server = names(zone(site__test=A))
    check(site(says(OK)).url(host="site.test"), ip_family="4")

    assert server.questions == ["site.test. A"]


def test_slow_dns_is_seen_in_its_phase(check: Check, site: MakeSite, names: UseZone) -> None:
    names(late(zone(site__test=A), seconds=0.3))
    result = check(site(says(OK)).url(host="site.test"), ip_family="4")

    assert result.outcome is Outcome.UP
    assert result.timings_ms.dns is not None
    assert result.timings_ms.dns >= 290


# -- more than one name server


@pytest.fixture
def server() -> Iterator[Callable[[Zone], Nameserver]]:
    servers: list[NameServer] = []

    def make(records: Zone) -> Nameserver:
        servers.append(NameServer(records))
        return Nameserver("127.0.0.1", servers[-1].port)

    yield make
    for one in servers:
        one.close()


PAIRS: dict[str, tuple[Zone | None, Zone | None, Reason | None]] = {
    "the first is silent": (zone(site__test=None), zone(site__test=A), None),
    "the second is silent": (zone(site__test=A), zone(site__test=None), None),
    "the first does not run": (None, zone(site__test=A), None),
    "the first fails": (zone(site__test="SERVFAIL"), zone(site__test=A), None),
    "the first points elsewhere": (refers, zone(site__test=A), None),
    "the first refuses": (zone(site__test="REFUSED"), zone(site__test=A), None),
    "one fails, one is silent": (zone(site__test="SERVFAIL"), zone(site__test=None), Reason.DNS_SERVFAIL),
    "both are silent": (zone(site__test=None), zone(site__test=None), Reason.DNS_TIMEOUT),
}


@pytest.mark.parametrize(("first", "second", "reason"), PAIRS.values(), ids=PAIRS)
def test_two_name_servers(
    first: Zone | None,
    second: Zone | None,
    reason: Reason | None,
    server: Callable[[Zone], Nameserver],
    site: MakeSite,
) -> None:
    pair = tuple(server(z) if z is not None else Nameserver("127.0.0.1", free_port()) for z in (first, second))
    engine = Engine(Settings(policy=LOOPBACK, nameservers=pair))
    try:
        url = site(says(OK)).url(host="site.test")
        result = ask(engine, CheckRequest("x", "http", {"url": url}, timeout_ms=3_000))
    finally:
        engine.close()

    assert result.reason is reason, result.message
