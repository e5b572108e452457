"""A broker without Redis: ``sqla+postgresql+psycopg://...``, for kombu and so for Celery.

It is kombu's SQLAlchemy transport in its address, its two tables and what it promises: a message that was taken is
gone, and what a killed worker held, the server's ledger sends again. The statements are our own, because kombu's

- never delete a message that was taken, so that each next one is found more slowly;
- wait for each other where two workers read one queue;
- leave a transaction open after a queue was counted;
- keep a session that raises for ever after a lost connection, and leave beat without a channel for ever;
- share connections with the children of a fork, and with the threads of a worker;
- may make the tables in two processes at once. Ours come from the server's migrations.
"""

from __future__ import annotations

import json
import os
import threading
from queue import Empty
from typing import Any

from kombu.transport import virtual
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

FIND = text("SELECT 1 FROM kombu_queue WHERE name = :queue")
DECLARE = text("""
INSERT INTO kombu_queue (id, name) VALUES (nextval('queue_id_sequence'), :queue) ON CONFLICT (name) DO NOTHING
RETURNING 1
""")
PUT = text("""
INSERT INTO kombu_message (id, visible, payload, version, queue_id)
SELECT nextval('message_id_sequence'), true, :payload, 1, id FROM kombu_queue WHERE name = :queue
RETURNING 1
""")
TAKE = text("""
DELETE FROM kombu_message WHERE id = (
    SELECT id FROM kombu_message WHERE queue_id = (SELECT id FROM kombu_queue WHERE name = :queue) AND visible
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING payload
""")
COUNT = text("""
SELECT count(*) FROM kombu_message WHERE queue_id = (SELECT id FROM kombu_queue WHERE name = :queue) AND visible
""")
PURGE = text("DELETE FROM kombu_message WHERE queue_id = (SELECT id FROM kombu_queue WHERE name = :queue) RETURNING 1")

FULL_HANDS_SECONDS = 0.5

_engines: dict[tuple[int, str], Engine] = {}
"""By process and address: a connection must never be used on both sides of a fork."""


class QoS(virtual.QoS):
    """What this process has taken and not finished."""

    def __init__(self, channel: Any, prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)
        self._room = threading.Event()

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self._room.set()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue)
        self._room.set()

    def wait_for_room(self) -> None:
        """Until one more message may be taken, or for half a second."""
        self._room.clear()
        if not self.can_consume():
            self._room.wait(FULL_HANDS_SECONDS)

    def restore_unacked(self) -> None:
        """Put it back, as far as possible. kombu would write the rest to a file in /tmp, secrets included."""
        super().restore_unacked()


class Channel(virtual.Channel):
    """Every call is one statement and commits by itself, so any thread may make it and none leaves a trace."""

    QoS = QoS

    def ask(self, statement: Any, **parameters: str) -> list[Any]:
        """The rows of one statement."""
        with self._engine().connect() as connection:
            return list(connection.execute(statement, parameters).all())

    def drain_events(self, timeout: float | None = None, callback: Any = None) -> Any:
        """Take one message. With full hands kombu would sleep as it does on empty queues, whatever is finished."""
        hands: Any = self.qos
        if self._consumers:
            hands.wait_for_room()
        return super().drain_events(timeout, callback)

    def _engine(self) -> Engine:
        client: Any = self.connection.client
        key = os.getpid(), str(client.hostname)
        if key not in _engines:
            _engines.setdefault(key, connect(client.hostname, client.transport_options))
        return _engines[key]

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return bool(self.ask(FIND, queue=queue))

    def _new_queue(self, queue: str, **_: Any) -> None:
        if not self._has_queue(queue):
            self.ask(DECLARE, queue=queue)

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        payload = json.dumps(message)
        if not self.ask(PUT, queue=queue, payload=payload):
            self._new_queue(queue)
            self.ask(PUT, queue=queue, payload=payload)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        taken = self.ask(TAKE, queue=queue)
        if not taken:
            raise Empty
        message: dict[str, Any] = json.loads(taken[0].payload)
        return message

    def _size(self, queue: str) -> int:
        return int(self.ask(COUNT, queue=queue)[0][0])

    def _purge(self, queue: str) -> int:
        return len(self.ask(PURGE, queue=queue))


def connect(url: str, options: dict[str, Any]) -> Engine:
    """A pool for one process. Of the transport's options it takes the two time-outs, in seconds."""
    patience_s, connect_s = options.get("socket_timeout", 15), options.get("socket_connect_timeout", 5)
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=4,
        pool_timeout=patience_s,
        connect_args={
            "application_name": "uptime-broker",
            "connect_timeout": max(2, int(connect_s)),
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": int(patience_s * 1000),
        },
    )


class Transport(virtual.Transport):
    """Asks every queue in turn, and rests when all are empty."""

    Channel = Channel
    can_parse_url = True
    default_port = 0
    driver_type = "sql"
    driver_name = "sqlalchemy"
    polling_interval = 0.2
    # A missing table or right is one too: a worker that came before the migrations waits for them.
    connection_errors = (*virtual.Transport.connection_errors, DBAPIError, NoConnectionFree)

    def driver_version(self) -> str:
        import sqlalchemy

        return sqlalchemy.__version__

    def establish_connection(self) -> Any:
        """Fails here, where the caller waits between its tries, and not at the first queue, where it would not."""
        connection: Any = super().establish_connection()
        connection._avail_channels[-1].ask(FIND, queue="")
        return connection
