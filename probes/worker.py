"""The region's Celery app: takes batches from its region's queues, runs them, sends the results home.

``celery -A probes.worker worker -Q region.usa,region.usa.now`` needs ``REGION`` and ``CELERY_BROKER_URL``
and nothing else. The same task also works in the server's own app, by ``celery -A uptime worker -Q region.usa``.

Each batch has a thread that hands its checks to the process's one engine and sends reports as results come
in. A batch is acknowledged when its last report has been delivered; until then the broker would give it to
another worker.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from time import monotonic, sleep, time
from typing import Any, NoReturn
from urllib.parse import urlsplit

from celery import Celery, Task, shared_task, signals
from celery.exceptions import Reject, SecurityWarning
from celery.worker.consumer import Consumer
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES

from probes import __version__, names
from probes.contract import Batch, CheckRequest, CheckResult, InvalidSpec, LifeSign, Report
from probes.engine import invalid, shared_engine, shared_health
from probes.log import set_up as set_up_log
from probes.settings import BadSetting, Settings, read_settings, value

log = logging.getLogger("probes.worker")

BATCHES_AT_ONCE = 32
REPORT_SIZE = 100
REPORT_AFTER_SECONDS = 0.25
RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS = 0.2, 5.0
STOPPING_SECONDS = 4.0
"""How long batches may still run, and reports be tried, once the worker has been asked to stop."""

LIFE_SIGN_EVERY_SECONDS = 10.0
LIFE_SIGN_EXPIRES_SECONDS = 30.0
BROKERS = ("redis", "rediss", "redis+socket", "unix", "sentinel", "amqp", "amqps", "pyamqp", "sqla+postgresql+psycopg")
TRANSPORT_ALIASES["sqla"] = "probes.postgres_broker:Transport"


def broker_settings() -> dict[str, Any]:
    """What every Celery app of the product must say in the same words: messages outlive the worker that
    took them.

    ``visibility_timeout`` above all: the shortest one on a Redis database holds for everybody on it.
    """
    return {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 120,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "health_check_interval": 10,
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_exchange_type": "direct",
        "task_default_delivery_mode": "persistent",
        "task_acks_late": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "result_backend": None,
        "task_send_sent_event": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


class QuietConsumer(Consumer):
    """Does not gossip, mingle or send heartbeats: region workers have nothing to say to each other."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        silent = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        options["worker_options"] = {**(options.get("worker_options") or {}), **silent}
        super().__init__(*arguments, **options)


def region_app(environ: Mapping[str, str] = os.environ) -> Celery:
    """Never the current app by itself: the server imports this module too, and has an app of its own."""
    region_worker = Celery("probes", set_as_current=False)
    region_worker.conf.update(broker_settings())
    region_worker.conf.update(
        broker_url=environ.get("CELERY_BROKER_URL") or None,
        worker_pool="threads",
        worker_concurrency=BATCHES_AT_ONCE,
        worker_consumer="probes.worker:QuietConsumer",
        worker_hijack_root_logger=True,
        task_default_queue=names.region_queue(environ.get("REGION") or "nowhere"),
    )
    return region_worker


app = region_app()


# -- the task


@shared_task(name=names.RUN_BATCH, bind=True, acks_late=True, ignore_result=True)
def run_batch(self: Task[Any, Any], batch: dict[str, Any]) -> None:
    """Run a ``contract.Batch``, report results as they finish. A batch for another region is dropped."""
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
    for results in run_and_gather(requests, refused):
        deliver(self.app, Report(header.id, header.region, settings.worker_id, results))
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


def deliver(celery: Celery, report: Report) -> None:
    """Send a report; while the broker cannot be reached, keep it and try again."""
    pause = RETRY_FIRST_SECONDS
    while True:
        try:
            celery.send_task(names.INGEST, args=[report.to_wire()], queue=names.RESULTS_QUEUE, retry=False)
        except _broker_errors(celery) as error:
            log.warning("The broker does not take results (%s); %d kept", error, len(report.results))
        else:
            return
        if _stopping.pause(pause) and _stopping.over():
            raise Reject("the worker stops with results it could not deliver", requeue=True)
        pause = min(pause * 2, RETRY_LAST_SECONDS)


def _broker_errors(celery: Celery) -> tuple[type[BaseException], ...]:
    connection = celery.connection_for_write()
    return (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors)


class _Stopping:
    """The moment from which on the worker ends what it can and leaves the rest to others."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._deadline = float("inf")

    def ask(self) -> None:
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
        )
        try:
            celery.send_task(
                names.LIFE_SIGN,
                args=[sign.to_wire()],
                queue=names.RESULTS_QUEUE,
                expires=LIFE_SIGN_EXPIRES_SECONDS,
                retry=False,
            )
        except _broker_errors(celery) as error:
            log.warning("The broker does not take life signs (%s)", error)


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
    return url


def _refuse_to_start(error: BadSetting) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(1)


def _keep_our_log(**_: Any) -> None:
    """Celery sets up a log of its own unless somebody answers this signal."""


@signals.worker_ready.connect
def _begin_to_live(sender: Any, **_: Any) -> None:
    """Wherever a region's queue is read, in the server's app as well."""
    queues = sender.app.amqp.queues.consume_from
    regions = sorted({name.split(".")[1] for name in queues if name.startswith("region.")})
    if not regions:
        return
    try:
        settings = read_settings()
    except BadSetting as error:
        _refuse_to_start(error)
    log.info("Ready to check from %s", ", ".join(regions))
    _life.begin(sender.app, [settings.region] if settings.region else regions, settings)


@signals.worker_shutting_down.connect
def _begin_to_stop(**_: Any) -> None:
    _stopping.ask()
