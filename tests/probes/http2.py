"""Sites of the fault lab that speak HTTP/2: offered in the TLS handshake, spoken by the ``h2`` package.

What goes over the wire as ``h2`` would never send it is written by hand, frame by frame.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived

from tests.probes.lab import OK, Authority, Behaviour, says

DATA, HEADERS, GOAWAY = 0x0, 0x1, 0x7
END_STREAM, END_HEADERS = 0x1, 0x4
OK_HEADERS = b"\x88"
"""``:status: 200``, packed."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame by hand. ``length`` is what it says of itself, if that is not to be true."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Visitor:
    """One visitor's connection, as the site sees it, and what they asked for first."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.asked: dict[str, str] = {}
        self.stream = 0

    def hear_request(self) -> bool:
        """False when they left without one."""
        self.send()
        while not self.stream:
            if not self.hear():
                return False
        return True

    def hear(self) -> bool:
        """Take in what comes next; False when the visitor has left."""
        heard = self.connection.recv(65_536)
        for event in self.h2.receive_data(heard) if heard else ():
            if isinstance(event, RequestReceived):
                self.stream, self.asked = event.stream_id, dict(event.headers)  # type: ignore[arg-type]
            elif isinstance(event, ConnectionTerminated):
                return False
            elif isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.send()
        return bool(heard)

    def say_headers(self, status: int, *headers: tuple[str, str], ends: bool = False) -> None:
        self.h2.send_headers(self.stream, [(":status", str(status)), *headers], end_stream=ends)
        self.send()

    def say(self, body: bytes, *, ends: bool = True) -> None:
        """The body, as fast as the visitor takes it."""
        while body:
            room = min(self.h2.local_flow_control_window(self.stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(self.stream, body[:room], end_stream=ends and len(body) <= room)
            self.send()
            body = body[room:]
            if body and not room and not self.hear():
                return

    def send(self, raw: bytes = b"") -> None:
        """What ``h2`` wants sent, and then what it would not."""
        self.connection.sendall(self.h2.data_to_send() + raw)

    def wait(self) -> None:
        """Stay until the visitor leaves."""
        while self.hear():
            pass

    def leave(self) -> None:
        """Close the connection in such a way that what was said arrives, and no reset overtakes it."""
        socket.socket.shutdown(self.connection, socket.SHUT_WR)
        while self.connection.recv(65_536):
            pass


Page = Callable[[Visitor], None]


def speaks_h2(page: Page) -> Behaviour:
    """Answer a request by ``page``; visitors that do not take up the offer are told OK in HTTP/1.1."""

    def behave(connection: socket.socket) -> None:
        if isinstance(connection, ssl.SSLSocket) and connection.selected_alpn_protocol() != "h2":
            says(OK)(connection)
            return
        visitor = Visitor(connection)
        if visitor.hear_request():
            page(visitor)

    return behave


def offers_h2(authority: Authority) -> ssl.SSLContext:
    return authority.context(alpn=["h2", "http/1.1"])
