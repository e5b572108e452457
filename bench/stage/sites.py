"""Sites on loopback that are watched, each a process of its own."""

from __future__ import annotations

import heapq
import multiprocessing
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import trustme

PAGE = b"<html>" + b"x" * 500 + b"</html>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE) + PAGE


@contextmanager
def plain_site() -> Iterator[str]:
    """The address of a site that answers everything at once."""
    with site(serve_plain, 0.0) as port:
        yield f"http://127.0.0.1:{port}/"


def serve_plain(port: Any, delay_s: float) -> None:
    """Answer each request so long after it came, by one epoll loop that does nothing else."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    port.send(listener.getsockname()[1])
    epoll = select.epoll()
    epoll.register(listener.fileno(), select.EPOLLIN)
    open_connections: dict[int, socket.socket] = {}
    due: list[tuple[float, int]] = []
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else 10.0
        for fd, _ in epoll.poll(wait):
            if fd == listener.fileno():
                _accept_all(listener, epoll, open_connections)
                continue
            epoll.unregister(fd)
            if _request_came(open_connections[fd]):
                heapq.heappush(due, (time.monotonic() + delay_s, fd))
            else:
                open_connections.pop(fd).close()
        while due and due[0][0] <= time.monotonic():
            with open_connections.pop(heapq.heappop(due)[1]) as connection:
                connection.sendall(ANSWER)


def _accept_all(listener: socket.socket, epoll: select.epoll, connections: dict[int, socket.socket]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connections[connection.fileno()] = connection
        epoll.register(connection.fileno(), select.EPOLLIN)


def _request_came(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(4096))
    except OSError:
        return False


def serve_tls(port: Any, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port.send(listener.getsockname()[1])

    def serve() -> None:
        while True:
            raw, _ = listener.accept()
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(4096)
                    connection.sendall(ANSWER)
            except OSError:
                raw.close()

    for _ in range(32):
        threading.Thread(target=serve, daemon=True).start()
    threading.Event().wait()


@contextmanager
def site(serve: Callable[..., None], *arguments: Any) -> Iterator[int]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    yield ours.recv()
    process.terminate()
    process.join()


def certificates(folder: str) -> tuple[str, str]:
    """Two PEM files: a root, and what a site on 127.0.0.1 shows (P-256)."""
    root, shown = f"{folder}/root.pem", f"{folder}/site.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(root)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(shown)
    return root, shown


@contextmanager
def black_hole(address: str = "127.0.0.1") -> Iterator[int]:
    """A port whose queue of connections is full: a new one gets no answer at all."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.socket(family))
        listener.bind((address, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(8):
            filler = open_sockets.enter_context(socket.socket(family))
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield port
