"""Thousands of sites in one process on loopback: ``python -m tests.chaos.sites`` says its port.

A site's mood goes by the first part of its path: it answers, fails, or drips and never ends. Lines on standard input
change moods, like ``odd fails``. It ends with its standard input.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time

ANSWERS, FAILS, DRIPS = "answers", "fails", "drips"
HEAD = "HTTP/1.1 {} \r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
SAYS = {
    ANSWERS: HEAD.format("200 OK", 2, "ok").encode(),
    FAILS: HEAD.format("503 Service Unavailable", 4, "down").encode(),
    DRIPS: HEAD.format("200 OK", 10_000, "").encode(),
}
DRIP_EVERY_S = 0.25


class Sites:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.moods: dict[str, str] = {}
        self.open: dict[int, socket.socket] = {}
        self.dripping: dict[int, socket.socket] = {}
        self.epoll = select.epoll()
        for source in (self.listener, sys.stdin):
            self.epoll.register(source.fileno(), select.EPOLLIN)

    def serve(self) -> None:
        next_drip = time.monotonic()
        while True:
            for fd, _ in self.epoll.poll(DRIP_EVERY_S):
                if fd == sys.stdin.fileno():
                    if not (said := os.read(fd, 4096).decode()):
                        return
                    self.moods |= dict(line.split() for line in said.splitlines())
                elif fd == self.listener.fileno():
                    self.accept()
                else:
                    self.answer(self.open.pop(fd))
            if time.monotonic() >= next_drip:
                next_drip = time.monotonic() + DRIP_EVERY_S
                self.drip()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            self.open[connection.fileno()] = connection
            self.epoll.register(connection.fileno(), select.EPOLLIN)

    def answer(self, connection: socket.socket) -> None:
        self.epoll.unregister(connection.fileno())
        try:
            request = connection.recv(4096).decode(errors="replace")
            if request:
                mood = self.moods.get(request.split("/")[1], ANSWERS)
                connection.sendall(SAYS[mood])
                if mood == DRIPS:
                    self.dripping[connection.fileno()] = connection
                    return
        except OSError:
            pass
        connection.close()

    def drip(self) -> None:
        for fd, connection in list(self.dripping.items()):
            try:
                connection.send(b".")
            except OSError:
                self.dripping.pop(fd).close()


if __name__ == "__main__":
    sites = Sites()
    print(sites.listener.getsockname()[1], flush=True)
    sites.serve()
