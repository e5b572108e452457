"""How gunicorn serves: a thread for each request that is there, and none for those who only hold the line."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import ThreadWorker

FIRST_WORD_S = 10.0
"""How long a connection may be silent at its beginning."""

HEADERS_S = 10.0
"""How long the headers of a request may take. They come in one packet from all who mean it."""


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own thread worker lets a thread wait for the first word of each connection, for seconds, and for the
    rest of the headers without an end: a few hundred silent clients, or as many dripping ones as there are threads,
    and nobody else is served.

    Here a new connection waits in the poller, as one that is kept alive does, and headers have an end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading: dict[Any, float] = {}

    def load_wsgi(self) -> None:
        try:
            super().load_wsgi()
        except SystemExit as refusal:  # a bad setting: gunicorn would start another worker, for ever
            raise AppImportError(refusal.code) from None

    def enqueue_req(self, conn: Any) -> None:
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + FIRST_WORD_S
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Any) -> Any:
        self.reading[conn] = time.monotonic() + HEADERS_S
        try:
            return super().handle(conn)
        finally:
            self.reading.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self.reading.pop(conn, None)
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Called by the loop at least once a second; the thread that reads finds the connection closed."""
        super().murder_pending()
        now = time.monotonic()
        for conn, deadline in list(self.reading.items()):
            if deadline < now:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)
