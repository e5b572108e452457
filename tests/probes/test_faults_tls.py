"""Every fault of TLS has one name; the certificate is recorded whether or not it is any good."""

from __future__ import annotations

import gzip
import socket
import ssl
from pathlib import Path

import pytest

from probes.contract import CheckRequest, Outcome, Phase, Reason
from probes.engine import Engine
from probes.settings import Settings
from tests.probes.conftest import LOOPBACK, Check, MakeSite
from tests.probes.lab import OK, Authority, Behaviour, hold, patience_ms, request, reset, says, self_signed

SERVER_HELLO_LATER = b"\x16\x03\x03"


def alert(code: int) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(4_096)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([code]))

    return behave


def close(connection: socket.socket) -> None:
    connection.recv(4_096)


def slam(connection: socket.socket) -> None:
    connection.recv(4_096)
    reset(connection)


def never_ends(connection: socket.socket) -> None:
    connection.recv(4_096)
    connection.sendall(SERVER_HELLO_LATER)
    hold(connection)


def garbage(connection: socket.socket) -> None:
    connection.recv(4_096)
    connection.sendall(b"\x00" * 500)


def plain_http(connection: socket.socket) -> None:
    connection.recv(4_096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def waits_for_a_request(connection: socket.socket) -> None:
    if request(connection):
        connection.sendall(OK)


HANDSHAKES: dict[str, tuple[Behaviour, Reason]] = {
    "alert handshake_failure": (alert(40), Reason.TLS_HANDSHAKE),
    "alert protocol_version": (alert(70), Reason.TLS_PROTOCOL_VERSION),
    "alert unrecognized_name": (alert(112), Reason.TLS_HANDSHAKE),
    "alert internal_error": (alert(80), Reason.TLS_HANDSHAKE),
    "alert certificate_expired": (alert(45), Reason.TLS_HANDSHAKE),
    "closed": (close, Reason.TLS_HANDSHAKE),
    "reset": (slam, Reason.CONNECTION_RESET),
    "never ends": (never_ends, Reason.TLS_TIMEOUT),
    "silence": (hold, Reason.TLS_TIMEOUT),
    "plain http": (plain_http, Reason.TLS_HANDSHAKE),
    "plain http that waits for the request's end": (waits_for_a_request, Reason.TLS_TIMEOUT),
    "garbage": (garbage, Reason.TLS_HANDSHAKE),
}


@pytest.mark.parametrize(("behave", "reason"), HANDSHAKES.values(), ids=HANDSHAKES)
def test_each_handshake_fault_has_its_name(behave: Behaviour, reason: Reason, check: Check, site: MakeSite) -> None:
    port = site(behave).port
    result = check(f"https://127.0.0.1:{port}/", timeout_ms=patience_ms(reason))

    assert (result.outcome, result.reason, result.phase) == (Outcome.DOWN, reason, Phase.TLS), result.message


CERTIFICATES = [
    ("good", Outcome.UP, None),
    ("with an intermediate", Outcome.UP, None),
    ("expired", Outcome.DOWN, Reason.TLS_CERT_EXPIRED),
    ("not yet valid", Outcome.DOWN, Reason.TLS_CERT_NOT_YET_VALID),
    ("wrong host", Outcome.DOWN, Reason.TLS_HOSTNAME_MISMATCH),
    ("self-signed", Outcome.DOWN, Reason.TLS_SELF_SIGNED),
    ("self-signed and for another", Outcome.DOWN, Reason.TLS_SELF_SIGNED),
    ("unknown issuer", Outcome.DOWN, Reason.TLS_UNTRUSTED_ISSUER),
    ("near its end", Outcome.DEGRADED, Reason.CERT_EXPIRING),
]


def context_for(case: str, authority: Authority, directory: Path) -> ssl.SSLContext:
    match case:
        case "with an intermediate":
            return authority.context(authority=authority.intermediate)
        case "expired":
            return authority.context(begins_days=-90, ends_days=-3)
        case "not yet valid":
            return authority.context(begins_days=3)
        case "wrong host":
            return authority.context("other.test")
        case "self-signed":
            return self_signed(directory)
        case "self-signed and for another":
            return self_signed(directory, "other.test")
        case "unknown issuer":
            return authority.context(authority=authority.stranger)
        case "near its end":
            return authority.context(begins_days=-85, ends_days=5)
    return authority.context()


@pytest.mark.parametrize(("case", "outcome", "reason"), CERTIFICATES)
def test_each_certificate_fault_has_its_name(
    case: str,
    outcome: Outcome,
    reason: Reason | None,
    check: Check,
    site: MakeSite,
    authority: Authority,
    directory: Path,
) -> None:
    server = site(says(OK), tls=context_for(case, authority, directory))
    result = check(server.url(host="localhost"))

    assert (result.outcome, result.reason) == (outcome, reason), result.message
    assert result.certificate is not None
    assert result.certificate["fingerprint"]
    assert result.certificate["protocol"] == "TLSv1.3"
    assert result.certificate["cipher"]


def test_an_intermediate_that_is_missing(check: Check, site: MakeSite, authority: Authority) -> None:
    """Told from an unknown issuer by having seen the certificate elsewhere, as browsers do."""
    whole = site(says(OK), tls=authority.context(authority=authority.intermediate))
    assert check(whole.url(host="localhost")).outcome is Outcome.UP

    broken = site(says(OK), tls=authority.context(authority=authority.intermediate, without_chain=True))
    result = check(broken.url(host="localhost"))

    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_INCOMPLETE_CHAIN), result.message


def test_the_certificate_is_recorded(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(says(OK), tls=authority.context(authority=authority.intermediate, ends_days=100))
    about = check(server.url(host="localhost")).certificate

    assert about is not None
    assert about["days_left"] == pytest.approx(100, abs=1)
    assert about["not_after"].endswith("Z")
    assert "localhost" in about["names"]
    assert "127.0.0.1" in about["names"]
    assert len(about["fingerprint"]) == 64
    assert about["chain"][0]["subject"] == about["issuer"]


def test_when_verification_is_switched_off(check: Check, site: MakeSite, directory: Path) -> None:
    result = check(site(says(OK), tls=self_signed(directory)).url(host="localhost"), verify_tls=False)

    assert result.outcome is Outcome.UP
    assert result.certificate is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_speaks_only_what_browsers_gave_up(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(says(OK), tls=authority.context(newest=ssl.TLSVersion.TLSv1_1))
    result = check(server.url(host="localhost"))

    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.TLS_DEPRECATED), result.message
    assert result.certificate is not None
    assert result.certificate["protocol"] == "TLSv1.1"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_protocol_comes_before_a_bad_certificate(check: Check, site: MakeSite, authority: Authority) -> None:
    context = authority.context(begins_days=-90, ends_days=-3, newest=ssl.TLSVersion.TLSv1)

    assert check(site(says(OK), tls=context).url(host="localhost")).reason is Reason.TLS_PROTOCOL_VERSION


def test_a_certificate_that_names_its_host_as_browsers_gave_up(check: Check, site: MakeSite, directory: Path) -> None:
    """In the subject only. Trusted otherwise, or the issuer would be what is wrong."""
    context = self_signed(directory, "localhost", only_in_subject=True)
    authority = directory / "self-signed.pem"
    trusting = Engine(Settings(policy=LOOPBACK, ca_file=str(authority)))
    try:
        url = site(says(OK), tls=context).url(host="localhost")
        strict, lenient = (
            trusting.run_one(CheckRequest("x", "http", {"url": url, "verify_tls": verify}, timeout_ms=5_000))
            for verify in (True, False)
        )
    finally:
        trusting.close()

    assert (strict.reason, strict.phase) == (Reason.TLS_HOSTNAME_MISMATCH, Phase.TLS), strict.message
    assert lenient.outcome is Outcome.UP


@pytest.mark.parametrize(("days", "outcome"), [(90, Outcome.DEGRADED), (30, Outcome.UP), (0, Outcome.UP)])
def test_days_before_the_end_can_be_chosen(
    days: int, outcome: Outcome, check: Check, site: MakeSite, authority: Authority
) -> None:
    server = site(says(OK), tls=authority.context(ends_days=60))

    assert check(server.url(host="localhost"), cert_expiry_days=days).outcome is outcome


def test_a_certificate_that_lives_only_a_week_is_no_fault(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(says(OK), tls=authority.context(begins_days=-2, ends_days=4))

    assert check(server.url(host="localhost")).outcome is Outcome.UP


def test_an_expired_certificate_that_nobody_wants_verified(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(says(OK), tls=authority.context(begins_days=-90, ends_days=-3))

    assert check(server.url(host="localhost"), verify_tls=False).outcome is Outcome.UP
    warned = check(server.url(host="localhost"), verify_tls=False, cert_expiry_days=7)
    assert (warned.reason, warned.message) == (Reason.CERT_EXPIRING, "the certificate expired 3 days ago")


ENDS: dict[str, tuple[bytes, Outcome, Reason | None]] = {
    "nothing": (b"", Outcome.DOWN, Reason.CONNECTION_CLOSED),
    "half the headers": (b"HTTP/1.1 200 OK\r\nServer: x\r\n", Outcome.DOWN, Reason.CONNECTION_CLOSED),
    "half the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Outcome.DOWN, Reason.BODY_TRUNCATED),
    "half the chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        Outcome.DOWN,
        Reason.BODY_TRUNCATED,
    ),
    "half a packed body without a length": (
        b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello")[:-5],
        Outcome.DOWN,
        Reason.BODY_TRUNCATED,
    ),
    "a packed body without a length": (
        b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello"),
        Outcome.UP,
        None,
    ),
    "a body without a length": (b"HTTP/1.0 200 OK\r\n\r\nok", Outcome.UP, None),
}


@pytest.mark.parametrize(("said", "outcome", "reason"), ENDS.values(), ids=ENDS)
def test_an_end_without_a_farewell(
    said: bytes, outcome: Outcome, reason: Reason | None, check: Check, site: MakeSite, authority: Authority
) -> None:
    """As of most servers: the connection is closed and TLS's own close_notify is left out."""
    result = check(site(says(said), tls=authority.context()).url(host="localhost"))

    assert (result.outcome, result.reason) == (outcome, reason), result.message


def test_a_client_certificate_that_is_required(check: Check, site: MakeSite, authority: Authority) -> None:
    """With TLS 1.2, where the handshake itself fails, and with 1.3, where the server notices only afterwards."""
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.context()
        context.maximum_version = newest
        context.verify_mode = ssl.CERT_REQUIRED
        authority.root.configure_trust(context)
        result = check(site(says(OK), tls=context).url(host="localhost"))
        assert (result.reason, result.phase) == (Reason.TLS_HANDSHAKE, Phase.TLS), result.message


def test_half_a_header_over_tls(check: Check, site: MakeSite, authority: Authority) -> None:
    def half(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 2")
        hold(connection)

    result = check(site(half, tls=authority.context()).url(host="localhost"), timeout_ms=800)
    assert result.reason is Reason.HEADER_TIMEOUT

    result = check(site(hold, tls=authority.context()).url(host="localhost"), timeout_ms=800)
    assert result.reason is Reason.FIRST_BYTE_TIMEOUT


def test_from_https_to_http(check: Check, site: MakeSite, authority: Authority) -> None:
    plain = site(says(OK))
    away = f"HTTP/1.1 301 Moved\r\nLocation: {plain.url()}\r\nContent-Length: 0\r\n\r\n".encode()
    result = check(site(says(away), tls=authority.context()).url(host="localhost"))

    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.INSECURE_REDIRECT)
