"""A small event loop on epoll: timers, sockets and coroutines, and a watch on its own lateness.

Why not asyncio: the same checks cost a sixth more CPU there, and a loop that reports response times must
know how late it was itself. Everything but ``call_from_thread`` belongs to the loop's own thread.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import select
import sys
import threading
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
MAX_EVENTS = 256


class Timer:
    """A call that waits for its time. ``cancel`` is cheap and may be called more than once."""

    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Future(Generic[T]):
    """A value that is not there yet. The first ``set`` wins, later ones are ignored."""

    __slots__ = ("_waiter", "done", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: T
        self._waiter: Callable[[], None] | None = None

    def set(self, value: T) -> None:
        if self.done:
            return
        self.done, self.value = True, value
        if self._waiter is not None:
            self._waiter()

    def when_done(self, call: Callable[[], None] | None) -> None:
        self._waiter = call
        if call is not None and self.done:
            call()

    def __await__(self) -> Generator[Future[T], None, T]:
        if not self.done:
            yield self
        return self.value


class Task(Generic[T]):
    """A coroutine on its way. It starts at once and goes on whenever what it waits for is there."""

    __slots__ = ("_coroutine", "_loop", "_waits_for", "result")

    def __init__(self, loop: Loop, coroutine: Coroutine[Future[Any], None, T]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._waits_for: Future[Any] | None = None
        self.result: Future[T | BaseException] = Future()
        self._step()

    def _step(self) -> None:
        self._waits_for = None
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as stop:
            self.result.set(stop.value)
        except BaseException as error:  # noqa: BLE001  # handed to whoever awaits the task
            self.result.set(error)
        else:
            self._waits_for = waits_for
            # Through the loop, never from inside set(): libcurl's callbacks must not be re-entered.
            waits_for.when_done(self._resume)

    def _resume(self) -> None:
        self._loop.call_soon(self._step_if_waiting)

    def _step_if_waiting(self) -> None:
        if self._waits_for is not None:
            self._step()

    def cancel(self) -> None:
        """Close the coroutine where it stands; its ``finally`` blocks run."""
        if self._waits_for is not None:
            self._waits_for.when_done(None)
            self._waits_for = None
        self._coroutine.close()

    def __await__(self) -> Generator[Future[Any], None, T]:
        value = yield from self.result.__await__()
        if isinstance(value, BaseException):
            raise value
        return value


class Loop:
    """One thread's waiting room. ``run`` returns after ``stop``, and then it wants to be closed."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watchers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._soon: deque[Callable[[], None]] = deque()
        self._from_threads: deque[Callable[[], None]] = deque()
        self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._asleep = False
        self._running = True
        self.on_turn: Callable[[float, float], None] = _nothing_to_note
        """Called after every turn with (seconds overslept before it, seconds it took)."""
        self._overslept, self._awake_at = 0.0, monotonic()
        self._epoll.register(self._alarm, READ)
        self._watchers[self._alarm] = self._silence_alarm

    # -- from any thread

    def call_from_thread(self, call: Callable[[], None]) -> None:
        self._from_threads.append(call)
        if self._asleep:
            self._asleep = False
            os.eventfd_write(self._alarm, 1)

    def stop(self) -> None:
        def end() -> None:
            self._running = False

        self.call_from_thread(end)

    # -- from the loop's thread

    def call_soon(self, call: Callable[[], None]) -> None:
        self._soon.append(call)

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        timer = Timer(when, call)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def watch(self, fd: int, events: int, call: Callable[[int], None]) -> None:
        """Call ``call(events)`` whenever the descriptor is ready. A second watch replaces the first."""
        if fd in self._watchers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watchers[fd] = call

    def unwatch(self, fd: int) -> None:
        if self._watchers.pop(fd, None) is not None:
            with contextlib.suppress(OSError):  # closed already, which unregisters it as well
                self._epoll.unregister(fd)

    def turn_so_far(self) -> tuple[float, float]:
        """The turn that is going on, as ``on_turn`` will tell of it: what a check learns now, it learns so late."""
        return self._overslept, monotonic() - self._awake_at

    def spawn(self, coroutine: Coroutine[Future[Any], None, T]) -> Task[T]:
        return Task(self, coroutine)

    async def sleep_until(self, when: float) -> None:
        future: Future[None] = Future()
        self.call_at(when, lambda: future.set(None))
        await future

    async def ready(self, fds: Sequence[int], events: int, until: float) -> list[int]:
        """The descriptors that became ready before ``until`` (``time.monotonic``); empty when none did."""
        future: Future[list[int]] = Future()
        timer = self.call_at(until, lambda: future.set([]))
        for fd in fds:
            self.watch(fd, events, lambda _events, fd=fd: future.set([fd]))  # type: ignore[misc]
        try:
            return await future
        finally:
            timer.cancel()
            for fd in fds:
                self.unwatch(fd)

    async def first(self, tasks: Sequence[Task[Any]], until: float) -> bool:
        """Wait until one more of the unfinished tasks is done; False when ``until`` came first."""
        future: Future[bool] = Future()
        timer = self.call_at(until, lambda: future.set(False))
        waiting = [task for task in tasks if not task.result.done]
        for task in waiting:
            task.result.when_done(lambda: future.set(True))
        try:
            return await future
        finally:
            timer.cancel()
            for task in waiting:
                task.result.when_done(None)

    # -- the turning

    def run(self) -> None:
        while self._running:
            wait = self._seconds_to_wait()
            asleep_at = monotonic()
            events = self._epoll.poll(wait, MAX_EVENTS)
            self._awake_at = monotonic()
            self._asleep = False
            self._overslept = self._awake_at - asleep_at - wait if wait else 0.0
            for fd, mask in events:
                watcher = self._watchers.get(fd)
                if watcher is not None:
                    self._guarded(watcher, mask)
            self._run_timers(monotonic())
            self._run_queue(self._from_threads)
            self._run_queue(self._soon)
            self.on_turn(*self.turn_so_far())

    def close(self) -> None:
        """After ``run`` has returned, and not from there: the thread that called ``stop`` may still ring the alarm."""
        if not self._epoll.closed:
            self._epoll.close()
            os.close(self._alarm)

    def _seconds_to_wait(self) -> float:
        if self._soon:
            return 0.0
        self._asleep = True  # before looking: a thread that adds a call after this rings the alarm
        if self._from_threads:
            return 0.0
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return 60.0
        return min(60.0, max(0.0, self._timers[0][0] - monotonic()))

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.call is not None:
                self._guarded(timer.call)

    def _run_queue(self, queue: deque[Callable[[], None]]) -> None:
        for _ in range(len(queue)):
            self._guarded(queue.popleft())

    def _guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        """One bad call must not stop the others: say so and go on."""
        try:
            call(*arguments)
        except Exception:  # noqa: BLE001
            traceback.print_exc(file=sys.stderr)

    def _silence_alarm(self, _events: int) -> None:
        os.eventfd_read(self._alarm)


def _nothing_to_note(_overslept: float, _busy: float) -> None:
    pass


def start_thread(loop: Loop, name: str) -> threading.Thread:
    thread = threading.Thread(target=loop.run, name=name, daemon=True)
    thread.start()
    return thread


async def settled(awaitable: Awaitable[T]) -> T | Exception:
    """The value, or the error as a value."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001
        return error
