"""Real receivers on loopback that do what they are told: answer, refuse, hang, reset, lead elsewhere."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.loopback import Asked, listening


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


@dataclass
class Sink:
    """``answers`` are used up one by one; after that everything is 200. ``received`` is what was read in full."""

    received: list[Received] = field(default_factory=list)
    answers: list[Callable[[Asked], None]] = field(default_factory=list)
    arrivals: queue.SimpleQueue[Received] = field(default_factory=queue.SimpleQueue)
    url: str = ""

    @property
    def kinds(self) -> list[str]:
        return [one.json["kind"] for one in self.received]

    def take(self, asked: Asked) -> None:
        received = Received(asked.path, dict(asked.headers.items()), asked.body)
        self.received.append(received)
        self.arrivals.put(received)
        answer = self.answers.pop(0) if self.answers else status(200, body="thanks")
        answer(asked)


def status(code: int, *, body: str = "", **headers: str) -> Callable[[Asked], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: asked.reply(body.encode(), status=code, headers=named)


def reset(asked: Asked) -> None:
    asked.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.connection.close()


def endless_body(asked: Asked) -> None:
    """A status at once, and a body that never ends."""
    asked.send_response(200)
    asked.send_header("Content-Length", "1000000")
    asked.end_headers()
    asked.wfile.flush()
    asked.hang()


@contextlib.contextmanager
def http_sink() -> Iterator[Sink]:
    sink = Sink()
    with listening(sink.take) as address:
        sink.url = f"{address}/hook"
        yield sink


@dataclass
class Mailbox:
    """A mail server's. ``refusals``: answers to RCPT, used up one by one, like "550 no such person"."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client of today needs."""

    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self._say("220 sink")
        while line := self.rfile.readline():
            match line.split(b" ")[0].strip().upper():
                case b"EHLO" | b"HELO":
                    self._say("250 sink")
                case b"RCPT" if box.refusals:
                    self._say(box.refusals.pop(0))
                case b"DATA":
                    self._say("354 go on")
                    box.mails.append(self._read_mail())
                    self._say("250 kept")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _read_mail(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextlib.contextmanager
def smtp_sink() -> Iterator[Mailbox]:
    box = Mailbox()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        server.box = box  # type: ignore[attr-defined]
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield box
        finally:
            server.shutdown()
