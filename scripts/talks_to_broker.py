"""Container health: has this container talked to its broker lately, other than by this very question?

A process that is alive but deaf is the failure that matters for a worker or for beat. Redis knows best: it
lists every connection with its address and for how long it has been silent. A waiting worker asks for work
about every second, beat sends ticks as often, and a region worker signs that it lives every ten seconds.
"""

import os
import sys
from collections.abc import Mapping

import redis

SILENT_TOO_LONG_SECONDS = 30


def main() -> int:
    """Exit status 0 when healthy; otherwise say why not."""
    url = os.environ["CELERY_BROKER_URL"]
    broker = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        we = broker.client_info()
        clients = broker.client_list()
    except redis.RedisError as error:
        print(f"the broker does not answer: {error}")
        return 1
    silences = [int(client["idle"]) for client in clients if is_our_worker(client, we)]
    if not silences or min(silences) > SILENT_TOO_LONG_SECONDS:
        print(f"silent connections from here, in seconds: {silences}")
        return 1
    return 0


def is_our_worker(client: Mapping[str, str | int], we: Mapping[str, str | int]) -> bool:
    """Whether a connection comes from this container, and is not the one that asks."""
    return host(client) == host(we) and str(client["id"]) != str(we["id"])


def host(client: Mapping[str, str | int]) -> str:
    """The address of a connection without its port."""
    return str(client["addr"]).rpartition(":")[0]


if __name__ == "__main__":
    sys.exit(main())
