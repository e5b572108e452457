"""Limits on tries without Redis: PostgreSQL counts, and counts right."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from uptime.cache import CountingCache


@pytest.fixture
def cache() -> Iterator[CountingCache]:
    yield (cache := CountingCache("uptime_cache", {}))
    cache.clear()


@pytest.mark.django_db(transaction=True)
def test_everybody_who_counts_at_the_same_time_is_counted(cache: CountingCache) -> None:
    def count(_: int) -> int:
        try:
            cache.add("tries", 0, timeout=60)
            return cache.incr("tries")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        assert sorted(people.map(count, range(40))) == list(range(1, 41))


@pytest.mark.django_db
def test_counting_does_not_prolong_what_is_counted(cache: CountingCache) -> None:
    def expires() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT expires FROM uptime_cache")
            return cursor.fetchone()

    assert cache.add("tries", 0, timeout=5)
    assert not cache.add("tries", 0, timeout=500)
    before = expires()
    assert cache.incr("tries") == 1
    assert expires() == before
    assert cache.get("tries") == 1


@pytest.mark.django_db
def test_what_has_expired_or_never_was_cannot_be_counted(cache: CountingCache) -> None:
    cache.set("tries", 3, timeout=-1)
    for key in ("tries", "others"):
        with pytest.raises(ValueError, match=key):
            cache.incr(key)
