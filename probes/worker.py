"""The region's Celery app: takes batches from its region's queues, runs them, sends the results home.

``celery -A probes.worker worker -Q region.usa,region.usa.now`` needs ``REGION`` and ``CELERY_BROKER_URL``
and nothing else. The same task also works in the server's own app, by ``celery -A uptime worker -Q region.usa``.

Each batch has a thread that hands its checks to the process's one engine and sends reports as results come
in. A batch is acknowledged when its last report has been delivered or is on disk; until then the broker would give
it to another worker.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from math import inf
from time import monotonic, sleep, time
from typing import Any, NoReturn
from urllib.parse import urlsplit

from celery import Celery, Task, shared_task, signals
from celery.exceptions import Reject, SecurityWarning
from kombu.exceptions import OperationalError

from probes import __version__, names, signing, tracing, worked
from probes.broker import BROKERS, broker_settings, own_key, serializer, verified
from probes.contract import Batch, CheckRequest, CheckResult, InvalidSpec, LifeSign, Report
from probes.engine import invalid, shared_engine, shared_health
from probes.log import set_up as set_up_log
from probes.settings import BadSetting, Settings, read_settings, value
from probes.spool import Spool, SpoolError
from probes.stuck import ConnectAnew

log = logging.getLogger("probes.worker")

BATCHES_AT_ONCE = 32
REPORT_SIZE = 250
REPORT_AFTER_SECONDS = 0.25
RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS = 0.2, 1.0
STOPPING_SECONDS = 4.0
"""How long batches may still run, and reports be tried, once the worker has been asked to stop."""

MOST_MARKS = 20_000
"""Of batches that were taken; some 3 MB. At 1,000 checks a second a few hundred are taken before they expire."""

LATE_SECONDS = 60.0
"""Celery drops what has expired when it comes; what we find as late as this had another time put on it."""

SPOOL_LOOK_SECONDS = 0.5
SPOOL_PAUSE_SECONDS = 0.1
"""Between two reports from the spool, so that fresh ones do not queue behind all of it at the server's."""

LIFE_SIGN_EVERY_SECONDS = 10.0
LIFE_SIGN_EXPIRES_SECONDS = 30.0
STUCK_MS = 30_000.0
"""An engine whose loop stood still for so long is not at work, whatever it says of itself."""


def _own_keys(region: str) -> dict[str, Any]:
    """Redis keys for what this region's workers have in hand, none that another region could read; and no further
    keys for priorities, which we do not have.
    """
    if not region:
        return {}
    keys = {"unacked_key": "", "unacked_index_key": ".index", "unacked_mutex_key": ".mutex"}
    return {"priority_steps": [0], **{name: f"unacked.{region}{ending}" for name, ending in keys.items()}}


def region_app(environ: Mapping[str, str] = os.environ) -> Celery:
    """Never the current app by itself: the server imports this module too, and has an app of its own."""
    region_worker = Celery("probes", set_as_current=False)
    region_worker.conf.update(broker_settings())
    region_worker.conf.broker_transport_options |= _own_keys(environ.get("REGION") or "")
    region_worker.conf.update(
        broker_url=verified(environ.get("CELERY_BROKER_URL") or "") or None,
        worker_pool="threads",
        worker_concurrency=BATCHES_AT_ONCE,
        worker_consumer="probes.quiet:QuietConsumer",
        worker_hijack_root_logger=True,
        task_default_queue=names.region_queue(environ.get("REGION") or "nowhere"),
    )
    region_worker.steps["consumer"].add(ConnectAnew)
    return region_worker


app = region_app()


# -- the task


@shared_task(name=names.RUN_BATCH, bind=True, acks_late=True, ignore_result=True)
def run_batch(self: Task[Any, Any], batch: dict[str, Any]) -> None:
    """Run a ``contract.Batch``, report results as they finish.

    A batch for another region is dropped; where the region has a key also one that the centre has not marked, and one
    that comes again.
    """
    try:
        header, requests, refused = read_batch(batch)
    except (InvalidSpec, KeyError, TypeError) as error:
        log.error("Dropped a message that is no batch: %s", error)
        return
    settings = shared_engine().settings
    if settings.region and header.region != settings.region:
        log.error(
            "Dropped batch %.100s: it is for region %.50s, this is %s",
            header.id,
            header.region,
            settings.region,
        )
        return
    mark = signing.mark_of(batch, key) if (key := own_key()) else b""
    if key and (problem := _marked.take(mark, until=batch.get("expires_at"))):
        log.error("Dropped batch %.100s: %s", header.id, problem)
        return
    _spooler.begin(self.app, settings)
    try:
        for results in run_and_gather(requests, refused):
            deliver(self.app, Report(header.id, header.region, settings.worker_id, results))
    except Reject as reject:
        _marked.give_back(mark)
        log.warning("Batch %.100s goes back to its queue: %s", header.id, reject.args[0])
        raise
    _life.last_batch_at = time()


def read_batch(data: object) -> tuple[Batch, list[CheckRequest], list[CheckResult]]:
    """The batch without its checks, the checks that can be run, and results for those that cannot."""
    if not isinstance(data, dict) or not isinstance(data.get("checks"), list):
        raise InvalidSpec("it has no list of checks", "checks")
    if not isinstance(data["id"], str) or not isinstance(data["region"], str):
        raise InvalidSpec("id and region must be strings", "id")
    requests: list[CheckRequest] = []
    refused: list[CheckResult] = []
    for item in data["checks"]:
        try:
            requests.append(CheckRequest.from_wire(item))
        except InvalidSpec as error:
            known = item if isinstance(item, dict) else {}
            unreadable = CheckRequest(str(known.get("id", "")), str(known.get("kind", "")), {})
            refused.append(invalid(unreadable, error))
    return Batch(data["id"], data["region"], []), requests, refused


class _Marked:
    """Which of the batches that came to a region with a key are run: each that the centre has marked, once and in time.

    Whoever overhears one can send it again, and have us dial what it names. Each process has a memory of its own.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def take(self, mark: bytes, *, until: float | None) -> str:
        """What is wrong with it, in words; empty: it is ours. ``until``: of a server that is older, nobody knows."""
        now = time()
        # Without a mark it may say what it likes, also of its time.
        last_moment = (inf if until is None or not mark else until) + LATE_SECONDS
        with self._lock:
            problem = ""
            if not mark:
                problem = "it carries no mark of this region's key"
            elif now > last_moment:
                problem = "its time is over"
            elif mark in self._until:
                problem = "it was taken before"
            else:
                self._forget(now)
                self._until[mark] = last_moment
            self.refused += bool(problem)
        return problem

    def give_back(self, mark: bytes) -> None:
        """It was not run after all."""
        with self._lock:
            self._until.pop(mark, None)

    def _forget(self, now: float) -> None:
        """Those whose time is over, as far as they stand in front; beyond ``MOST_MARKS`` the first ones anyway."""
        while self._until and (len(self._until) >= MOST_MARKS or next(iter(self._until.values())) < now):
            del self._until[next(iter(self._until))]


_marked = _Marked()


def run_and_gather(requests: list[CheckRequest], refused: list[CheckResult]) -> Iterator[list[CheckResult]]:
    """Results in small lists as they finish: the last ones are not waited for, and one slow site delays
    nobody.

    Raises ``Reject`` when the worker stops before all are done; what is done has been handed out by then.
    """
    engine, finished = shared_engine(), queue.SimpleQueue[list[CheckResult]]()
    finished.put(refused)
    missing = engine.submit(requests, engine.gather(finished.put)) + len(refused)
    while missing:
        results = _next_results(finished, missing)
        missing -= len(results)
        yield results


def _next_results(finished: queue.SimpleQueue[list[CheckResult]], missing: int) -> list[CheckResult]:
    results = _wait_for_some(finished)
    closes_at = monotonic() + REPORT_AFTER_SECONDS
    while len(results) < min(REPORT_SIZE, missing):
        try:
            results += finished.get(timeout=max(0.0, closes_at - monotonic()))
        except queue.Empty:
            break
    return results


def _wait_for_some(finished: queue.SimpleQueue[list[CheckResult]]) -> list[CheckResult]:
    while True:
        try:
            return finished.get(timeout=0.5)
        except queue.Empty:
            if _stopping.over():
                raise Reject("the worker stops; somebody else will run this batch", requeue=True) from None


# -- delivering


def deliver(celery: Celery, report: Report) -> None:
    """Send a report, or leave it to the spool while the broker cannot be reached. Without a spool keep it and try
    again.
    """
    while not (_broker.takes(celery, report.to_wire()) or _spooler.takes(report)):
        if _stopping.pause(_broker.pause) and _stopping.over():
            raise Reject("the worker stops with results that it could not deliver", requeue=True)


class _Broker:
    """Takes reports. While it does not, it is asked again after a pause that grows, by one report at a time: one that
    hangs instead of refusing would hold all batches up.
    """

    def __init__(self) -> None:
        self.pause = RETRY_FIRST_SECONDS
        self._ask_again_at = 0.0
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def takes(self, celery: Celery, report: dict[str, Any]) -> bool:
        if not self._ask_again_at:
            return self._send(celery, report)
        if monotonic() < self._ask_again_at or not self._asking.acquire(blocking=False):
            return False
        try:
            return self._send(celery, report)
        finally:
            self._asking.release()

    def _send(self, celery: Celery, report: dict[str, Any]) -> bool:
        producers: Any = celery.producer_pool
        try:
            with producers.acquire(block=True) as producer:
                producer.connection.ensure_connection(max_retries=0)  # send_task itself would try for 6 s
                celery.send_task(
                    names.INGEST,
                    args=[report],
                    argsrepr="",  # celery would write the report out a second time, for a log that nobody keeps
                    queue=names.RESULTS_QUEUE,
                    retry=False,
                    producer=producer,
                    serializer=serializer(),
                )
        except _broker_errors(celery) as error:
            self._note_refusal(error)
            return False
        if self._ask_again_at:
            self._note_return()
        return True

    def _note_refusal(self, error: BaseException) -> None:
        with self._lock:
            if monotonic() < self._ask_again_at:  # another report was refused meanwhile
                return
            if not self._ask_again_at:
                log.warning("The broker does not take results: %s", error)
            self._ask_again_at = monotonic() + self.pause
            self.pause = min(self.pause * 2, RETRY_LAST_SECONDS)

    def _note_return(self) -> None:
        with self._lock:
            if self._ask_again_at:
                log.info("The broker takes results again")
            self._ask_again_at, self.pause = 0.0, RETRY_FIRST_SECONDS


_broker = _Broker()


class _Spooler:
    """Keeps on disk what the broker does not take, and sends it, oldest first, when it does.

    Fresh reports do not wait for old ones: each batch sends its own, and the spool follows beside them. The server
    needs no order, since it knows a result by its check and a late one changes no history.
    """

    def __init__(self) -> None:
        self._spool: Spool | None = None
        self._begun = False
        self._in_trouble = False
        self._lock = threading.Lock()

    def begin(self, celery: Celery, settings: Settings) -> None:
        """Once in each process that runs batches; what others have left there is sent as well."""
        with self._lock:
            if not self._begun:
                self._begin(celery, settings)
            self._begun = True

    def _begin(self, celery: Celery, settings: Settings) -> None:
        if settings.spool_dir is None:
            log.info("There is no PROBE_SPOOL_DIR: while the broker is away results are kept in memory only")
            return
        self._spool = Spool(settings.spool_dir, settings.region, settings.spool_bytes)
        if (waiting := self.count()) is not None:
            log.info("While the broker is away results are kept in %s, where %d wait", self._spool.path, waiting)
        threading.Thread(target=self._live, args=[celery, self._spool], name="probes-spool", daemon=True).start()

    def takes(self, report: Report) -> bool:
        if self._spool is None:
            return False
        try:
            self._spool.add(report)
        except SpoolError as error:
            self._note_trouble(error)
            return False
        self._in_trouble = False
        return True

    def count(self) -> int | None:
        """How many results wait on disk; None where there is no spool, or none that can be used."""
        try:
            return self._spool.count() if self._spool else None
        except SpoolError as error:
            self._note_trouble(error)
            return None

    def _live(self, celery: Celery, spool: Spool) -> None:
        while not _stopping.pause(SPOOL_LOOK_SECONDS):
            try:
                self._send_all(celery, spool)
            except SpoolError as error:
                self._note_trouble(error)

    def _send_all(self, celery: Celery, spool: Spool) -> None:
        sent = 0
        with spool.sending() as ours:
            while ours and (parcel := spool.oldest()) and _broker.takes(celery, parcel.report):
                spool.forget(parcel)
                sent += len(parcel.places)
                if _stopping.pause(SPOOL_PAUSE_SECONDS):
                    break
        if sent:
            log.info("Sent %d results from the spool", sent)

    def _note_trouble(self, error: SpoolError) -> None:
        if not self._in_trouble:
            log.warning("The spool cannot be used, results are kept in memory only: %s", error)
        self._in_trouble = True


_spooler = _Spooler()


def _broker_errors(celery: Celery) -> tuple[type[BaseException], ...]:
    connection = celery.connection_for_write()
    return (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors)


class _Stopping:
    """The moment from which on the worker ends what it can and leaves the rest to others."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._deadline = float("inf")

    def ask(self) -> None:
        """Asking twice gives no more time."""
        if not self._asked.is_set():
            self._deadline = monotonic() + STOPPING_SECONDS
            self._asked.set()

    def over(self) -> bool:
        return monotonic() >= self._deadline

    def pause(self, seconds: float) -> bool:
        """Sleep, but not through the end. True when the worker has been asked to stop."""
        if self._asked.is_set():
            sleep(min(seconds, RETRY_FIRST_SECONDS))
        return self._asked.wait(seconds)


_stopping = _Stopping()


# -- life signs


class _Life:
    """Tells the server every ten seconds that this worker lives, on a thread of its own."""

    def __init__(self) -> None:
        self.last_batch_at: float | None = None
        self._told_refused = 0
        self._thread: threading.Thread | None = None

    def begin(self, celery: Celery, regions: list[str], settings: Settings) -> None:
        if self._thread is not None or not regions:
            return

        def live() -> None:
            asked_to_stop = False
            while not asked_to_stop:
                for region in regions:
                    self._sign(celery, region, settings)
                asked_to_stop = _stopping.pause(LIFE_SIGN_EVERY_SECONDS)

        self._thread = threading.Thread(target=live, name="probes-life", daemon=True)
        self._thread.start()

    def _sign(self, celery: Celery, region: str, settings: Settings) -> None:
        refused = _marked.refused
        health = shared_health()  # not shared_engine(): a prefork parent must stay without threads of the engine
        sign = LifeSign(
            region=region,
            worker=settings.worker_id,
            version=__version__,
            concurrency=settings.concurrency,
            sent_at=time(),
            last_batch_at=self.last_batch_at,
            lag_ms=health.lag_ms if health else None,
            slowed_down=health is not None and health.slowed_down,
            spooled=_spooler.count(),
            refused=refused - self._told_refused,
        )
        try:
            celery.send_task(
                names.LIFE_SIGN,
                args=[sign.to_wire()],
                queue=names.RESULTS_QUEUE,
                expires=LIFE_SIGN_EXPIRES_SECONDS,
                retry=False,
                serializer=serializer(),
            )
        except _broker_errors(celery) as error:
            log.warning("The broker does not take life signs (%s)", error)
            return
        self._told_refused = refused
        if health is None or health.lag_ms < STUCK_MS:  # a region without monitors has nothing but this to do
            worked.note()


_life = _Life()


# -- starting and stopping


@signals.celeryd_init.connect
def _check_environment(instance: Any, **_: Any) -> None:
    """Of ``celery -A probes.worker`` alone; the server has settings of its own."""
    if instance.app is not app:
        return
    warnings.filterwarnings("ignore", category=SecurityWarning)  # a container runs as root, and json is all we accept
    try:
        if not read_settings().region:
            raise BadSetting("REGION is not set; it names the region that this worker is in, like usa.")
        app.conf.broker_url = read_broker_url()
        set_up_log()
        tracing.start("uptime-region")
    except BadSetting as error:
        _refuse_to_start(error)
    signals.setup_logging.connect(_keep_our_log)


def read_broker_url(environ: Mapping[str, str] = os.environ) -> str:
    """Raises ``BadSetting``."""
    url = value(environ, "CELERY_BROKER_URL")
    if not url:
        raise BadSetting("CELERY_BROKER_URL is not set; it names the broker, like redis://localhost:6379/0.")
    if urlsplit(url).scheme not in BROKERS:
        raise BadSetting("CELERY_BROKER_URL must be an address like redis://localhost:6379/0.")
    return verified(url)


def _refuse_to_start(error: BadSetting) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(1)


def _keep_our_log(**_: Any) -> None:
    """Celery sets up a log of its own unless somebody answers this signal."""


def _is_news(record: logging.LogRecord) -> bool:
    """Of a batch that goes back we have said so ourselves, in one line; Celery would add a traceback."""
    told = getattr(record, "data", None)
    returned = isinstance(told, dict) and told.get("description") == "rejected" and told.get("name") == names.RUN_BATCH
    return not returned


logging.getLogger("celery.app.trace").addFilter(_is_news)


@signals.worker_ready.connect
def _begin_to_live(sender: Any, **_: Any) -> None:
    """Wherever a region's queue is read, in the server's app as well."""
    regions = names.regions_of(sender.app.amqp.queues.consume_from)
    if not regions:
        return
    try:
        settings = read_settings()
    except BadSetting as error:
        _refuse_to_start(error)
    log.info("Ready to check from %s", ", ".join(regions))
    if not sender.pool.uses_semaphore:  # with processes each of them has a spooler; SQLite must not be open at a fork
        _spooler.begin(sender.app, settings)
    _life.begin(sender.app, [settings.region] if settings.region else regions, settings)


@signals.worker_shutting_down.connect
def _begin_to_stop(**_: Any) -> None:
    _stopping.ask()
