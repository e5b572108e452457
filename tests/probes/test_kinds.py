"""What is not http: ports, records, certificates and pings."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from bench.stage.sites import black_hole
from onebox.servers import free_port
from probes.contract import Outcome, Phase, Reason
from probes.kinds import KINDS
from tests.probes.conftest import Check, MakeSite
from tests.probes.lab import (
    Authority,
    Behaviour,
    NameServer,
    Zone,
    hold,
    patience_ms,
    reset,
    zone,
)

UseZone = Callable[[Zone], NameServer]


def tell(connection: socket.socket, *parts: bytes | float) -> None:
    for part in parts:
        if isinstance(part, bytes):
            connection.sendall(part)
        else:
            hold(connection, part)


def greets(*parts: bytes | float) -> Behaviour:
    """Say the parts, a number being a pause in seconds, and stay."""

    def behave(connection: socket.socket) -> None:
        tell(connection, *parts)
        hold(connection)

    return behave


def says_and_closes(*parts: bytes | float) -> Behaviour:
    return lambda connection: tell(connection, *parts)


# -- tcp


def test_an_open_port_is_up(check: Check, site: MakeSite) -> None:
    result = check(kind="tcp", host="127.0.0.1", port=site(hold).port)

    assert (result.outcome, result.remote_ip) == (Outcome.UP, "127.0.0.1")
    assert result.timings_ms.connect is not None
    assert result.timings_ms.first_byte is None


def closes_at_once(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def resets_after(*said: bytes | float) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        tell(connection, *said)
        reset(connection)

    return behave


BANNERS: dict[str, tuple[Behaviour, Reason | None]] = {
    "the right one": (greets(b"220 mail.test ready\r\n"), None),
    "the wrong one": (greets(b"554 go away\r\n"), Reason.BODY_MISSING_TEXT),
    "on the second line": (greets(b"Welcome\r\nto 220 of them\r\n"), None),
    "in two pieces": (greets(b"Welcome\r\n", 0.3, b"2", 0.3, b"20"), None),
    "without a line's end": (greets(b"220"), None),
    "said before closing": (says_and_closes(b"220 bye\r\n"), None),
    "a first line, and the second after a while": (greets(b"123-wait\r\n", 1.3, b"220 ready\r\n"), None),
    "too far back": (greets(b"x" * 2_048 + b"220 "), Reason.BODY_MISSING_TEXT),
    "another, then closed": (says_and_closes(b"hello\r\n"), Reason.BODY_MISSING_TEXT),
    "silence": (hold, Reason.FIRST_BYTE_TIMEOUT),
    "closed": (closes_at_once, Reason.CONNECTION_CLOSED),
    "reset": (resets_after(0.1), Reason.CONNECTION_RESET),
    "reset on the way": (resets_after(b"2", 0.2), Reason.CONNECTION_RESET),
}


@pytest.mark.parametrize(("behave", "reason"), BANNERS.values(), ids=BANNERS)
def test_a_banner(behave: Behaviour, reason: Reason | None, check: Check, site: MakeSite) -> None:
    result = check(kind="tcp", host="127.0.0.1", port=site(behave).port, banner_contains="220", timeout_ms=2_500)

    assert result.reason is reason, result.message
    assert result.timings_ms.first_byte is not None


def test_a_wrong_banner_is_not_waited_on_until_the_deadline(check: Check, site: MakeSite) -> None:
    """Nor is a right one that is slow called quick."""
    result = check(kind="tcp", host="127.0.0.1", port=site(greets(b"554\r\n")).port, banner_contains="220", retries=1)
    assert (result.reason, result.attempts) == (Reason.BODY_MISSING_TEXT, 2)

    slow = site(greets(0.3, b"220\r\n")).port
    result = check(kind="tcp", host="127.0.0.1", port=slow, banner_contains="220", max_response_ms=100)
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.SLOW_RESPONSE)


def test_a_closed_port_and_a_black_hole(check: Check) -> None:
    assert check(kind="tcp", host="127.0.0.1", port=free_port()).reason is Reason.CONNECT_REFUSED
    with black_hole() as port:
        assert check(kind="tcp", host="127.0.0.1", port=port, timeout_ms=500).reason is Reason.CONNECT_TIMEOUT


@pytest.mark.parametrize("kind", ["tcp", "tls", "ping", "http"])
def test_no_kind_dials_what_is_forbidden(kind: str, check: Check, names: UseZone) -> None:
    names(zone(inside__test={"A": ["10.0.0.1"]}))
    for host in ("10.0.0.1", "169.254.169.254", "2852039166", "inside.test"):
        spec: dict[str, Any] = {"url": f"http://{host}/"} if kind == "http" else {"host": host}
        if kind == "tcp":
            spec["port"] = 80
        result = check(kind=kind, **spec)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED), host


# -- dns

RECORDS = zone(
    site__test={"A": ["192.0.2.1", "192.0.2.2"], "MX": ["10 mail.test."], "TXT": ['"v=spf1 -all"']},
    key__test={"TXT": ['"v=DKIM1; p=AbC" "dEf" "gr\\195\\182\\195\\159e \\"x\\""']},
    alias__test={"CNAME": ["site.test."]},
    nowhere__test={"CNAME": ["gone.test."]},
    broken__test="SERVFAIL",
    silent__test=None,
)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"name": "site.test"}, None),
        ({"name": "site.test", "expected": ["192.0.2.2", "192.0.2.1"]}, None),
        ({"name": "site.test", "expected": "192.0.2.1, 192.0.2.2"}, None),
        ({"name": "site.test", "expected": ["192.0.2.1"]}, Reason.DNS_UNEXPECTED_ANSWER),
        ({"name": "site.test", "expected": ["192.0.2.1", "192.0.2.3"]}, Reason.DNS_UNEXPECTED_ANSWER),
        ({"name": "site.test", "record_type": "MX", "expected": ["10 MAIL.test"]}, None),
        ({"name": "site.test", "record_type": "MX", "expected": ["MAIL.test."]}, None),
        ({"name": "site.test", "record_type": "MX", "expected": ["20 mail.test"]}, Reason.DNS_UNEXPECTED_ANSWER),
        ({"name": "site.test", "record_type": "TXT", "expected": ["v=spf1 -all"]}, None),
        ({"name": "site.test", "record_type": "AAAA"}, Reason.DNS_NO_ADDRESS),
        ({"name": "site.test", "record_type": "CAA"}, Reason.DNS_UNEXPECTED_ANSWER),
        ({"name": "alias.test", "record_type": "CNAME", "expected": ["site.test"]}, None),
        ({"name": "key.test", "record_type": "TXT", "expected": ['v=DKIM1; p=AbCdEfgröße "x"']}, None),
        (
            {"name": "key.test", "record_type": "TXT", "expected": ['v=DKIM1; p=abcdefgröße "x"']},
            Reason.DNS_UNEXPECTED_ANSWER,
        ),
        ({"name": "alias.test", "expected": ["192.0.2.1", "192.0.2.2"]}, None),
        ({"name": "nowhere.test"}, Reason.DNS_NXDOMAIN),
        ({"name": "gone.test"}, Reason.DNS_NXDOMAIN),
        ({"name": "broken.test"}, Reason.DNS_SERVFAIL),
        ({"name": "silent.test"}, Reason.DNS_TIMEOUT),
    ],
)
def test_records(spec: dict[str, Any], reason: Reason | None, check: Check, names: UseZone) -> None:
    names(RECORDS)
    result = check(kind="dns", timeout_ms=patience_ms(reason), **spec)

    assert result.reason is reason, result.message
    assert result.timings_ms.dns is not None


def test_a_name_server_of_ones_own(check: Check, names: UseZone) -> None:
    names(zone())
    other = NameServer(RECORDS)
    try:
        assert check(kind="dns", name="site.test", nameserver=f"127.0.0.1:{other.port}").outcome is Outcome.UP
    finally:
        other.close()
    assert check(kind="dns", name="site.test", nameserver="10.0.0.1").reason is Reason.ADDRESS_BLOCKED
    assert check(kind="dns", name="site.test", nameserver="dns.test").reason is Reason.INVALID_SPEC


# -- tls


def mail_server(context: ssl.SSLContext, *, imap: bool = False, offers: bool = True) -> Behaviour:
    """Just enough of SMTP or IMAP to reach the handshake and to be polite after it."""

    def reply(line: bytes) -> bytes:
        tag = line.split(b" ")[0]
        if imap:
            listed = b"* CAPABILITY IMAP4rev1%s\r\n" % (b" STARTTLS" if offers else b"")
            return (listed if b"CAPABILITY" in line else b"") + tag + b" OK\r\n"
        return (
            b"250-mail.test\r\n250 %s\r\n" % (b"STARTTLS" if offers else b"HELP") if tag == b"EHLO" else b"220 OK\r\n"
        )

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"* OK ready\r\n" if imap else b"220 mail.test\r\n")
        while line := connection.recv(4_096):
            connection.sendall(reply(line))
            if b"STARTTLS" in line:
                connection = context.wrap_socket(connection, server_side=True)

    return behave


def test_a_certificate_of_its_own(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(hold, tls=authority.context("mail.test", ends_days=50))
    result = check(kind="tls", host="127.0.0.1", port=server.port, server_name="mail.test")

    assert result.outcome is Outcome.UP, result.message
    assert result.certificate is not None
    assert result.certificate["days_left"] == pytest.approx(50, abs=1)
    assert result.timings_ms.tls is not None


@pytest.mark.parametrize("how", ["smtp", "imap"])
def test_after_starttls(how: str, check: Check, site: MakeSite, authority: Authority) -> None:
    good = site(mail_server(authority.context(), imap=how == "imap"))
    result = check(kind="tls", host="localhost", port=good.port, starttls=how)
    assert result.outcome is Outcome.UP, result.message

    late = site(mail_server(authority.context(begins_days=-9, ends_days=-2), imap=how == "imap"))
    result = check(kind="tls", host="localhost", port=late.port, starttls=how)
    assert result.reason is Reason.TLS_CERT_EXPIRED, result.message

    plain = site(mail_server(authority.context(), imap=how == "imap", offers=False))
    result = check(kind="tls", host="localhost", port=plain.port, starttls=how)
    assert (result.reason, result.phase) == (Reason.TLS_HANDSHAKE, Phase.TLS)
    assert "STARTTLS" in result.message


@pytest.mark.parametrize(
    ("name", "days", "reason"),
    [
        ("mail.test", -1, Reason.TLS_CERT_EXPIRED),
        ("other.test", 90, Reason.TLS_HOSTNAME_MISMATCH),
        ("mail.test", 20, Reason.CERT_EXPIRING),
    ],
)
def test_a_certificate_that_is_no_good(
    name: str, days: int, reason: Reason, check: Check, site: MakeSite, authority: Authority
) -> None:
    server = site(hold, tls=authority.context(name, begins_days=-100, ends_days=days))
    result = check(kind="tls", host="127.0.0.1", port=server.port, server_name="mail.test", cert_expiry_days=30)

    assert result.reason is reason


# -- ping


def may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


def test_a_ping(check: Check) -> None:
    result = check(kind="ping", host="127.0.0.1")
    if not may_ping():
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL_ERROR)
        assert "ping_group_range" in result.message
        return

    assert (result.outcome, result.remote_ip) == (Outcome.UP, "127.0.0.1"), result.message
    assert result.timings_ms.first_byte is not None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_what_it_dials(kind: str) -> None:
    every: dict[str, dict[str, Any]] = {
        "http": {"url": "https://example.org:444/"},
        "tcp": {"host": "example.org", "port": 444},
        "tls": {"host": "example.org", "port": 444},
        "dns": {"name": "example.org", "nameserver": "192.0.2.1:444"},
        "ping": {"host": "example.org"},
    }
    spec = KINDS[kind].spec.parse(every[kind])

    assert spec.dialled_host in ("example.org", "192.0.2.1")
    assert spec.dialled_port == (0 if kind == "ping" else 444)
    assert spec.default_name.startswith("example.org")
