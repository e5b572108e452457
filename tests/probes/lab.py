"""The fault lab: real sockets, real certificates and a little name server, all on loopback.

A site is one function that is given every connection. What it does with it is the fault.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from probes.contract import Reason

Behaviour = Callable[[socket.socket], None]
Zone = Callable[[dns.message.Message], dns.message.Message | None]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Site:
    """Listens on loopback and gives each connection to ``behave`` in a thread of its own."""

    def __init__(
        self,
        behave: Behaviour,
        *,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._behave, self._tls, self.address = behave, tls, address
        self.connections = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str = "/", host: str | None = None) -> str:
        name = host or (f"[{self.address}]" if ":" in self.address else self.address)
        return f"{'https' if self._tls else 'http'}://{name}:{self.port}{path}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), connection:
            connection.settimeout(30)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._behave(connection)


def request(connection: socket.socket) -> bytes:
    """Read one request's head."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(65_536)
        if not chunk:
            break
        head += chunk
    return head


def path_of(head: bytes) -> str:
    words = head.split(b" ")
    return words[1].decode() if len(words) > 1 else ""


def says(*parts: bytes | float | threading.Event) -> Behaviour:
    """Read the request, then send the parts; a number is a pause in seconds, an event is waited for."""

    def behave(connection: socket.socket) -> None:
        request(connection)
        for part in parts:
            if isinstance(part, bytes):
                connection.sendall(part)
            elif isinstance(part, threading.Event):
                part.wait(60)
            else:
                hold(connection, part)

    return behave


class Diary:
    """Remembers every request and answers each with the next page; the last page is for all that follow."""

    def __init__(self, *pages: bytes) -> None:
        self.heads: list[bytes] = []
        self._pages = list(pages)

    def __call__(self, connection: socket.socket) -> None:
        self.heads.append(request(connection))
        connection.sendall(self._pages.pop(0) if len(self._pages) > 1 else self._pages[0])


def hold(connection: socket.socket, seconds: float = 30) -> None:
    """Stay silent until the other side leaves, for so long at most."""
    connection.settimeout(seconds)
    with contextlib.suppress(OSError):
        while connection.recv(65_536):
            pass


def patience_ms(reason: Reason | None) -> int:
    """A short deadline where it is waited for; elsewhere nothing may hang on how busy this machine is."""
    return 1_000 if reason is not None and reason.endswith("timeout") else 3_000


def answer(body: bytes = b"ok", status: str = "200 OK", headers: str = "Content-Type: text/html\r\n") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def redirect(location: str, status: str = "302 Found", more: str = "") -> bytes:
    return answer(b"", status, f"Location: {location}\r\n{more}")


def drip(data: bytes, *, first: bytes = b"", every: float = 0.1) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(first)
        stop = threading.Event()
        for byte in data:
            connection.sendall(bytes([byte]))
            stop.wait(every)

    return behave


def reset(connection: socket.socket) -> None:
    """Close in such a way that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# -- certificates


class Authority:
    """A root that the probe trusts, and everything that can be wrong with what it signs."""

    def __init__(self) -> None:
        self.root = trustme.CA()
        self.stranger = trustme.CA(organization_name="Nobody you know")
        self.intermediate = self.root.create_child_ca()

    def write(self, path: Path) -> str:
        self.root.cert_pem.write_to_path(str(path))
        return str(path)

    def context(
        self,
        *names: str,
        authority: trustme.CA | None = None,
        begins_days: float = -30,
        ends_days: float = 365,
        without_chain: bool = False,
        newest: ssl.TLSVersion | None = None,
        alpn: list[str] | None = None,
    ) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        leaf = (authority or self.root).issue_cert(
            *(names or ("localhost", "127.0.0.1", "::1", "site.test")),
            not_before=now + datetime.timedelta(days=begins_days),
            not_after=now + datetime.timedelta(days=ends_days),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown = leaf.cert_chain_pems[:1] if without_chain else leaf.cert_chain_pems
        with trustme.Blob(b"".join(blob.bytes() for blob in (leaf.private_key_pem, *shown))).tempfile() as path:
            context.load_cert_chain(path)
        if alpn:
            context.set_alpn_protocols(alpn)
        if newest is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        return context


def self_signed(directory: Path, name: str = "localhost", *, only_in_subject: bool = False) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
    )
    if not only_in_subject:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    path = directory / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


# -- names


class NameServer:
    """Answers every question by ``zone``, over UDP and TCP on one port. None is silence."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.questions: list[str] = []
        self._tcp, self._udp = two_sockets()
        self.port: int = self._tcp.getsockname()[1]
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        for sock in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _reply(self, wire: bytes) -> dns.message.Message | None:
        try:
            question = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        self.questions.append(f"{question.question[0].name} {question.question[0].rdtype.name}")
        return self.zone(question)

    def _serve_udp(self) -> None:
        while True:
            try:
                wire, peer = self._udp.recvfrom(65_535)
            except OSError:
                return
            threading.Thread(target=self._answer_udp, args=(wire, peer), daemon=True).start()

    def _answer_udp(self, wire: bytes, peer: Any) -> None:
        reply = self._reply(wire)
        if reply is not None:
            with contextlib.suppress(OSError):
                self._udp.sendto(reply.to_wire(max_size=512, prefer_truncation=True), peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                size = int.from_bytes(connection.recv(2), "big")
                reply = self._reply(connection.recv(size))
                if reply is not None:
                    wire = reply.to_wire()
                    connection.sendall(len(wire).to_bytes(2, "big") + wire)


def two_sockets() -> tuple[socket.socket, socket.socket]:
    """One for TCP and one for UDP at the same port; what is free in one of them may be taken in the other."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return tcp, udp


def zone(**names: dict[str, list[str]] | str | None) -> Zone:
    """Records by name, dots written as ``__``: ``site__test={"A": [...]}``; a text is a DNS error, None silence."""
    table = {name.replace("__", ".").replace("_", "-"): records for name, records in names.items()}

    def look_up(query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        records = table.get(question.name.to_text(omit_final_dot=True).lower(), "NXDOMAIN")
        if records is None:
            return None
        reply = dns.message.make_response(query)
        if isinstance(records, str):
            reply.set_rcode(dns.rcode.from_text(records))
            return reply
        for rdtype in (question.rdtype.name, "CNAME"):
            if rdtype in records:
                reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", rdtype, records[rdtype]))
                break
        return reply

    return look_up


def late(records: Zone, *, seconds: float) -> Zone:
    """The same answers, each after a while."""

    def look_up(query: dns.message.Message) -> dns.message.Message | None:
        threading.Event().wait(seconds)
        return records(query)

    return look_up
