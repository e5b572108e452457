"""A request that is no check: how the server hands alerts to those who carry them.

It takes the same road as a check: every address is looked up once and judged by the guard, the socket is opened through
the guard again, one clock runs over the whole, no proxy, no redirect, a bounded answer. There is no other way out.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.hosts import Url

if TYPE_CHECKING:
    from probes.poster import Poster


@dataclass(frozen=True, slots=True)
class Post:
    url: Url
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    """As much of it as came; 1 MiB at most."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


_shared: tuple[int, Poster] | None = None
_shared_lock = threading.Lock()


def shared_poster() -> Poster:
    """This process's one poster, made on first use: a thread does not survive a fork. So is what it needs loaded, since
    most processes of the server know how to post and never do.
    """
    from probes.poster import Poster

    global _shared
    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid():
            _shared = os.getpid(), Poster()
        return _shared[1]
