"""How a ``Post`` is carried: by libcurl, on a loop and a thread of its own."""

from __future__ import annotations

import queue
from time import monotonic

from probes.certificates import Intermediates
from probes.contract import Phase, Reason
from probes.exchange import Call, Exchange
from probes.findings import Fault, Finding
from probes.loop import Loop, start_thread
from probes.post import Answer, Post
from probes.resolver import Resolver
from probes.road import Road
from probes.sentences import say
from probes.settings import Settings, read_settings
from probes.transfer import Transfers


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
        if exchange.has_answer:
            return Answer(exchange.status, tuple(exchange.headers), bytes(exchange.body))
        raise self._fault(exchange, road, finding)

    @staticmethod
    def _fault(exchange: Exchange, road: Road, finding: Finding) -> Fault:
        chain = road.read_certificate(exchange, finding)
        fault = road.fault_of(exchange, chain)
        return fault or Fault(Reason.PROTOCOL_ERROR, Phase.FIRST_BYTE, say("there was no answer in HTTP"))
