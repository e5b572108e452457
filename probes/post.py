"""A request that is no check: how the server hands alerts to those who carry them.

It takes the same road as a check: every address is looked up once and judged by the guard, the socket is opened through
the guard again, one clock runs over the whole, no proxy, no redirect, a bounded answer. There is no other way out.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass
from time import monotonic

from probes.certificates import Intermediates
from probes.contract import Phase, Reason
from probes.faults import fault_of
from probes.findings import Fault, Finding
from probes.hosts import Url
from probes.loop import Loop, start_thread
from probes.resolver import Resolver
from probes.road import Road
from probes.sentences import say
from probes.settings import Settings, read_settings
from probes.transfer import Call, Exchange, Transfers

FIRST_STATUS = 200


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


class Poster:
    """One loop in one thread, for as many callers as there are."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or read_settings()
        self._loop = Loop()
        self._transfers = Transfers(self._loop, self._settings.policy, self._settings.ca_file)
        self._resolver = Resolver(self._loop, self._settings.nameservers)
        self._thread = start_thread(self._loop, "probes-poster")

    def send(self, post: Post, *, timeout_s: float) -> Answer:
        """Send and wait for the answer, whatever its status. Raises ``Fault`` when there is none."""
        until = monotonic() + timeout_s
        done: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        self._loop.call_from_thread(lambda: self._spawn(post, until, done))
        try:
            came = done.get(timeout=timeout_s + 5)
        except queue.Empty:
            raise Fault(Reason.INTERNAL_ERROR, None, say("our own sender does not answer")) from None
        if isinstance(came, Exception):
            raise came
        return came

    def close(self) -> None:
        """End the thread. What is under way is given up."""
        self._loop.stop()
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()

    def _spawn(self, post: Post, until: float, done: queue.SimpleQueue[Answer | Exception]) -> None:
        self._loop.spawn(self._run(post, until, done))

    async def _run(self, post: Post, until: float, done: queue.SimpleQueue[Answer | Exception]) -> None:
        try:
            done.put(await self._perform(post, until))
        except Fault as fault:
            done.put(fault)
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it
            problem = say("our own sender failed: {name}: {error}", name=type(error).__name__, error=error)[:500]
            done.put(Fault(Reason.INTERNAL_ERROR, None, problem))

    async def _perform(self, post: Post, until: float) -> Answer:
        intermediates = Intermediates()
        road = Road(self._loop, self._resolver, self._transfers, intermediates, until)
        finding = Finding()
        addresses = await road.look_up(post.url.host, None, finding)
        session = road.session()
        try:
            exchange = await session.fetch(
                Call(post.url, addresses, until, method=post.method, headers=post.headers, body=post.body)
            )
        finally:
            session.close()
        # Once the status is there, they have taken it or not: a body that never ends changes nothing about that.
        if exchange.headers_complete and exchange.status >= FIRST_STATUS:
            return Answer(exchange.status, tuple(exchange.headers), bytes(exchange.body))
        raise self._fault(exchange, road, finding)

    @staticmethod
    def _fault(exchange: Exchange, road: Road, finding: Finding) -> Fault:
        chain = road.read_certificate(exchange, finding)
        fault = fault_of(exchange, road.intermediates, chain)
        return fault or Fault(Reason.PROTOCOL_ERROR, Phase.FIRST_BYTE, say("there was no answer in HTTP"))


_shared: tuple[int, Poster] | None = None
_shared_lock = threading.Lock()


def shared_poster() -> Poster:
    """This process's one poster, made on first use: a thread does not survive a fork."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid():
            _shared = os.getpid(), Poster()
        return _shared[1]
