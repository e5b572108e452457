"""One request over one fresh connection, carried by libcurl on the loop.

libcurl keeps the clock, speaks TLS and HTTP and tries the addresses in turn (happy eyeballs). It is given
numeric addresses only and opens every socket through the guard, so nothing is dialled that the guard has
not seen. It follows no redirect, knows no proxy, and reuses neither connections nor TLS sessions.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import pycurl

from probes import codings, guard
from probes.codings import Corrupt, Unpacking
from probes.contract import Timings
from probes.guard import Policy
from probes.hosts import Url, bracketed
from probes.loop import READ, WRITE, Future, Loop, Timer
from probes.settings import BadSetting

BODY_LIMIT = 1_048_576
USER_AGENT = "Mozilla/5.0 (compatible; Uptime/0.1)"
BANNER_LIMIT = 2_048
QUIET_SECONDS = 1.0
"""How long to listen on after the last byte. Banners come in one go or nearly so; waiting until the deadline
would make every wrong one a slow one, without the time for another try.
"""

GRACE_SECONDS = 0.2
"""How long after the deadline libcurl may take to notice it, before the transfer is taken from it."""

_TRUST_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
_REDIRECTS = frozenset({b"301", b"302", b"303", b"307", b"308"})
_END_OF_HEADERS = frozenset({b"\r\n", b"\n"})
_MORE_TO_COME = re.compile(rb"(?:\A|\n)\d{3}-[^\n]*\n?\Z")
"""A greeting of SMTP or FTP whose last line is still missing. Some servers hold it back for seconds, to tell
programs that talk too soon from others.
"""

_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_DEBUG_TEXT, _DEBUG_TLS_IN = 0, 5
_SOCKET_EVENTS = {pycurl.POLL_IN: READ, pycurl.POLL_OUT: WRITE, pycurl.POLL_INOUT: READ | WRITE}
_TO_LIBCURL = {
    READ: pycurl.CSELECT_IN,
    WRITE: pycurl.CSELECT_OUT,
    READ | WRITE: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


# smtp and imap only as far as STARTTLS.
_PROTOCOLS = {
    "http": pycurl.PROTO_HTTP,
    "https": pycurl.PROTO_HTTPS,
    "smtp": pycurl.PROTO_SMTP,
    "imap": pycurl.PROTO_IMAP,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``until`` is the moment (``time.monotonic``) at which it is over, finished or not."""

    url: Url
    addresses: tuple[str, ...]
    until: float
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    verify_tls: bool = True
    obsolete_tls: bool = False
    """Accept protocols and ciphers that browsers gave up, to find out whether that is all a server speaks."""
    leaves_at_redirect: bool = False
    """Do not stay for the body of an answer that leads elsewhere. Browsers do not, and some never ends."""
    connect_only: bool = False
    """Stop when connected, for https when the handshake is done."""
    listen_for: bytes | None = None
    """With ``connect_only``: read what the other side says first, until this is in it or no more of it comes."""


@dataclass(slots=True)
class Exchange:
    """What came of a call. Times are seconds since its start, 0.0 where libcurl did not come that far."""

    code: int = 0
    """libcurl's return code; 0 is success."""
    error: str = ""
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    headers_complete: bool = False
    header_lines: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    """Unpacked, as far as we can."""
    cut: bool = False
    """There was more body than we read."""
    packed_as: tuple[str, ...] = ()
    """The codings of a body that we cannot unpack."""
    corrupt: str | None = None
    """Why the body is not in the coding that it is said to be in."""
    remote_ip: str | None = None
    dialled: list[str] = field(default_factory=list)
    opened: int = 0
    """How many of the dialled addresses really got a socket; pycurl's own copy of it may fail."""
    blocked: str | None = None
    our_fault: str | None = None
    """We ran out of something: descriptors, memory."""
    connected_at: float = 0.0
    secured_at: float = 0.0
    first_byte_at: float = 0.0
    ended_at: float = 0.0
    verified: bool = False
    """The certificate was checked, and found good if the handshake ended."""
    verify_result: int = 0
    os_errno: int = 0
    tls_version: str | None = None
    tls_cipher: str | None = None
    tls_alert: str | None = None
    asked_who_we_are: bool = False
    """The server wants to see a certificate of ours. Many ask and do not insist."""
    certificate_message: bytes = b""
    tls13: bool = False
    speaks_http2: bool = False
    wants_answer: bool = True
    wants_body: bool = True
    leaves_at_redirect: bool = False
    has_left: bool = False
    """The headers were all we wanted."""
    listens: bool = False
    answered: bool = False
    """Something came back after the request, were it only half a line: libcurl itself tells of whole lines only."""

    def header(self, name: str) -> str | None:
        """The last value of a header, by its lower-case name."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), None)

    def timings(self, dns_ms: float | None, *, before_ms: float = 0.0) -> Timings:
        """Milliseconds per phase, and in all with what earlier hops took.

        A phase that was entered and never left lasts until the end.
        """
        phases: dict[str, float | None] = {}
        begun = 0.0
        for name, at in self._marks():
            phases[name] = max(0.0, (at or self.ended_at) - begun) * 1000
            if not at:
                break
            begun = max(begun, at)
        return Timings(dns=dns_ms, total=before_ms + (dns_ms or 0.0) + self.ended_at * 1000, **phases)

    def _marks(self) -> list[tuple[str, float]]:
        marks = [("connect", self.connected_at)]
        if self.secured_at or self.tls_alert or self.certificate_message or self.wants_tls:
            marks.append(("tls", self.secured_at))
        if not self.wants_answer and not self.listens:
            return marks
        return [*marks, ("first_byte", self.first_byte_at), ("download", self.ended_at)]

    wants_tls: bool = False
    _headers_read: int = 0
    _status_line: bytes = b""
    _body_has_begun: bool = False
    _unpacking: Unpacking | None = None

    @property
    def breaks_off(self) -> bool:
        """What came of the body was not the end of what was packed."""
        return self._unpacking is not None and not self._unpacking.is_whole

    # -- what libcurl calls

    def on_header(self, line: bytes) -> int | None:
        """Answers 0 to have no more of it."""
        self.header_lines.append(line)
        if not self.leaves_at_redirect or line not in _END_OF_HEADERS:
            return None
        self.read_headers()
        if self._status_code() not in _REDIRECTS or not self.header("location"):
            return None
        self.has_left = True
        return 0

    def _status_code(self) -> bytes:
        words = self._status_line.split(maxsplit=2)
        return words[1] if len(words) > 1 else b""

    def on_body(self, chunk: bytes) -> int | None:
        """Answers 0 to have no more of it."""
        if not self._body_has_begun:
            self._begin_body()
        room = BODY_LIMIT - len(self.body)
        if self._unpacking is not None:
            try:
                chunk = self._unpacking.unpack(chunk, room + 1)
            except Corrupt as error:
                self.corrupt = str(error)
                return 0
        if len(chunk) <= room:
            self.body += chunk
            return None
        self.body += chunk[:room]
        self.cut = True
        return 0

    def _begin_body(self) -> None:
        self._body_has_begun = True
        self.read_headers()
        values = [value for name, value in self.headers if name.lower() == "content-encoding"]
        names = codings.named(values) if values else ()
        is_a_part = self._status_code() == b"206"  # of something packed, and perhaps from its middle
        if names and codings.can_unpack(names) and not is_a_part:
            self._unpacking = Unpacking(names)
        else:
            self.packed_as = names

    def on_debug(self, kind: int, data: bytes) -> None:
        """The only place where libcurl tells of refused certificates and of alerts."""
        if kind == _DEBUG_TLS_IN:
            if self._is_application_data(data) and not self.speaks_http2:  # there the server's settings come first
                self.answered = True
            if data[:1] == b"\x0b" and len(data) > 4 and int.from_bytes(data[1:4], "big") == len(data) - 4:
                self.certificate_message = data
        elif kind == _DEBUG_TEXT:
            self._read_note(data)

    def _is_application_data(self, data: bytes) -> bool:
        """Whether this is the head of such a record; with TLS 1.3 libcurl tells of its inner type alone."""
        return self.tls_version is not None and data == (b"\x17" if self.tls13 else data[:5]) and data[:1] == b"\x17"

    def read_headers(self) -> None:
        """From the lines that came since the last time; trailers after the body count as headers."""
        if self._headers_read == len(self.header_lines):
            return
        lines, self._headers_read = self.header_lines[self._headers_read :], len(self.header_lines)
        for line in lines:
            if line[:5].upper() == b"HTTP/":
                self._status_line = line
                self.headers.clear()  # an interim answer (103 Early Hints, 100 Continue) came before this one
                self.headers_complete = False
                continue
            name, colon, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            if colon:
                self.headers.append((name.strip(), value.strip()))
            elif not name:
                self.headers_complete = True

    def _read_note(self, data: bytes) -> None:
        if data.startswith(b"SSL connection using "):
            parts = data[21:].decode("latin-1").split(" / ")
            self.tls_version, self.tls_cipher = parts[0].strip(), parts[1].strip() if len(parts) > 1 else None
        elif b"(IN), TLS alert, " in data:
            self.tls_alert = data.decode("latin-1").partition("TLS alert, ")[2].rpartition(" (")[0]
        elif b"(IN), TLS handshake, Request CERT (13)" in data:
            self.asked_who_we_are = True
        elif data.startswith(b"ALPN: server accepted h2"):
            self.speaks_http2 = True
        elif b"(IN), TLS handshake, Certificate (11)" in data:
            self.tls13 = data.startswith(b"TLSv1.3")


class Transfers:
    """All transfers of one loop, on libcurl's multi interface."""

    def __init__(self, loop: Loop, policy: Policy, ca_file: str | None = None) -> None:
        self._loop = loop
        self._trust = _trust_store(ca_file)
        self._pins = itertools.count()
        self._timer: Timer | None = None
        self._due = float("inf")
        self._due_now = False
        self.refusal = lru_cache(maxsize=8192)(lambda address: guard.refusal(address, policy))
        """Why an address may not be dialled. Asked for every socket, and hashing the policy takes long."""
        self._owners: dict[int, Exchange] = {}
        self._under_way: dict[pycurl.Curl, tuple[Exchange, Future[None]]] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)

    def session(self) -> Session:
        return Session(self)

    async def perform(self, curl: pycurl.Curl, call: Call) -> Exchange:
        exchange = Exchange(
            wants_tls=call.url.scheme != "http",
            wants_answer=not call.connect_only,
            wants_body=not call.connect_only and call.method != "HEAD",
            leaves_at_redirect=call.leaves_at_redirect,
            listens=call.listen_for is not None,
            verified=call.verify_tls,
        )
        finished: Future[None] = Future()
        self._prepare(curl, call, exchange)
        backstop = self._loop.call_at(call.until + GRACE_SECONDS, lambda: self._end(curl, 28, "deadline"))
        self._under_way[curl] = exchange, finished
        try:
            self._multi.add_handle(curl)
            await finished
            if call.listen_for is not None and exchange.code == 0:
                await self._listen(curl.getinfo(pycurl.ACTIVESOCKET), call.listen_for, exchange, call.until)
        finally:
            backstop.cancel()
            self._under_way.pop(curl, None)
            self._multi.remove_handle(curl)  # which closes the connection
        return exchange

    async def _listen(self, fd: int, text: bytes, exchange: Exchange, until: float) -> None:
        """Hear what the other side says of itself. How that ends is told in libcurl's terms."""
        started = monotonic() - exchange.ended_at
        patience = until
        while text not in exchange.body and len(exchange.body) < BANNER_LIMIT:
            if not await self._loop.ready([fd], READ, patience):
                exchange.code = exchange.code if exchange.body else pycurl.E_OPERATION_TIMEDOUT
                break
            if not _hear(fd, exchange):
                break
            heard_at = monotonic()
            exchange.first_byte_at = exchange.first_byte_at or heard_at - started
            patience = until if _MORE_TO_COME.search(exchange.body) else min(until, heard_at + QUIET_SECONDS)
        exchange.ended_at = monotonic() - started

    def close(self) -> None:
        self._multi.close()

    # -- libcurl's wishes

    def _on_socket(self, what: int, fd: int, _multi: Any, _data: Any) -> None:
        if what == pycurl.POLL_REMOVE:
            self._owners.pop(fd, None)
            self._loop.unwatch(fd)
        else:
            self._loop.watch(fd, _SOCKET_EVENTS[what], lambda mask: self._on_ready(fd, mask))

    def _on_timer(self, wait_ms: int) -> None:
        """libcurl changes its mind several times per transfer; a timer that is set too early is left as it is."""
        self._due = float("inf") if wait_ms < 0 else monotonic() + wait_ms / 1000
        if wait_ms == 0:
            self._go_on_soon()
        elif self._timer is None or self._due < self._timer.when:
            self._set_timer()

    def _go_on_soon(self) -> None:
        """Still in this turn, and once for all the transfers that start together."""
        if not self._due_now:
            self._due_now = True
            self._loop.call_soon(self._go_on)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._on_time) if self._due < float("inf") else None

    def _on_time(self) -> None:
        self._timer = None
        if self._due > monotonic():
            self._set_timer()
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._due_now, self._due = False, float("inf")
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()

    def _on_ready(self, fd: int, mask: int) -> None:
        # Errors and hang-ups carry no flag of their own in libcurl's terms; reading finds them.
        events = _TO_LIBCURL.get(mask & (READ | WRITE), pycurl.CSELECT_ERR)
        owner = self._owners.get(fd)
        if owner is not None and mask & READ and not owner.wants_tls:
            owner.answered = True
        self._multi.socket_action(fd, events)
        self._collect()

    def _collect(self) -> None:
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            for curl in done:
                self._end(curl, 0, "")
            for curl, code, message in failed:
                self._end(curl, code, message)

    def _end(self, curl: pycurl.Curl, code: int, message: str) -> None:
        under_way = self._under_way.pop(curl, None)
        if under_way is None:
            return
        exchange, finished = under_way
        exchange.code, exchange.error = code, message
        _read_facts(curl, exchange)
        finished.set(None)

    # -- preparing a handle

    def _prepare(self, curl: pycurl.Curl, call: Call, exchange: Exchange) -> None:
        curl.reset()
        curl.setopt(pycurl.URL, str(call.url))
        curl.setopt(pycurl.PROTOCOLS, _PROTOCOLS[call.url.scheme])
        self._pin(curl, call)
        self._isolate(curl)
        curl.setopt(pycurl.FORBID_REUSE, int(not call.connect_only))  # such a connection ends with its handle anyway
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int((call.until - monotonic()) * 1000)))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._socket_opener(exchange))
        curl.setopt(pycurl.SOCKOPTFUNCTION, lambda fd, _purpose: self._note_owner(fd, exchange))
        curl.setopt(pycurl.HEADERFUNCTION, exchange.on_header)
        curl.setopt(pycurl.WRITEFUNCTION, exchange.on_body)
        if call.connect_only:
            curl.setopt(pycurl.CONNECT_ONLY, 1)
        _set_request(curl, call)
        if exchange.wants_tls:
            self._set_tls(curl, call, exchange)

    def _pin(self, curl: pycurl.Curl, call: Call) -> None:
        """Tie the request to the addresses we looked up.

        libcurl keeps such ties in one table for all transfers, so each request gets a name of its own in
        it: two checks of one host must not see each other's addresses. ``+`` lets the entry expire.
        """
        if call.addresses == (call.url.host,):
            return
        pin, port = f"pin{next(self._pins)}", call.url.port
        curl.setopt(pycurl.CONNECT_TO, [f"::{pin}:{port}"])
        curl.setopt(pycurl.RESOLVE, [f"+{pin}:{port}:{','.join(bracketed(address) for address in call.addresses)}"])
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 5)

    def _isolate(self, curl: pycurl.Curl) -> None:
        curl.setopt(pycurl.PROXY, "")  # not even the one from the environment
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.FRESH_CONNECT, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.COOKIEFILE, "")  # cookies live as long as the session: some sites redirect until they stick

    def _socket_opener(self, exchange: Exchange) -> Any:
        def open_socket(_purpose: int, address: Any) -> Any:
            ip = address.addr[0]
            exchange.blocked = self.refusal(ip)
            if exchange.blocked is not None:
                return pycurl.SOCKET_BAD
            exchange.dialled.append(ip)
            try:
                sock = socket.SocketType(address.family, address.socktype, address.protocol)
            except OSError as error:
                exchange.our_fault = error.strerror if error.errno in _OUR_LIMITS else None
                return pycurl.SOCKET_BAD
            return _Descriptor(sock.detach())

        return open_socket

    def _note_owner(self, fd: int, exchange: Exchange) -> int:
        self._owners[fd] = exchange
        exchange.opened += 1
        return int(pycurl.SOCKOPT_OK)

    def _set_tls(self, curl: pycurl.Curl, call: Call, exchange: Exchange) -> None:
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.CAINFO, self._trust)
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        curl.setopt(pycurl.SSL_VERIFYPEER, int(call.verify_tls))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if call.verify_tls else 0)
        curl.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL)  # STARTTLS, where the protocol has it
        curl.setopt(pycurl.VERBOSE, 1)
        curl.setopt(pycurl.DEBUGFUNCTION, exchange.on_debug)
        if call.obsolete_tls:
            curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_0)
            curl.setopt(pycurl.SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0")


class Session:
    """The requests of one attempt, one after the other. Cookies last as long as the session."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self._curl = pycurl.Curl()

    async def fetch(self, call: Call) -> Exchange:
        return await self._transfers.perform(self._curl, call)

    def close(self) -> None:
        self._curl.close()


class _Descriptor:
    """A socket as pycurl wants it: it takes a copy and drops ours, which a ``socket`` would complain about."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        os.close(self._fd)


def _set_request(curl: pycurl.Curl, call: Call) -> None:
    curl.setopt(pycurl.USERAGENT, USER_AGENT)
    curl.setopt(pycurl.ACCEPT_ENCODING, codings.OFFERED)
    curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
    # "Name;" is libcurl's way to send a header without a value; "Expect:" takes away the one it would add.
    headers = [f"{name}: {value}" if value else f"{name};" for name, value in call.headers]
    if call.body is not None:
        curl.setopt(pycurl.POSTFIELDSIZE, len(call.body))
        curl.setopt(pycurl.POSTFIELDS, call.body)
        headers.append("Expect:")
        if not any(name.lower() == "content-type" for name, _ in call.headers):
            headers.append("Content-Type:")
    if call.method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    elif call.method != "GET" or call.body is not None:
        curl.setopt(pycurl.CUSTOMREQUEST, call.method)
    if headers:
        curl.setopt(pycurl.HTTPHEADER, [header.encode() for header in headers])


def _hear(fd: int, exchange: Exchange) -> bool:
    """Take what has come; False when nothing more will."""
    try:
        said = os.read(fd, BANNER_LIMIT - len(exchange.body))
    except OSError as error:
        exchange.code, exchange.os_errno = pycurl.E_RECV_ERROR, error.errno or 0
        return False
    exchange.body += said
    if not exchange.body:
        exchange.code = pycurl.E_GOT_NOTHING
    return bool(said)


def _read_facts(curl: pycurl.Curl, exchange: Exchange) -> None:
    exchange.read_headers()
    exchange.status = curl.getinfo(pycurl.RESPONSE_CODE)
    exchange.connected_at = curl.getinfo(pycurl.CONNECT_TIME)
    exchange.secured_at = curl.getinfo(pycurl.APPCONNECT_TIME)
    exchange.first_byte_at = curl.getinfo(pycurl.STARTTRANSFER_TIME)
    exchange.ended_at = curl.getinfo(pycurl.TOTAL_TIME)
    exchange.os_errno = curl.getinfo(pycurl.OS_ERRNO)
    exchange.verify_result = curl.getinfo(pycurl.SSL_VERIFYRESULT)
    exchange.remote_ip = curl.getinfo(pycurl.PRIMARY_IP) or (exchange.dialled[-1] if exchange.dialled else None)


def _trust_store(ca_file: str | None) -> str:
    """One file with the system's certificate authorities and the operator's own.

    libcurl shares a parsed store among transfers only when it comes from a file, and parsing costs 20 ms.
    The joined file lives in memory, so that nothing is left behind when the process is killed.
    """
    paths = (os.environ.get("SSL_CERT_FILE"), *_TRUST_STORES, ssl.get_default_verify_paths().cafile)
    system = next((path for path in paths if path and Path(path).is_file()), None)
    if ca_file is None and system is not None:
        return system
    if ca_file is None:
        raise BadSetting("No certificate authorities were found; install ca-certificates or set PROBE_CA_FILE.")
    joined = os.memfd_create("trusted-certificates")
    with os.fdopen(joined, "wb", closefd=False) as store:
        for path in filter(None, (system, ca_file)):
            store.write(Path(path).read_bytes() + b"\n")
    return f"/proc/self/fd/{joined}"
