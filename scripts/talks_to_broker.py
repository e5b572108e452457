"""Container health: has this container done its work and talked to its broker lately?

A process that is alive but deaf is the failure that matters for a worker or for beat. The broker knows best: Redis and
PostgreSQL list every connection with its address and for how long it has been silent. A waiting worker asks for work
about every second, beat sends ticks as often, and a region worker signs that it lives every ten seconds. Whether work
is done as well says the file ``WORK_FILE``, which whoever ends a task touches (``probes/worked.py``).
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import redis

SILENT_TOO_LONG_SECONDS = 30
IDLE_TOO_LONG_SECONDS = 60

# Of one's own login PostgreSQL tells everything; that includes each region's.
SILENCES = """
SELECT extract(epoch FROM clock_timestamp() - state_change)::integer FROM pg_stat_activity
WHERE application_name = 'uptime-broker' AND usename = current_user
    AND client_addr IS NOT DISTINCT FROM inet_client_addr()
"""


def main() -> int:
    """Exit status 0 when healthy; otherwise say why not."""
    url = os.environ["CELERY_BROKER_URL"]
    try:
        silences = in_postgres(url) if url.startswith("sqla+") else in_redis(url)
    except ConnectionError as error:
        print(f"the broker does not answer: {error}")
        return 1
    if not silences or min(silences) > SILENT_TOO_LONG_SECONDS:
        print(f"silent connections from here, in seconds: {silences}")
        return 1
    idle = idle_seconds(os.environ.get("WORK_FILE", ""))
    if idle > IDLE_TOO_LONG_SECONDS:
        print(f"no work was done for {idle:.0f} s")
        return 1
    return 0


def idle_seconds(path: str) -> float:
    """For how long nothing was done; endless when nothing was done ever, and 0 where nobody writes it down."""
    if not path:
        return 0.0
    try:
        return max(0.0, time.time() - Path(path).stat().st_mtime)
    except OSError:
        return float("inf")


def in_redis(url: str) -> list[int]:
    """How long each connection from this container has been silent, in seconds. Raises ``ConnectionError``."""
    broker = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        we = broker.client_info()
        clients = broker.client_list()
    except redis.RedisError as error:
        raise ConnectionError(error) from error
    return [int(client["idle"]) for client in clients if is_our_worker(client, we)]


def in_postgres(url: str) -> list[int]:
    """The same of PostgreSQL. Only the server's image has its driver."""
    import psycopg

    try:
        with psycopg.connect("postgresql" + url[url.index("://") :], connect_timeout=3) as broker:
            return [seconds for (seconds,) in broker.execute(SILENCES)]
    except psycopg.Error as error:
        raise ConnectionError(error) from error


def is_our_worker(client: Mapping[str, str | int], we: Mapping[str, str | int]) -> bool:
    """Whether a connection comes from this container, and is not the one that asks."""
    return host(client) == host(we) and str(client["id"]) != str(we["id"])


def host(client: Mapping[str, str | int]) -> str:
    """The address of a connection without its port."""
    return str(client["addr"]).rpartition(":")[0]


if __name__ == "__main__":
    sys.exit(main())
