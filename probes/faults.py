"""From what libcurl saw to the one reason that a person understands."""

from __future__ import annotations

import errno
import re

import pycurl

from probes.certificates import Intermediates, is_signed_by_itself, names_nobody
from probes.contract import Phase, Reason
from probes.exchange import Exchange
from probes.findings import Fault
from probes.sentences import say

# What OpenSSL's verification calls it (X509_V_ERR_...).
_CERTIFICATE_FAULTS = {
    9: (Reason.TLS_CERT_NOT_YET_VALID, say("the certificate is not valid yet")),
    10: (Reason.TLS_CERT_EXPIRED, say("the certificate has expired")),
    18: (Reason.TLS_SELF_SIGNED, say("the certificate is signed by itself")),
}
_UNKNOWN_ISSUER = frozenset({2, 20, 21, 27})
_CONNECT_FAULTS = {
    errno.ECONNREFUSED: (Reason.CONNECT_REFUSED, say("the connection was refused by {address}")),
    errno.ECONNRESET: (Reason.CONNECTION_RESET, say("the connection was reset by {address}")),
    errno.ETIMEDOUT: (Reason.CONNECT_TIMEOUT, say("no connection could be made in time")),
}
_LONG_STATUS = re.compile(rb"HTTP/\S+ \d{4}", re.IGNORECASE)
_WITHOUT_BODY = frozenset({204, 304})
_TOO_MANY_DIGITS = 19
"""In the length of a body: an exabyte and more."""

_BROKEN_OFF = re.compile(r"HTTP/2 stream \d+ (?:reset by|was closed)|Connection died, tried \d+ times")
"""What libcurl says of RST_STREAM and GOAWAY. Where the server has not begun, it asks anew, as browsers do."""

_PROTOCOL_VERSION_SIGNS = ("protocol version", "unsupported protocol", "no protocols available")
_TIMED_OUT = {
    Phase.CONNECT: (Reason.CONNECT_TIMEOUT, say("no connection could be made in time")),
    Phase.TLS: (Reason.TLS_TIMEOUT, say("the TLS handshake did not end in time")),
    Phase.FIRST_BYTE: (
        Reason.FIRST_BYTE_TIMEOUT,
        say("the server accepted the connection and did not answer in time"),
    ),
    Phase.DOWNLOAD: (Reason.BODY_TIMEOUT, say("the body did not arrive in time")),
}


def fault_of(exchange: Exchange, known: Intermediates, chain: tuple[bytes, ...]) -> Fault | None:
    """Why a transfer failed; None when it did not, or when it was we who had read enough."""
    if exchange.verified and exchange.secured_at and chain and names_nobody(chain[0]):
        return Fault(
            Reason.TLS_HOSTNAME_MISMATCH,
            Phase.TLS,
            say("the certificate names a host only as its subject, not as browsers ask"),
        )
    if exchange.corrupt is not None:
        problem = say("the body is not what its Content-Encoding says: {corrupt}", corrupt=exchange.corrupt)
        return Fault(Reason.PROTOCOL_ERROR, Phase.DOWNLOAD, problem)
    if exchange.cut or exchange.has_left:
        return _odd_status_line(exchange)
    if _has_succeeded(exchange):
        return _odd_status_line(exchange) or _unnoticed_end(exchange)
    if exchange.our_fault is not None or exchange.opened < len(exchange.dialled):
        limit = exchange.our_fault or say("no descriptor for a socket")
        return Fault(Reason.INTERNAL_ERROR, Phase.CONNECT, say("the probe has reached a limit: {limit}", limit=limit))
    if exchange.blocked is not None and not exchange.connected_at:
        return Fault(Reason.ADDRESS_BLOCKED, Phase.CONNECT, exchange.blocked)
    if exchange.code == pycurl.E_OPERATION_TIMEDOUT:
        return _timeout(exchange)
    phase = phase_reached(exchange)
    if phase is Phase.CONNECT:
        return _connect_fault(exchange)
    return _fault_when_connected(exchange, phase, known, chain)


def _fault_when_connected(
    exchange: Exchange, phase: Phase, known: Intermediates, chain: tuple[bytes, ...]
) -> Fault | None:
    if exchange.code == pycurl.E_PEER_FAILED_VERIFICATION and chain:
        return _certificate_fault(exchange, known, chain)
    if _was_refused_late(exchange):
        return _handshake_fault(exchange)
    if _was_reset(exchange):
        return Fault(Reason.CONNECTION_RESET, phase, say("the server reset the connection"))
    if phase is Phase.TLS:
        return _handshake_fault(exchange)
    if _ended_without_a_goodbye(exchange):
        return _early_end(exchange, phase)
    if _BROKEN_OFF.match(exchange.error):
        return _broken_off(exchange, phase)
    return _http_fault(exchange, phase, exchange.code)


def _has_succeeded(exchange: Exchange) -> bool:
    if exchange.wants_answer:
        return exchange.code == 0 and exchange.has_answer
    return exchange.code == 0 or exchange.secured_at > 0  # whatever a mail server says after the handshake


def _odd_status_line(exchange: Exchange) -> Fault | None:
    """libcurl reads ``HTTP/1.1 2000`` as 200."""
    if exchange.wants_answer and _LONG_STATUS.match(_status_line(exchange)):
        return Fault(
            Reason.PROTOCOL_ERROR, Phase.FIRST_BYTE, say("the answer is not proper HTTP: its status is no status")
        )
    return None


def _unnoticed_end(exchange: Exchange) -> Fault | None:
    """libcurl knows nothing of what is packed, and forgets about a length that it cannot hold."""
    if exchange.breaks_off or _promised_more_than_there_can_be(exchange):
        return _truncated(exchange)
    return None


def _promised_more_than_there_can_be(exchange: Exchange) -> bool:
    digits = (exchange.header("content-length") or "").lstrip("0")
    if len(digits) < _TOO_MANY_DIGITS or not digits.isdecimal():
        return False
    has_body = exchange.wants_body and exchange.status not in _WITHOUT_BODY
    return has_body and exchange.header("transfer-encoding") is None


def _truncated(exchange: Exchange) -> Fault:
    return Fault(
        Reason.BODY_TRUNCATED,
        Phase.DOWNLOAD,
        say("the body ended after {count} bytes, too early", count=f"{len(exchange.body):,}"),
    )


def _status_line(exchange: Exchange) -> bytes:
    lines = exchange.header_lines
    return lines[0] if lines else b""


def phase_reached(exchange: Exchange) -> Phase:
    if not exchange.connected_at:
        return Phase.CONNECT
    if exchange.wants_tls and not exchange.secured_at:
        return Phase.TLS
    return Phase.DOWNLOAD if exchange.has_answer else Phase.FIRST_BYTE


def _timeout(exchange: Exchange) -> Fault:
    phase = phase_reached(exchange)
    if phase is Phase.FIRST_BYTE and (exchange.answered or exchange.header_lines):
        return Fault(Reason.HEADER_TIMEOUT, phase, say("the headers did not arrive in time"))
    reason, message = _TIMED_OUT[phase]
    return Fault(reason, phase, message)


def _connect_fault(exchange: Exchange) -> Fault:
    unreachable = (Reason.NETWORK_UNREACHABLE, say("{address} cannot be reached"))
    reason, pattern = _CONNECT_FAULTS.get(exchange.os_errno, unreachable)
    return Fault(reason, Phase.CONNECT, say(pattern, address=exchange.remote_ip or say("the address")))


def _certificate_fault(exchange: Exchange, known: Intermediates, chain: tuple[bytes, ...]) -> Fault:
    """Who signed it comes before whom it is for, and that before its dates: the order in which browsers complain."""
    fault = _CERTIFICATE_FAULTS.get(exchange.verify_result)
    if fault is not None:
        return Fault(fault[0], Phase.TLS, fault[1])
    if exchange.verify_result in _UNKNOWN_ISSUER and known.forgotten_by(chain):
        return Fault(
            Reason.TLS_INCOMPLETE_CHAIN, Phase.TLS, say("the server does not send the intermediate certificate")
        )
    if exchange.verify_result > 1:
        return Fault(
            Reason.TLS_UNTRUSTED_ISSUER,
            Phase.TLS,
            say("the certificate is not trusted: {error}", error=_plain(exchange.error)),
        )
    if is_signed_by_itself(chain[0]):  # libcurl compares the names first
        return Fault(
            Reason.TLS_SELF_SIGNED, Phase.TLS, say("the certificate is signed by itself, and for another host")
        )
    return Fault(Reason.TLS_HOSTNAME_MISMATCH, Phase.TLS, say("the certificate is for another host"))


def _handshake_fault(exchange: Exchange) -> Fault:
    text = exchange.error.lower()
    if speaks_no_tls_of_today(exchange):
        return Fault(Reason.TLS_PROTOCOL_VERSION, Phase.TLS, say("the server speaks no TLS version that we do"))
    if exchange.code == pycurl.E_USE_SSL_FAILED:
        return Fault(Reason.TLS_HANDSHAKE, Phase.TLS, say("the server does not offer STARTTLS"))
    if exchange.asked_who_we_are and exchange.secured_at:
        return Fault(Reason.TLS_HANDSHAKE, Phase.TLS, say("the server demands a client certificate"))
    if exchange.tls_alert:
        return Fault(
            Reason.TLS_HANDSHAKE,
            Phase.TLS,
            say("the server refused the TLS handshake: {tls_alert}", tls_alert=exchange.tls_alert),
        )
    if "wrong version number" in text or "packet length too long" in text or "http request" in text:
        return Fault(Reason.TLS_HANDSHAKE, Phase.TLS, say("the server does not speak TLS on this port"))
    if "unexpected eof" in text or "syscall" in text:
        return Fault(Reason.TLS_HANDSHAKE, Phase.TLS, say("the server closed the connection during the TLS handshake"))
    return Fault(
        Reason.TLS_HANDSHAKE, Phase.TLS, say("the TLS handshake failed: {error}", error=_plain(exchange.error))
    )


def speaks_no_tls_of_today(exchange: Exchange) -> bool:
    if exchange.code != pycurl.E_SSL_CONNECT_ERROR:
        return False
    text = f"{exchange.error} {exchange.tls_alert}".lower()
    return any(sign in text for sign in _PROTOCOL_VERSION_SIGNS)


def _was_refused_late(exchange: Exchange) -> bool:
    """With TLS 1.3 a client is done before the server has looked at its certificate, or missed it."""
    if exchange.headers_complete:
        return False
    if exchange.asked_who_we_are and exchange.secured_at and not exchange.header_lines:
        return exchange.code in (pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR)  # a reset overtook the alert
    return exchange.tls_alert not in (None, "close notify")


def _ended_without_a_goodbye(exchange: Exchange) -> bool:
    """Many servers close the connection without TLS's own farewell."""
    return exchange.code == pycurl.E_RECV_ERROR and "unexpected eof" in exchange.error


def _early_end(exchange: Exchange, phase: Phase) -> Fault | None:
    """As over a plain connection: an end is an end, and where the length is unknown, that is how a body ends."""
    if not exchange.has_answer:
        return _http_fault(exchange, phase, pycurl.E_OK if exchange.header_lines else pycurl.E_GOT_NOTHING)
    framed = exchange.speaks_http2 or exchange.header("transfer-encoding") is not None
    if not framed and exchange.header("content-length") is None:
        return _unnoticed_end(exchange)
    return _truncated(exchange)


def _broken_off(exchange: Exchange, phase: Phase) -> Fault:
    """HTTP/2's way to hang up: the connection may live on, the request does not."""
    if phase is Phase.DOWNLOAD:
        return _truncated(exchange)
    return Fault(
        Reason.CONNECTION_CLOSED,
        phase,
        say("the server ended the request without an answer: {error}", error=exchange.error),
    )


def _http_fault(exchange: Exchange, phase: Phase, code: int) -> Fault:
    if code == 0:
        return Fault(
            Reason.CONNECTION_CLOSED, phase, say("the server closed the connection in the middle of the headers")
        )
    if code == pycurl.E_GOT_NOTHING:
        return Fault(Reason.CONNECTION_CLOSED, phase, say("the server closed the connection without an answer"))
    if code == pycurl.E_PARTIAL_FILE or (code == pycurl.E_SEND_ERROR and phase is Phase.DOWNLOAD):
        return _truncated(exchange)
    if code == pycurl.E_SEND_ERROR:
        return Fault(Reason.CONNECTION_CLOSED, phase, say("the server closed the connection during the request"))
    if "HTTP/0.9" in exchange.error:
        return Fault(Reason.PROTOCOL_ERROR, phase, say("something answers, but not in HTTP"))
    return Fault(
        Reason.PROTOCOL_ERROR, phase, say("the answer is not proper HTTP: {error}", error=_plain(exchange.error))
    )


def _was_reset(exchange: Exchange) -> bool:
    return exchange.os_errno == errno.ECONNRESET or "reset by peer" in exchange.error.lower()


def _plain(error: str) -> str:
    """libcurl's words without OpenSSL's numbers."""
    return error.rpartition("::")[2].strip() or say("no details")
