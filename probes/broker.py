"""The broker as everybody of the product uses it, whether in a region or at the centre: its addresses, what Celery must
be told of it, and the signed messages that it carries. Whoever only sends needs nothing more of the probes.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from kombu import serialization
from kombu.transport import TRANSPORT_ALIASES

from probes import signing
from probes.settings import BadSetting, read_settings

BROKERS = ("redis", "rediss", "redis+socket", "unix", "sentinel", "amqp", "amqps", "pyamqp", "sqla+postgresql+psycopg")
TRANSPORT_ALIASES["sqla"] = "probes.postgres_broker:Transport"


def verified(url: str) -> str:
    """The broker's address with its certificate verified, as nobody expects otherwise: kombu by itself encrypts and
    believes whoever answers. ``?ssl_cert_reqs=none`` says that this is wanted.
    """
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}ssl_cert_reqs=required"


@cache
def own_key() -> signing.Key | None:
    """This region's, if it has one."""
    return read_settings().key


def serializer() -> str:
    """Of what a region sends: signed when it has a key."""
    return signing.SERIALIZER if own_key() else "json"


def _write_signed(body: object) -> Any:
    key = own_key()
    if key is None:
        raise BadSetting("REGION_KEY is not set, so nothing can be signed.")
    return signing.write(body, key)


def _read_plain(body: bytes | str) -> Any:
    return json.loads(body)


# Kombu's own JSON makes an object of {"__type__": ..., "__value__": ...}, and raises where it knows no such type. Both
# can be headers, of a monitor or of a site's answer, and would then lose everything that travels with them.
serialization.register("json", json.dumps, _read_plain, "application/json", "utf-8")
serialization.register(signing.SERIALIZER, _write_signed, signing.read, signing.CONTENT_TYPE, "binary")


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
        "accept_content": ["json", signing.SERIALIZER],
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
