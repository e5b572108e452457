"""PostgreSQL as the broker: what is taken is taken once and gone, and nothing that happens to a connection lasts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty
from typing import Any

import psycopg
import pytest
from django.db import connection
from kombu import Connection, Queue
from psycopg import sql

import probes.broker  # noqa: F401 - it tells kombu of the transport
from probes import postgres_broker
from probes.postgres_broker import DECLARE, Channel

pytestmark = pytest.mark.django_db(transaction=True)

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON kombu_queue, kombu_message TO {region};
GRANT USAGE ON SEQUENCE queue_id_sequence, message_id_sequence TO {region};
"""
"""As docs/operations.md gives them."""


OF_OURS = "FROM pg_stat_activity WHERE application_name = 'uptime-broker' AND datname = current_database()"
"""Tests in another process have a database of their own on the same server."""


def address(user: str = "") -> str:
    """The test database as a broker's address, for somebody."""
    settings = connection.settings_dict
    where = f"host={settings['HOST']}&port={settings['PORT'] or 5432}"
    query = "&".join(f"{name}={value}" for name, value in settings["OPTIONS"].items() if name == "host")
    secret = f":{settings['PASSWORD']}" if settings["PASSWORD"] and not user else ""
    name = settings["NAME"]
    return f"sqla+postgresql+psycopg://{user or settings['USER']}{secret}@/{name}?{query or where}"


@pytest.fixture
def channel() -> Iterator[Channel]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE kombu_message, kombu_queue")
    with Connection(address()) as broker:
        channel: Any = broker.default_channel
        yield channel
    for engine in postgres_broker._engines.values():
        engine.dispose()


def take(channel: Channel) -> Any:
    return channel._get("results")["number"]


def test_messages_come_in_order_and_leave_nothing_behind(channel: Channel) -> None:
    for number in range(3):
        channel._put("results", {"number": number})
    assert channel.queue_declare("results").message_count == 3
    assert [take(channel) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Empty):
        take(channel)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kombu_message")
        assert cursor.fetchone() == (0,)


def test_readers_at_the_same_time_never_get_the_same_message(channel: Channel) -> None:
    for number in range(100):
        channel._put("results", {"number": number})
    with ThreadPoolExecutor(4) as readers:
        taken = list(readers.map(lambda _: take(channel), range(100)))
    assert sorted(taken) == list(range(100))


def test_two_processes_may_declare_a_queue_at_once(channel: Channel) -> None:
    for _ in range(2):  # both have looked, and neither has seen it
        channel.ask(DECLARE, queue="region.usa")
    channel._put("region.usa", {"number": 1})
    assert channel.queue_declare("region.usa").message_count == 1
    assert channel.queue_purge("region.usa") == 1


def test_after_its_connections_were_cut_a_channel_goes_on(channel: Channel) -> None:
    channel._put("results", {"number": 1})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) " + OF_OURS)
        assert cursor.rowcount
    channel._put("results", {"number": 2})
    assert [take(channel), take(channel)] == [1, 2]


def test_a_publisher_whose_channel_was_closed_opens_another(channel: Channel) -> None:
    with Connection(address()) as broker:
        producer = broker.Producer(serializer="json")
        open_channel: Any = producer.channel
        open_channel.close()  # as beat's is, once PostgreSQL has been away
        producer.publish({"number": 1}, routing_key="results", declare=[Queue("results")], retry=True)
    assert channel._size("results") == 1


def test_counting_leaves_no_transaction_open(channel: Channel) -> None:
    channel.queue_declare("results")
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT state " + OF_OURS)
        assert cursor.fetchall() == [("idle",)]


def test_parent_and_child_of_a_fork_share_no_connection(channel: Channel) -> None:
    channel.queue_declare("results")
    child = os.fork()
    if not child:
        try:
            for number in range(100):
                channel._put("results", {"number": number})
            os._exit(0)
        finally:
            os._exit(1)
    counts = [channel._size("results") for _ in range(100)]
    assert os.waitpid(child, 0)[1] == 0
    assert counts == sorted(counts)
    assert channel._size("results") == 100


def test_what_is_in_hand_when_the_channel_closes_goes_back(channel: Channel) -> None:
    with Connection(address()) as broker:
        simple = broker.SimpleQueue("results", serializer="json")
        simple.put({"number": 7})
        simple.get(timeout=5)
        simple.close()
    assert channel._size("results") == 1


def test_full_hands_wait_for_room_and_not_for_the_next_round(channel: Channel) -> None:
    for number in range(2):
        channel._put("results", {"properties": {"delivery_tag": str(number)}, "body": "x"})
    taken: list[Any] = []
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume("results", no_ack=False, callback=taken.append, consumer_tag="me")
    channel.drain_events()
    finishing = threading.Timer(0.1, taken[0].ack)
    finishing.start()
    channel.drain_events()
    finishing.join()
    assert [message.delivery_tag for message in taken] == ["0", "1"]


def test_a_region_needs_the_rights_on_two_tables_and_has_no_others(channel: Channel) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS region_test")
        cursor.execute("CREATE ROLE region_test LOGIN")
        cursor.execute(RIGHTS.format(region="region_test"))
    try:
        with Connection(address("region_test")) as broker:
            own: Any = broker.default_channel
            own.queue_declare("region.usa")
            own._put("results", {"number": 1})
            assert take(own) == 1
        url = address("region_test").removeprefix("sqla+").replace("+psycopg", "")
        with psycopg.connect(url) as region, pytest.raises(psycopg.errors.InsufficientPrivilege):
            region.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("monitors_monitor")))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY region_test")
            cursor.execute("DROP ROLE region_test")
