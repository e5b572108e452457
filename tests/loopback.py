"""A small HTTP server on loopback, for tests that need somebody to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Asked(BaseHTTPRequestHandler):
    """One request. ``body`` is what came with it; ``reply`` answers it well, and a test may also do worse by hand."""

    protocol_version = "HTTP/1.1"
    server: _Server
    body: bytes

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answer(self)
        self.close_connection = True

    do_GET = do_PUT = do_POST  # noqa: N815 - the base class calls them so

    def reply(self, body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.server.over.wait(30)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Silence."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 200

    def __init__(self, answer: Callable[[Asked], None], port: int) -> None:
        super().__init__(("127.0.0.1", port), Asked)
        self.answer, self.over = answer, threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


@contextmanager
def listening(answer: Callable[[Asked], None], *, port: int = 0) -> Iterator[str]:
    """Has each request answered, in a thread of its own. Gives the address, without a slash at its end."""
    with _Server(answer, port) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.over.set()
            server.shutdown()
