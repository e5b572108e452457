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
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import pycurl

from probes import codings, guard
from probes.exchange import BANNER_LIMIT, Call, Exchange
from probes.guard import Policy
from probes.hosts import bracketed
from probes.loop import READ, WRITE, Future, Loop, Timer
from probes.settings import BadSetting

USER_AGENT = "Mozilla/5.0 (compatible; Uptime/0.1)"
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
_MORE_TO_COME = re.compile(rb"(?:\A|\n)\d{3}-[^\n]*\n?\Z")
"""A greeting of SMTP or FTP whose last line is still missing. Some servers hold it back for seconds, to tell
programs that talk too soon from others.
"""

_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
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
